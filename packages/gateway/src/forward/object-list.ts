/**
 * Lists of stored objects, narrowed to the room's own. All rooms share the provider's account, so a page of its
 * list may hold few or none of them: further pages are fetched, within a bound, until the caller's page is as
 * full as it would be if the others' objects did not exist, and `has_more` and the cursors are true of it.
 */

import { decodeChunks, parseContentEncoding } from "../encoding.ts";
import type { Routed } from "../exchange.ts";
import { joinedHeaderValue, requestHeadersUp } from "../headers.ts";
import { madeByEntry, type Ownership } from "../ownership.ts";
import type { ObjectKind } from "../provider-objects.ts";
import type { HeaderLines, UpstreamClient, UpstreamReply } from "../upstream/client.ts";
import type { ReplyEditor } from "./editor.ts";
import { ownUrl } from "./own-urls.ts";

/** A page of 10 000 files is a few MB. */
const MAX_PAGE_BYTES = 32 * 1024 * 1024;

/** Of 100 objects each: an account with more foreign objects than that in one stretch gets a short page. */
const MAX_PAGES = 200;

const PAGE_LIMIT = 100;

export interface ObjectListDeps {
  readonly ownership: Ownership;
  /** Where the operator says the gateway is reached, or null. */
  readonly publicUrl: string | null;
  /** The page of the same list under another query. Rejects when it does not come. */
  readonly fetchPage: (query: URLSearchParams) => Promise<unknown>;
}

export interface ObjectListOptions extends ObjectListDeps {
  readonly routed: Routed;
  readonly kind: ObjectKind;
  readonly reply: UpstreamReply;
}

export class ObjectListEditor implements ReplyEditor {
  readonly isSlow = false;
  readonly #options: ObjectListOptions;
  readonly #chunks: Uint8Array[] = [];
  #byteLength = 0;

  constructor(options: ObjectListOptions) {
    this.#options = options;
  }

