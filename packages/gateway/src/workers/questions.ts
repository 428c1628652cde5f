/** What a keeper and its workers ask each other. Plain data: it is copied from process to process. */

import type { PriceCard } from "../pricing/price-card.ts";
import type { AwaitedUsage, ObjectKey } from "../store/objects.ts";
import type { DirectoryChange } from "../store/store.ts";
import type { TlsFiles } from "../tls-files.ts";
import type { ServeSources } from "../read-config.ts";

/** What a worker begins with. It reads no file that may have changed since its keeper began. */
export interface WorkerStart {
  /** From 1 on; who takes the place of one that died has its number. */
  readonly number: number;
  /** Of the worker's process. */
  readonly bootId: string;
  readonly keeperPid: number;
  readonly sources: ServeSources;
  /** A directory that is there. */
  readonly dataDir: string;
  /** Where its connections were accepted: what `--port 0` came to. */
  readonly port: number;
  readonly masterKey: string;
  readonly ownerToken: string;
  readonly tls: TlsFiles | null;
  /** For a try by hand: notices are the keeper's. */
  readonly webhook: { readonly url: string; readonly secret: string } | null;
  /** The operator's own prices. */
  readonly priceCard: PriceCard | null;
}

/** What a worker asks its keeper. */
export type WorkerQuestions = {
  /** The first: from its answer on, the worker hears of every change. */
  readonly begin: { readonly about: null; readonly answer: WorkerStart };
  /** It takes connections from now on. */
  readonly serves: { readonly about: { readonly url: string }; readonly answer: null };
  /** It takes none any more: it ends by itself. */
  readonly leaves: { readonly about: null; readonly answer: null };
  /** A change of the directory; answered when no other process goes by what was before it. */
  readonly changed: { readonly about: DirectoryChange; readonly answer: null };
  /** The metrics of all. */
  readonly metrics: { readonly about: null; readonly answer: string };
  /** See `Collector`. */
  readonly addAwaited: { readonly about: AwaitedUsage; readonly answer: null };
  readonly wasRead: { readonly about: ObjectKey; readonly answer: null };
  readonly collectBefore: { readonly about: ObjectKey; readonly answer: null };
};

/** What a keeper asks its worker. */
export type KeeperQuestions = {
  /** A change that another process has made; answered when nothing here rests on what was before it. */
  readonly changed: { readonly about: DirectoryChange; readonly answer: null };
  /** Its own. */
  readonly metrics: { readonly about: null; readonly answer: string };
  readonly renewTls: { readonly about: TlsFiles; readonly answer: null };
  /** To finish what runs, and to end. Answered at once. */
  readonly drain: { readonly about: null; readonly answer: null };
};
