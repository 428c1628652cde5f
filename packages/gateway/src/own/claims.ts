/**
 * Records which room made an object, before the caller has its id: finds ids in replies on their way, and writes
 * who made them. It changes no byte; the bytes with an id wait for its row (`forward/relay.ts`).
 */

import type { Makes } from "../dialects/dialect.ts";
import type { ReplyEnd, ReplyReading, UsageReader } from "../dialects/usage-reader.ts";
import type { Routed } from "../exchange.ts";
import { createJsonPicker, type JsonPicker, type Picked, type PickPath } from "../json-pick.ts";
import type { Claim, Ownership } from "../ownership.ts";
import type { MadeObject, ObjectKind } from "../provider-objects.ts";
import type { ProviderObject } from "../store/objects.ts";
import { type OwnDeps, visibility } from "./own.ts";
import { upstreamIdentity } from "../upstream-identity.ts";

/** A reply's ids are no longer than this. */
const MAX_ID_BYTES = 1024;

/** A list shows at most so many. */
const MAX_FOUND = 100_000;

export function createOwnership(deps: OwnDeps, routed: Routed): Ownership {
  const { endpoint, policy } = routed;
  const declared = (policy.isThread ? endpoint.makesInThread : undefined) ?? endpoint.makes;
  const makes = isKept(routed) ? declared : "none";
  const record = (made: readonly MadeObject[], isNew: boolean): Promise<void> =>
    deps.objects.record(
      made.map((each) => rowOf(deps, routed, each)),
      { isNew },
    );
  return {
    claim: (form, reader) => {
      if (makes === "none" || endpoint.lists !== "none" || !isSuccess(form.status)) return null;
      const parentId = makes.parent === null ? null : (routed.ids[makes.parent] ?? null);
      return new ReplyClaim({ makes, parentId, isStream: form.isStream, reader, record });
    },
    recordShown: async (status, reading) => {
      if (status !== null && isSuccess(status)) tellRead(deps, routed);
      if (makes === "none" || status === null || !isSuccess(status)) return;
      const parentId = reading?.responseId ?? null;
      const own = makes.objects.find(({ at }) => isOwnId(at));
      // Over a socket nobody has claimed it on its way.
      if (endpoint.socket !== undefined && own !== undefined && parentId !== null)
        await record([{ kind: own.kind, id: parentId, parentId: null }], true);
      await record(
        (reading?.made ?? []).map((each) => ({ ...each, parentId })),
        false,
      );
    },
    recordListed: (made) => record(made, false),
    visible: async (kind, ids) => {
      const { projectId } = routed.principal;
      const found = await deps.objects.find(
        { projectId, upstream: upstreamIdentity(routed.upstream), kind },
        ids,
      );
      return new Set(found.filter(await visibility(deps, routed)).map(({ id }) => id));
    },
  };
}

