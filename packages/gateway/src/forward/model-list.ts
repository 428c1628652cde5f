/**
 * Model lists, narrowed to what the token may use, and with what a client of the dialect wants to know besides. A list
 * for which neither holds passes as it came.
 */

import { allowsModel } from "@meshagent/llm-proxy-protocol/grants";
import type { AddCatalogue } from "../dialects/dialect.ts";
import { decodeChunks, parseContentEncoding } from "../encoding.ts";
import type { Routed } from "../exchange.ts";
import { joinedHeaderValue } from "../headers.ts";
import type { UpstreamReply } from "../upstream/client.ts";
import type { ReplyEditor } from "./editor.ts";

/** A model list of a provider is some hundred KB at most; what is larger is not one. */
const maxListBytes = 16 * 1024 * 1024;

/** What this caller reads besides the list; null for all but one client. */
export function findCatalogueFor({ call, dialect }: Routed): AddCatalogue | null {
  return dialect.findCatalogue?.({ query: call.query, headers: call.request.headers }) ?? null;
}

export function createModelListEditor(routed: Routed, reply: UpstreamReply): ReplyEditor | null {
  const { principal } = routed;
  const addCatalogue = findCatalogueFor(routed);
  if (principal.grants.llm?.models == null && addCatalogue === null) return null;
  return new ModelListEditor({ routed, reply, addCatalogue });
}

interface ModelListOptions {
  readonly routed: Routed;
  readonly reply: UpstreamReply;
  readonly addCatalogue: AddCatalogue | null;
}

class ModelListEditor implements ReplyEditor {
  readonly isSlow = false;
  readonly #options: ModelListOptions;
  readonly #chunks: Uint8Array[] = [];
  #byteLength = 0;

  constructor(options: ModelListOptions) {
    this.#options = options;
  }

  push(chunk: Uint8Array): null {
    this.#byteLength += chunk.byteLength;
    if (this.#byteLength <= maxListBytes) this.#chunks.push(chunk);
    return null;
  }

  /** A list that cannot be read is withheld: it would show what the token may not use. */
  async end(): Promise<Uint8Array> {
    const { routed, addCatalogue } = this.#options;
    const { dialect, provider, principal } = routed;
    const grant = principal.grants.llm;
    const isGranted = (model: string): boolean => grant !== null && allowsModel(grant, provider.name, model);
    const narrowed = dialect.narrowModelList(await this.#parse(), isGranted);
    const list = addCatalogue === null ? narrowed : addCatalogue(narrowed, { provider, isGranted });
    return Buffer.from(JSON.stringify(list));
  }

  async #parse(): Promise<unknown> {
    const empty = { object: "list", data: [] };
    const encodings = parseContentEncoding(
      joinedHeaderValue(this.#options.reply.headers, "content-encoding"),
    );
    if (encodings === null || this.#byteLength > maxListBytes) return empty;
    try {
      const decoded: Uint8Array[] = [];
      for await (const chunk of decodeChunks(this.#chunks, encodings, { maxDecodedBytes: maxListBytes })) {
        decoded.push(chunk);
      }
      return JSON.parse(Buffer.concat(decoded).toString("utf8"));
    } catch {
      return empty;
    }
  }
}
