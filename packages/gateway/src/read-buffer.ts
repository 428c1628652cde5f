/**
 * Memory that all connections of one kind read into. Node makes 64 KiB for each read of a connection, and what the
 * collector's work on them costs was a third of a large request's CPU (measured). It knows no connection.
 */

const readBytes = 64 * 1024;

/**
 * Memory to be read into by any number of connections, which are done with it when they have handed it over. libuv asks
 * for memory, reads into it and hands it over in one go wherever it waits for readiness; null on Windows, where a read
 * that waits owns its memory.
 */
export function createReadBuffer(): Buffer | null {
  return process.platform === "win32" ? null : Buffer.allocUnsafeSlow(readBytes);
}