  push(chunk: Uint8Array): null {
    this.#byteLength += chunk.byteLength;
    if (this.#byteLength <= MAX_PAGE_BYTES) this.#chunks.push(chunk);
    return null;
  }

  /** A list that cannot be read is withheld: it would show other rooms' objects. */
  async end(): Promise<Uint8Array> {
    if (this.#byteLength > MAX_PAGE_BYTES) throw new Error("The provider's list is too long to be narrowed.");
    const encoding = joinedHeaderValue(this.#options.reply.headers, "content-encoding");
    const first = pageOf(await parse(this.#chunks, encoding));
    if (first === null) throw new Error("The provider's list cannot be read.");
    const narrowed = await this.#narrow(first);
    return Buffer.from(JSON.stringify(narrowed));
  }

  async #narrow(first: Page): Promise<unknown> {
    const query = new URLSearchParams(this.#options.routed.call.query);
    const paging =
      first.nextPage === undefined
        ? new IdPaging(first, { query, cursors: this.#cursors() })
        : new TokenPaging(first, query);
    paging.add(await this.#kept(first));
    for (let pages = 1; pages < MAX_PAGES; pages++) {
      const next = paging.nextQuery();
      if (next === null) break;
      const page = pageOf(await this.#options.fetchPage(next));
      if (page === null) throw new Error("A further page of the provider's list cannot be read.");
      paging.advance(page);
      paging.add(await this.#kept(page));
    }
    const result = paging.result();
    const { endpoint } = this.#options.routed;
    const made = result.data.flatMap((entry) => madeByEntry(endpoint, entry.value, entry.id));
    await this.#options.ownership.recordListed(made);
    return {
      ...first.members,
      ...result.members,
      data: result.data.map(({ value }) => this.#withOwnUrls(value)),
    };
  }

  #withOwnUrls(entry: unknown): unknown {
    const { routed, publicUrl } = this.#options;
    if (routed.endpoint.ownUrls === undefined || typeof entry !== "object" || entry === null) return entry;
    const turned: Record<string, unknown> = { ...entry };
    for (const [name = ""] of routed.endpoint.ownUrls) {
      const url = turned[name];
      if (typeof url === "string") turned[name] = ownUrl(routed, publicUrl, url) ?? url;
    }
    return turned;
  }

  /** As the endpoint's row names them. */
  #cursors(): Cursors {
    const { refersTo } = this.#options.routed.endpoint;
    const names =
      refersTo === "none" ? [] : refersTo.flatMap((place) => (place.in === "query" ? [place.name] : []));
    const named = (word: string): string => names.find((name) => name.startsWith(word)) ?? word;
    return { after: named("after"), before: named("before") };
  }

  async #kept(page: Page): Promise<readonly Entry[]> {
    const visible = await this.#options.ownership.visible(
      this.#options.kind,
      page.entries.map(({ id }) => id),
    );
    return page.entries.filter(({ id }) => visible.has(id));
  }
}

interface Entry {
  readonly id: string;
  readonly value: unknown;
}

interface Page {
  readonly members: Readonly<Record<string, unknown>>;
  readonly entries: readonly Entry[];
  readonly hasMore: boolean;
  /** A token for the next page where the list pages by tokens, null at its end; undefined where it pages by ids. */
  readonly nextPage: string | null | undefined;
}

function pageOf(body: unknown): Page | null {
  if (typeof body !== "object" || body === null || !("data" in body) || !Array.isArray(body.data))
    return null;
  const values: readonly unknown[] = body.data;
  const entries = values.flatMap((value) => {
    const id = typeof value === "object" && value !== null && "id" in value ? value.id : null;
    return typeof id === "string" ? [{ id, value }] : [];
  });
  const members = { ...body };
  const token = "next_page" in body ? body.next_page : undefined;
  return {
    members,
    entries,
    hasMore: "has_more" in body && body.has_more === true,
    nextPage: token === undefined ? undefined : typeof token === "string" && token !== "" ? token : null,
  };
}

interface Narrowed {
  readonly data: readonly Entry[];
  readonly members: Readonly<Record<string, unknown>>;
}

interface Cursors {
  readonly after: string;
  readonly before: string;
}

/** `after` and `before` name objects; a page ends anywhere. */
class IdPaging {
  readonly #first: Page;
  readonly #query: URLSearchParams;
  /** Which parameter goes on: what comes before, in a list that is read backwards. */
  readonly #cursor: string;
  readonly #isBackwards: boolean;
  /** The caller's page has so many; a provider's page is full when there is more. */
  readonly #limit: number;
  #page: Page;
  #kept: Entry[] = [];

  constructor(first: Page, asked: { readonly query: URLSearchParams; readonly cursors: Cursors }) {
    this.#first = first;
    this.#page = first;
    this.#query = asked.query;
    this.#isBackwards = asked.query.has(asked.cursors.before);
    this.#cursor = this.#isBackwards ? asked.cursors.before : asked.cursors.after;
    this.#limit = first.hasMore ? Math.max(1, first.entries.length) : Number.POSITIVE_INFINITY;
  }

  add(kept: readonly Entry[]): void {
    this.#kept = this.#isBackwards ? [...kept, ...this.#kept] : [...this.#kept, ...kept];
  }

  advance(page: Page): void {
    this.#page = page;
  }

  /** One more than the page holds is looked for, so that `has_more` is known. */
  nextQuery(): URLSearchParams | null {
    const edge = this.#isBackwards ? this.#page.entries[0] : this.#page.entries.at(-1);
    if (!this.#page.hasMore || edge === undefined || this.#kept.length > this.#limit) return null;
    const query = new URLSearchParams(this.#query);
    query.set(this.#cursor, edge.id);
    query.set("limit", String(PAGE_LIMIT));
    return query;
  }

  result(): Narrowed {
    const isOver = this.#kept.length > this.#limit;
    const data = !isOver
      ? this.#kept
      : this.#isBackwards
        ? this.#kept.slice(-this.#limit)
        : this.#kept.slice(0, this.#limit);
    const hasMore = isOver || this.#page.hasMore;
    if (hasMore && data.length === 0)
      throw new Error("Too many objects of other rooms stand before the next own one.");
    const { members } = this.#first;
    return {
      data,
      members: {
        ...("has_more" in members ? { has_more: hasMore } : {}),
        ...("first_id" in members ? { first_id: data[0]?.id ?? null } : {}),
        ...("last_id" in members ? { last_id: data.at(-1)?.id ?? null } : {}),
      },
    };
  }
}

/**
 * Tokens stand between the provider's pages, so no page is cut here: one that holds more than is missing is asked
 * for again, up to the entry that fills the caller's page.
 */
class TokenPaging {
  readonly #query: URLSearchParams;
  readonly #limit: number;
  #page: Page;
  /** The token that led to the page at hand, and to the one that is asked for next. */
  #token: string | null = null;
  #cutAt: number | null = null;
  #kept: Entry[] = [];
  /** The token after the last page of which something is kept. */
  #end: string | null;
  #hasBeyond = false;

  constructor(first: Page, query: URLSearchParams) {
    this.#query = query;
    this.#page = first;
    this.#end = first.nextPage ?? null;
    this.#limit = Number(query.get("limit")) || Math.max(1, first.entries.length);
  }

  get #missing(): number {
    return this.#limit - this.#kept.length;
  }

  add(kept: readonly Entry[]): void {
    const wasCut = this.#cutAt !== null;
    this.#cutAt = null;
    if (this.#missing <= 0) {
      this.#hasBeyond = kept.length > 0;
      return;
    }
    const last = kept[this.#missing - 1];
    if (kept.length > this.#missing && last !== undefined) {
      this.#cutAt = this.#page.entries.indexOf(last) + 1;
      return;
    }
    this.#kept.push(...kept);
    this.#end = this.#page.nextPage ?? null;
    this.#hasBeyond = wasCut;
  }

  advance(page: Page): void {
    this.#page = page;
  }

  nextQuery(): URLSearchParams | null {
    if (this.#hasBeyond) return null;
    if (this.#cutAt === null) this.#token = this.#page.nextPage ?? null;
    if (this.#token === null) return null;
    const query = new URLSearchParams(this.#query);
    query.set("page", this.#token);
    query.set("limit", String(this.#cutAt ?? PAGE_LIMIT));
    return query;
  }

  result(): Narrowed {
    const isAtEnd = !this.#hasBeyond && (this.#page.nextPage ?? null) === null;
    return { data: this.#kept, members: { next_page: isAtEnd ? null : this.#end } };
  }
}

async function parse(chunks: readonly Uint8Array[], contentEncoding: string): Promise<unknown> {
  const encodings = parseContentEncoding(contentEncoding);
  if (encodings === null) return null;
  const decoded: Uint8Array[] = [];
  try {
    for await (const chunk of decodeChunks(chunks, encodings, { maxDecodedBytes: MAX_PAGE_BYTES })) {
      decoded.push(chunk);
    }
    return JSON.parse(Buffer.concat(decoded).toString("utf8"));
  } catch {
    return null;
  }
}

/** Asks the provider for a further page as the caller asked for the first. Rejects unless it answers 200. */
export function fetchListPage(
  { routed, client }: { readonly routed: Routed; readonly client: Pick<UpstreamClient, "send"> },
  query: URLSearchParams,
): Promise<unknown> {
  const { call, endpointPath, upstream, provider } = routed;
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let byteLength = 0;
    let headers: HeaderLines = [];
    const upstreamCall = client.send(
      {
        method: "GET",
        origin: upstream.origin,
        path: `${upstream.basePath}${endpointPath}?${query}`,
        headers: requestHeadersUp(call.request.rawHeaders, {
          authorization: upstream.apiKey === null ? [] : provider.authorization(upstream.apiKey),
          isBodyDecoded: true,
          wantsIdentity: true,
        }),
        body: null,
        timeouts: upstream.timeouts,
      },
      {
        onReply: (reply) => {
          headers = reply.headers;
          if (reply.status === 200) return;
          reject(new Error(`The provider answered ${reply.status} to a further page of its list.`));
          queueMicrotask(() => upstreamCall.abort());
        },
        onChunk: (chunk) => {
          byteLength += chunk.byteLength;
          chunks.push(chunk);
          if (byteLength <= MAX_PAGE_BYTES) return true;
          reject(new Error("A further page of the provider's list is too long."));
          queueMicrotask(() => upstreamCall.abort());
          return false;
        },
        onEnd: () => resolve(parse(chunks, joinedHeaderValue(headers, "content-encoding"))),
        onFailure: (failure) => reject(failure.cause),
      },
    );
  });
}
