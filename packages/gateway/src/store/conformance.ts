/**
 * The promises of `store.ts` as tests, to be run over every store. Uses nothing but that interface, so that
 * it holds for any of them. The random comparison with a plain model is in `conformance/`.
 */

import { auditConformance } from "./conformance/audit-conformance.ts";
import { directoryConformance } from "./conformance/directory-conformance.ts";
import { ledgerConformance } from "./conformance/ledger-conformance.ts";
import { limitDefinitionsConformance } from "./conformance/limit-definitions-conformance.ts";
import { limitsConformance } from "./conformance/limits-conformance.ts";
import { limitsModelConformance } from "./conformance/limits-model-conformance.ts";
import { modelConformance } from "./conformance/model-conformance.ts";
import { noticesConformance } from "./conformance/notices-conformance.ts";
import { objectsConformance } from "./conformance/objects-conformance.ts";
import { reportsConformance } from "./conformance/reports-conformance.ts";
import { retentionConformance } from "./conformance/retention-conformance.ts";
import { revocationsConformance } from "./conformance/revocations-conformance.ts";
import type { OpenStore } from "./conformance/store-under-test.ts";
import { wrongBoundsConformance } from "./conformance/wrong-bounds-conformance.ts";

/** Registers the whole suite. `name` is the store's, for the titles. */
export function storeConformance(name: string, open: OpenStore): void {
  auditConformance(name, open);
  directoryConformance(name, open);
  ledgerConformance(name, open);
  limitDefinitionsConformance(name, open);
  limitsConformance(name, open);
  limitsModelConformance(name, open);
  noticesConformance(name, open);
  reportsConformance(name, open);
  retentionConformance(name, open);
  revocationsConformance(name, open);
  modelConformance(name, open);
  objectsConformance(name, open);
  wrongBoundsConformance(name, open);
}
