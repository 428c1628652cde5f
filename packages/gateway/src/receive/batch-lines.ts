/**
 * Reads a file of batch requests, one JSON object a line, while it is uploaded: which models its lines ask for
 * and which stored objects they name. A file that is not read to its end is no batch file to the gateway.
 */

import { parseStrictJson } from "@meshagent/llm-proxy-protocol/strict-json";
import type { BatchFilePlaces, LeftModels } from "../dialects/dialect.ts";
import type { BatchFile } from "../exchange.ts";
import type { PickPath } from "../json-pick.ts";
import type { ObjectReference } from "../provider-objects.ts";
import { hasLeftModel } from "./left-models.ts";
import { referencesIn } from "./references.ts";

const NEWLINE = 0x0a;

/** Longer than any request that a provider takes in a line. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

/** Stands for any model of the provider's: a grant covers it that ends right there in `*`. */
const CHOSEN_MODEL = "(of the provider's choice)";

/** More different models than a file can reasonably ask for. */
const MAX_MODELS = 1000;

export interface ReadBatchFile extends BatchFile {
  readonly references: readonly ObjectReference[];
}

export class BatchLines {
  readonly #places: BatchFilePlaces;
  readonly #models = new Set<string>();
  readonly #references = new Map<string, ObjectReference>();
  #line: Buffer[] = [];
  #lineBytes = 0;
  #isBroken = false;

  constructor(places: BatchFilePlaces) {
    this.#places = places;
  }

  push(content: Uint8Array): void {
    const view = Buffer.from(content.buffer, content.byteOffset, content.length);
    let from = 0;
    for (let to = view.indexOf(NEWLINE); to !== -1 && !this.#isBroken; to = view.indexOf(NEWLINE, from)) {
      this.#keep(view.subarray(from, to));
      this.#endLine();
      from = to + 1;
    }
    if (!this.#isBroken) this.#keep(view.subarray(from));
  }

  /** The content is not what it seems: it comes encoded, or twice. */
  spoil(): void {
    this.#isBroken = true;
    this.#line = [];
  }

  /** null when some of the file could not be read. */
  end(): ReadBatchFile | null {
    if (!this.#isBroken) this.#endLine();
    if (this.#isBroken) return null;
    return { models: [...this.#models], references: [...this.#references.values()] };
  }

  #keep(part: Buffer): void {
    this.#lineBytes += part.length;
    if (this.#lineBytes > MAX_LINE_BYTES) this.spoil();
    else if (part.length > 0) this.#line.push(Buffer.from(part));
  }

  #endLine(): void {
    const line = this.#line.length === 1 ? this.#line[0] : Buffer.concat(this.#line);
    this.#line = [];
    this.#lineBytes = 0;
    if (line === undefined || line.every((byte) => byte <= 0x20)) return;
    try {
      this.#read(parseStrictJson(line));
    } catch {
      this.spoil();
    }
  }

  #read(line: unknown): void {
    if (typeof line !== "object" || line === null || !("body" in line)) return this.spoil();
    for (const path of this.#places.models) {
      for (const value of valuesAt(line.body, path)) {
        if (typeof value === "string" && value !== "") this.#models.add(value);
        else if (path.length === 1) return this.spoil();
      }
    }
    if (leavesModel(line.body, this.#places.leftModels)) this.#models.add(CHOSEN_MODEL);
    for (const reference of referencesIn(this.#places.references, line.body)) {
      this.#references.set(`${reference.kind} ${reference.id}`, reference);
    }
    if (this.#models.size > MAX_MODELS) this.spoil();
  }
}

/** It names no model, as lines for images may, or uses one that it does not name. */
function leavesModel(body: unknown, left: LeftModels): boolean {
  return valuesAt(body, ["model"]).length === 0 || hasLeftModel(left, body);
}

function valuesAt(value: unknown, path: PickPath): readonly unknown[] {
  const [step, ...rest] = path;
  if (step === undefined) return [value];
  if (step === "*") return Array.isArray(value) ? value.flatMap((each) => valuesAt(each, rest)) : [];
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return [];
  return valuesAt((value as Record<string, unknown>)[step], rest);
}
