import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorKinds, type ErrorCode, GatewayError } from "../errors.ts";
import { retryHeaders } from "../server/answer.ts";
import { anthropicDialect } from "./anthropic/dialect.ts";
import { openAiDialect } from "./openai/dialect.ts";

/** status, type, code on the OpenAI path; status, type on the Anthropic path; whether a repeat can mend it. */
type Row = readonly [
  openAi: readonly [number, string, string],
  anthropic: readonly [number, string],
  mends: boolean,
];

const invalid = "invalid_request_error";

/** Contract 2's table. What it does not name follows the nearest row. */
const expected: Readonly<Record<ErrorCode, Row>> = {
  missing_credential: [
    [401, "authentication_error", "invalid_api_key"],
    [401, "authentication_error"],
    false,
  ],
  invalid_credential: [
    [401, "authentication_error", "invalid_api_key"],
    [401, "authentication_error"],
    false,
  ],
  token_expired: [[401, "authentication_error", "token_expired"], [401, "authentication_error"], false],
  token_revoked: [[401, "authentication_error", "token_revoked"], [401, "authentication_error"], false],
  missing_grant: [[403, "permission_error", "missing_grant"], [403, "permission_error"], false],
  model_not_granted: [[404, invalid, "model_not_found"], [403, "permission_error"], false],
  object_not_found: [[404, invalid, "object_not_found"], [404, "not_found_error"], false],
  unknown_endpoint: [[404, invalid, "unknown_endpoint"], [404, "not_found_error"], false],
  not_supported: [[501, invalid, "not_supported"], [501, "not_supported"], false],
  websocket_not_offered: [[426, invalid, "not_supported"], [426, "not_supported"], false],
  socket_ending: [[400, invalid, "websocket_connection_limit_reached"], [503, "api_error"], true],
  request_too_large: [[413, invalid, "request_too_large"], [413, "request_too_large"], false],
  unsupported_encoding: [[415, invalid, "unsupported_encoding"], [415, invalid], false],
  invalid_body: [[400, invalid, "invalid_body"], [400, invalid], false],
  request_timeout: [[408, invalid, "request_timeout"], [408, invalid], true],
  rate_limit_exceeded: [[429, "rate_limit_error", "rate_limit_exceeded"], [429, "rate_limit_error"], true],
  budget_exceeded: [[402, "billing_error", "budget_exceeded"], [402, "billing_error"], false],
  budget_unboundable: [[402, "billing_error", "budget_unboundable"], [402, "billing_error"], false],
  budget_held: [[429, "rate_limit_error", "budget_held"], [429, "rate_limit_error"], true],
  provider_not_configured: [[400, invalid, "provider_not_configured"], [503, "api_error"], false],
  upstream_unreachable: [[502, "server_error", "upstream_unreachable"], [502, "api_error"], true],
  upstream_timeout: [[504, "server_error", "upstream_timeout"], [504, "timeout_error"], true],
  ledger_unavailable: [[503, "server_error", "ledger_unavailable"], [503, "api_error"], true],
  overloaded: [[503, "server_error", "overloaded"], [503, "api_error"], true],
  draining: [[503, "server_error", "draining"], [503, "api_error"], true],
  internal_error: [[502, "server_error", "internal_error"], [500, "api_error"], true],
};

const message = 'Say "so".\nAnd what to do.';

describe("every code of the catalogue", () => {
  it("stands in the table of this test", () => {
    assert.deepEqual(Object.keys(expected).toSorted(), Object.keys(errorKinds).toSorted());
  });

  for (const [name, row] of Object.entries(expected)) {
    const code = name as ErrorCode;
    const [[status, type, openAiCode], [anthropicStatus, anthropicType], mends] = row;

    it(`${code} in OpenAI's shape`, () => {
      const error = new GatewayError(code, message, { param: "model" });
      const reply = openAiDialect.renderError(error, "ex_1");
      assert.equal(reply.status, status);
      assert.deepEqual(reply.headers, [
        ["content-type", "application/json"],
        ["x-request-id", "ex_1"],
      ]);
      assert.deepEqual(JSON.parse(reply.body), {
        error: { message, type, param: "model", code: openAiCode },
      });
      const bare: unknown = JSON.parse(
        openAiDialect.renderError(new GatewayError(code, message), "ex_1").body,
      );
      assert.deepEqual(bare, { error: { message, type, param: null, code: openAiCode } });
    });

    it(`${code} in Anthropic's shape`, () => {
      const reply = anthropicDialect.renderError(new GatewayError(code, message), "ex_1");
      assert.equal(reply.status, anthropicStatus);
      assert.deepEqual(reply.headers, [
        ["content-type", "application/json"],
        ["request-id", "ex_1"],
      ]);
      assert.deepEqual(JSON.parse(reply.body), {
        type: "error",
        error: { type: anthropicType, message, details: { error_code: code } },
        request_id: "ex_1",
      });
    });

    it(`${code} says whether a repeat can mend it`, () => {
      const headers = retryHeaders(new GatewayError(code, message));
      assert.deepEqual(headers, mends ? [] : [["x-should-retry", "false"]]);
    });

    it(`${code} inside a stream`, () => {
      const error = new GatewayError(code, message);
      assert.equal(
        openAiDialect.renderStreamError(error, "responses", "ex_1"),
        "event: response.failed\ndata: " +
          JSON.stringify({
            type: "response.failed",
            response: { object: "response", status: "failed", error: { code: openAiCode, message } },
          }) +
          "\n\n",
      );
      for (const endpoint of ["chat.completions", "completions"]) {
        assert.equal(
          openAiDialect.renderStreamError(error, endpoint, "ex_1"),
          `data: ${JSON.stringify({ error: { message, type, param: null, code: openAiCode } })}\n\n`,
        );
      }
      assert.equal(
        anthropicDialect.renderStreamError(error, "messages", "ex_1"),
        `event: error\ndata: ${anthropicDialect.renderError(error, "ex_1").body}\n\n`,
      );
    });
  }
});

describe("retry-after", () => {
  it("is in whole seconds as given, beside x-should-retry", () => {
    assert.deepEqual(retryHeaders(new GatewayError("budget_held", "", { retryAfterS: 3 })), [
      ["retry-after", "3"],
    ]);
    assert.deepEqual(retryHeaders(new GatewayError("budget_exceeded", "", { retryAfterS: 1 })), [
      ["x-should-retry", "false"],
      ["retry-after", "1"],
    ]);
  });
});

describe("the catalogue", () => {
  it("explains every error in a sentence, and an error carries its source and cause", () => {
    for (const [code, kind] of Object.entries(errorKinds)) assert.match(kind.about, /^[A-Z].{10,}\.$/, code);
    const cause = new Error("inner");
    const error = new GatewayError("overloaded", "m", { cause });
    assert.deepEqual(
      [error.name, error.message, error.code, error.source, error.cause],
      ["GatewayError", "m", "overloaded", "gateway", cause],
    );
    assert.deepEqual([error.retryAfterS, error.param], [null, null]);
  });
});
