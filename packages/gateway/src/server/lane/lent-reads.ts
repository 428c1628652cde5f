/**
 * Reads of an accepted connection into memory that is shared. `net.connect` can be told to read so (`onread`); for a
 * connection that was accepted there is no such option, so that its handle is given to a new socket.
 */

import { Socket } from "node:net";

/**
 * The same connection with its reads given to `onBytes`, in memory that is its own for the length of the call. null
 * where that cannot be had (TLS decrypts into memory of its own): the connection is as it was. It is no stream to read
 * from any more, but for what is pushed to it.
 */
export function lentReads(
  accepted: Socket,
  buffer: Buffer | null,
  onBytes: (bytes: Buffer) => void,
): Socket | null {
  const held = accepted as unknown as HandleHolder;
  const handle = held._handle;
  if (buffer === null || "encrypted" in accepted || handle?.isStreamBase !== true) return null;
  held._handle = null;
  // It was no more than the handle's wrapping, and the server's count of it.
  accepted.destroy();
  return new Socket({
    handle,
    allowHalfOpen: true,
    readable: true,
    writable: true,
    onread: {
      buffer,
      callback: (byteLength: number) => {
        onBytes(buffer.subarray(0, byteLength));
        return true;
      },
    },
  } as unknown as ConstructorParameters<typeof Socket>[0]);
}

/** Where `net.Socket` keeps what it wraps. */
interface HandleHolder {
  _handle: { readonly isStreamBase?: boolean } | null;
}
