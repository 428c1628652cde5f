/** The Anthropic dialect: `/anthropic`, spoken by Claude Code and the Anthropic SDKs. */

import type { Dialect } from "../dialect.ts";
import { narrowModelList } from "../model-list.ts";
import { anthropicCollecting } from "./collecting.ts";
import { anthropicEndpoints } from "./endpoints.ts";
import { renderAnthropicError, renderAnthropicStreamError } from "./errors.ts";

export const anthropicDialect: Dialect = {
  name: "anthropic",
  mounts: ["/anthropic/v1"],
  baseUrlPaths: ["/anthropic"],
  endpoints: anthropicEndpoints,
  collecting: anthropicCollecting,
  requestIdHeader: "request-id",
  usageInjection: null,
  narrowModelList,
  renderError: renderAnthropicError,
  renderStreamError: (error, _endpointName, requestId) => renderAnthropicStreamError(error, requestId),
};
