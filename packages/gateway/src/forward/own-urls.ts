/**
 * Links in replies that lead back to the provider, such as a message batch's `results_url`: the SDKs follow them
 * with the caller's credential, which is the gateway's to check and would be the provider's to see. They are turned
 * to the gateway, at the address that the caller used; not another byte of the reply changes.
 */

import { createReplyDecoder, type ReplyDecoder } from "../reply-decoder.ts";
import type { Routed } from "../exchange.ts";
import { joinedHeaderValue } from "../headers.ts";
import { createJsonPicker, type PickPath } from "../json-pick.ts";
import type { UpstreamReply } from "../upstream/client.ts";
import type { ReplyEditor } from "./editor.ts";

/** A batch object has about a KB. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The same link at the gateway, or null for what is no link to the API. `publicUrl` is the operator's, or null. */
export function ownUrl({ call, dialect }: Routed, publicUrl: string | null, url: string): string | null {
  const path = /^https?:\/\/[^/]+(?:\/.*?)?(\/v1\/.*)$/.exec(url)?.[1];
  const mount = dialect.mounts.find((prefix) => call.path.startsWith(`${prefix}/`));
  if (path === undefined || mount === undefined) return null;
  const isEncrypted = "encrypted" in call.request.socket;
  const base = publicUrl ?? `${isEncrypted ? "https" : "http"}://${call.request.headers.host ?? ""}`;
  return base.replace(/\/+$/, "") + mount + path.slice("/v1".length);
}

export class OwnUrlEditor implements ReplyEditor {
  readonly isSlow = true;
  readonly #options: OwnUrlOptions;
  readonly #decoder: ReplyDecoder | null = null;
  readonly #chunks: Buffer[] = [];
  #byteLength = 0;

  constructor(options: OwnUrlOptions) {
    this.#options = options;
    const contentEncoding = joinedHeaderValue(options.reply.headers, "content-encoding");
    if (contentEncoding === "") return;
    const decoder = createReplyDecoder({
      contentEncoding,
      maxDecodedBytes: MAX_BYTES,
      onBytes: (bytes) => this.#keep(bytes),
    });
    if (typeof decoder === "string") throw new Error(decoder);
    this.#decoder = decoder;
  }

  async push(chunk: Uint8Array): Promise<null> {
    if (this.#decoder === null) this.#keep(chunk);
    else await this.#decoder.push(chunk);
    return null;
  }

  async end(): Promise<Uint8Array> {
    await this.#decoder?.cut();
    const bytes = Buffer.concat(this.#chunks);
    const picker = createJsonPicker(this.#options.paths);
    picker.push(bytes);
    const parts: Uint8Array[] = [];
    let from = 0;
    for (const { value, valueStart, valueEnd } of picker.end().found) {
      if (typeof value !== "string") continue;
      const url = ownUrl(this.#options.routed, this.#options.publicUrl, value);
      if (url === null) continue;
      parts.push(bytes.subarray(from, valueStart), Buffer.from(JSON.stringify(url)));
      from = valueEnd;
    }
    return Buffer.concat([...parts, bytes.subarray(from)]);
  }

  /** Copied: the decoder may use its memory again. */
  #keep(bytes: Uint8Array): void {
    this.#byteLength += bytes.byteLength;
    if (this.#byteLength > MAX_BYTES) throw new Error("The reply is too long to be read as one object.");
    this.#chunks.push(Buffer.from(bytes));
  }
}

export interface OwnUrlOptions {
  readonly routed: Routed;
  readonly reply: UpstreamReply;
  readonly paths: readonly PickPath[];
  readonly publicUrl: string | null;
}
