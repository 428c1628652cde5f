/**
 * Audio of the simulated provider: silence that players play, in the formats that can be written by hand, and how
 * long an uploaded recording is.
 */

import type { UploadedFile } from "./form.ts";

/** What OpenAI's speech has: 24,000 samples a second, 16 bits, one channel. */
const SAMPLE_RATE = 24_000;
const BYTES_PER_SAMPLE = 2;

/** An MPEG-1 layer III frame of 128 kbit/s and 44.1 kHz, one channel: a header, and no sound in it. */
const MP3_FRAME: Buffer = Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0xc4]), Buffer.alloc(413)]);
const MP3_FRAMES_PER_SECOND = 44_100 / 1152;

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  mp3: "audio/mpeg",
  opus: "audio/opus",
  aac: "audio/aac",
  flac: "audio/flac",
  wav: "audio/wav",
  pcm: "audio/pcm",
};

export interface Audio {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** So much silence. `opus`, `aac` and `flac` have the right name and no content that plays. */
export function silence(format: string, durationS: number): Audio {
  const contentType = MEDIA_TYPES[format] ?? "audio/mpeg";
  const samples = Buffer.alloc(Math.round(durationS * SAMPLE_RATE) * BYTES_PER_SAMPLE);
  if (format === "pcm") return { contentType, bytes: samples };
  if (format === "wav") return { contentType, bytes: Buffer.concat([wavHeader(samples.length), samples]) };
  const frames = Math.ceil(durationS * MP3_FRAMES_PER_SECOND);
  if (contentType === "audio/mpeg")
    return { contentType, bytes: Buffer.concat(Array.from({ length: frames }, () => MP3_FRAME)) };
  return { contentType, bytes: Buffer.from(`simulated ${format}, ${durationS} s`) };
}

function wavHeader(dataBytes: number): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + dataBytes, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * BYTES_PER_SAMPLE, 28);
  header.writeUInt16LE(BYTES_PER_SAMPLE, 32);
  header.writeUInt16LE(8 * BYTES_PER_SAMPLE, 34);
  header.write("data", 36);
  header.writeUInt32LE(dataBytes, 40);
  return header;
}

/** Seconds of a WAV file by its own header; of anything else as if it had 128 kbit/s. */
export function durationOf({ bytes }: UploadedFile): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isWav = view.length > 44 && view.toString("latin1", 0, 4) === "RIFF";
  const bytesPerSecond = isWav ? view.readUInt32LE(28) : 0;
  return bytesPerSecond > 0 ? (view.length - 44) / bytesPerSecond : view.length / 16_000;
}