function tellRead(deps: OwnDeps, { endpoint, references, principal, upstream: from }: Routed): void {
  if (endpoint.method === "DELETE" || references.length === 0) return;
  const upstream = upstreamIdentity(from);
  for (const { kind, id, param } of references) {
    if (param === "") deps.wasRead({ projectId: principal.projectId, upstream, kind, id });
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** What the provider does not keep belongs to nobody. */
function isKept({ endpoint, policy }: Routed): boolean {
  if (endpoint.makes === "none") return false;
  if (endpoint.makes.when === "unless_store_false") return policy.isStored !== false || policy.isBackground;
  return endpoint.makes.when === "always" || policy.isStored === true;
}

const dayMs = 24 * 3600 * 1000;

/**
 * Twice as long as providers say they keep it: a row that is gone too early would hide an object from its own
 * room. null: until it is deleted.
 */
const keptDays: Readonly<Record<ObjectKind, number | null>> = {
  response: 60,
  message: 60,
  item: 60,
  conversation: null,
  chat_completion: 60,
  file: null,
  upload: 2,
  batch: null,
  message_batch: 60,
  video: 60,
  container: 60,
};

function rowOf(deps: OwnDeps, routed: Routed, made: MadeObject): ProviderObject {
  const { principal, call, policy } = routed;
  const createdAtMs = deps.clock.now();
  const days = isInConversation(routed) ? null : keptDays[made.kind];
  return {
    projectId: principal.projectId,
    upstream: upstreamIdentity(routed.upstream),
    kind: made.kind,
    id: made.id,
    room: principal.room,
    participant: principal.participant,
    exchangeId: call.exchangeId,
    parentId: made.parentId,
    createdAtMs,
    expiresAtMs: days === null ? null : createdAtMs + days * dayMs,
    models:
      made.kind === "video" && policy.model !== "" ? [policy.model] : (routed.batchFile?.models ?? null),
  };
}

/** Items of a conversation live as long as it does. */
function isInConversation({ references }: Routed): boolean {
  return references.some(({ kind }) => kind === "conversation");
}

interface ClaimOptions {
  readonly makes: Makes;
  readonly parentId: string | null;
  readonly isStream: boolean;
  readonly reader: UsageReader | null;
  readonly record: (made: readonly MadeObject[], isNew: boolean) => Promise<void>;
}

const nothingRead: ReplyReading = {
  outcome: "ok",
  usage: [],
  responseId: null,
  servedModel: null,
  servedTier: null,
};

const ownIdPaths = new WeakMap<Makes, readonly PickPath[]>();
const allPaths = new WeakMap<Makes, readonly PickPath[]>();

/** A picker prepares each list of paths once, so each is made once. */
function pathsOf(makes: Makes, isOwnIdOnly: boolean): readonly PickPath[] {
  const cache = isOwnIdOnly ? ownIdPaths : allPaths;
  let paths = cache.get(makes);
  if (paths === undefined) {
    const wanted = isOwnIdOnly ? makes.objects.filter(({ at }) => isOwnId(at)) : makes.objects;
    paths = wanted.map(({ at }) => at);
    cache.set(makes, paths);
  }
  return paths;
}

function isOwnId(path: PickPath): boolean {
  return path.length === 1 && path[0] === "id";
}

/**
 * Passes the reply's bytes to the reader that it stands for. The id of the object itself is looked for at once:
 * in a stream the reader has it from the first event, in a plain reply it is picked. What else such a reply shows
 * the reader tells at its end (`recordShown`); only where nothing is metered, this picks it all.
 */
class ReplyClaim implements Claim {
  readonly #options: ClaimOptions;
  readonly #picker: JsonPicker | null;
  #taken = 0;
  #isOwnIdKnown: boolean;
  #due: { readonly made: MadeObject; readonly isNew: boolean }[] = [];

  constructor(options: ClaimOptions) {
    this.#options = options;
    const isMetered = options.reader !== null;
    const paths = pathsOf(options.makes, isMetered);
    this.#isOwnIdKnown = isMetered && paths.length === 0;
    const isPicked = !options.isStream && paths.length > 0;
    this.#picker = isPicked
      ? createJsonPicker(paths, { maxValueBytes: MAX_ID_BYTES, maxFound: MAX_FOUND })
      : null;
  }

  get isInputTold(): boolean {
    return this.#options.reader?.isInputTold ?? false;
  }

  get isTerminal(): boolean {
    return this.#options.reader?.isTerminal ?? false;
  }

  get isDue(): boolean {
    return this.#due.length > 0;
  }

  push(chunk: Uint8Array): void {
    const { reader } = this.#options;
    reader?.push(chunk);
    if (this.#isOwnIdKnown) return;
    if (this.#picker === null) this.#takeFromStream(reader);
    else this.#pick(this.#picker, chunk);
  }

  read(end: ReplyEnd): ReplyReading {
    return this.#options.reader?.read(end) ?? nothingRead;
  }

  async record(): Promise<void> {
    const due = this.#due;
    this.#due = [];
    const madeOf = (isNew: boolean): MadeObject[] =>
      due.filter((each) => each.isNew === isNew).map(({ made }) => made);
    await Promise.all([this.#options.record(madeOf(true), true), this.#options.record(madeOf(false), false)]);
  }

  #takeFromStream(reader: UsageReader | null): void {
    const id = reader?.read("cut").responseId ?? null;
    const own = this.#options.makes.objects.find(({ at }) => isOwnId(at));
    if (id === null || own === undefined) return;
    this.#isOwnIdKnown = true;
    this.#add(own.kind, id, true);
  }

  #pick(picker: JsonPicker, chunk: Uint8Array): void {
    picker.push(chunk);
    const { found } = picker;
    for (; this.#taken < found.length; this.#taken++) this.#take(found[this.#taken]);
  }

  #take(picked: Picked | undefined): void {
    const object = this.#options.makes.objects.find(({ at }) => at === picked?.path);
    if (object === undefined || typeof picked?.value !== "string" || picked.value === "") return;
    const isOwn = isOwnId(object.at);
    // Nothing more to look for: the reader tells the rest.
    if (isOwn && this.#options.reader !== null) this.#isOwnIdKnown = true;
    this.#add(object.kind, picked.value, isOwn);
  }

  #add(kind: ObjectKind, id: string, isNew: boolean): void {
    this.#due.push({ made: { kind, id, parentId: this.#options.parentId }, isNew });
  }
}
