/**
 * The promises of `store.ts` as tests, to be run over every store. Uses nothing but that interface, so that
 * it holds for any of them. The random comparison with a plain model is in `model-conformance.ts`.
 */

import { directoryConformance } from "./directory-conformance.ts";
import { ledgerConformance } from "./ledger-conformance.ts";
import { modelConformance } from "./model-conformance.ts";
import { reportsConformance } from "./reports-conformance.ts";
import type { OpenStore } from "./store-under-test.ts";

/** Registers the whole suite. `name` is the store's, for the titles. */
export function storeConformance(name: string, open: OpenStore): void {
  directoryConformance(name, open);
  ledgerConformance(name, open);
  reportsConformance(name, open);
  modelConformance(name, open);
}
