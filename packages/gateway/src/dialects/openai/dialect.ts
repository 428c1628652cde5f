/** The OpenAI dialect: `/openai/v1` (also `/v1`), spoken by Codex CLI, the OpenAI SDKs and most other clients. */

import type { Dialect } from "../dialect.ts";
import { narrowModelList } from "../model-list.ts";
import { codexCatalogue } from "./codex-catalogue.ts";
import { createUsageFilter, planIncludeUsage } from "./include-usage.ts";
import { openAiCollecting } from "./collecting.ts";
import { openAiEndpoints } from "./endpoints.ts";
import { renderOpenAiError, renderOpenAiStreamError } from "./errors.ts";

export const openAiDialect: Dialect = {
  name: "openai",
  mounts: ["/openai/v1", "/v1"],
  baseUrlPaths: ["/openai/v1", "/v1"],
  endpoints: openAiEndpoints,
  collecting: openAiCollecting,
  requestIdHeader: "x-request-id",
  usageInjection: { plan: planIncludeUsage, createFilter: createUsageFilter },
  narrowModelList,
  findCatalogue: codexCatalogue,
  renderError: renderOpenAiError,
  renderStreamError: renderOpenAiStreamError,
};
