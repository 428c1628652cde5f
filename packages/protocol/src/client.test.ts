import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import type { Client } from "./client.ts";
import { ApiError, createClient } from "./client.ts";

const TOKEN = "a-token-that-stays-inside";
const BASE_URL = "http://gateway.test:8700";
const PROJECT = { id: "p", name: "n", settings: {}, created_at: "2026-11-24T00:00:00.000Z" };

interface Seen {
  readonly url: string;
  readonly init: RequestInit;
}

/** A client whose fetch answers with this, and what it was asked. */
function clientOver(
  answer: () => Response | Promise<Response>,
  baseUrl = BASE_URL,
): { client: Client; seen: Seen[] } {
  const seen: Seen[] = [];
  const client = createClient({
    baseUrl,
    token: TOKEN,
    fetch: async (url, init) => {
      seen.push({ url: url as string, init: init ?? {} });
      return answer();
    },
  });
  return { client, seen };
}

async function failureOf(call: () => Promise<unknown>): Promise<ApiError> {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    assert.ok(!JSON.stringify([error.message, error.stack]).includes(TOKEN));
    return error;
  }
  return assert.fail("did not fail");
}

function failureOfMaking(options: { baseUrl?: string; token?: string }): ApiError {
  try {
    createClient({ baseUrl: BASE_URL, token: TOKEN, ...options });
  } catch (error) {
    assert.ok(error instanceof ApiError);
    return error;
  }
  return assert.fail("was made");
}

describe("what is sent", () => {
  test("a read: the path, the credential, no body", async () => {
    const { client, seen } = clientOver(() => Response.json(PROJECT));
    assert.deepEqual(await client.getProject({ project: "p" }), PROJECT);
    assert.equal(seen[0]?.url, `${BASE_URL}/accounts/projects/p`);
    assert.equal(seen[0]?.init.method, "GET");
    assert.equal(seen[0]?.init.body, null);
    assert.equal(seen[0]?.init.redirect, "manual");
    assert.deepEqual(seen[0]?.init.headers, { accept: "application/json", authorization: `Bearer ${TOKEN}` });
  });

  test("a write: the body without the path's parameters", async () => {
    const { client, seen } = clientOver(() => Response.json({}));
    await client
      .setProvider({ project: "p", provider: "openai", api_key: null, base_url: undefined })
      .catch(() => null);
    assert.equal(seen[0]?.url, `${BASE_URL}/accounts/projects/p/llm-proxy/providers/openai`);
    assert.equal(seen[0]?.init.method, "PUT");
    assert.equal(seen[0]?.init.body, `{"api_key":null}`);
    assert.equal(new Headers(seen[0]?.init.headers).get("content-type"), "application/json");
  });

  test("a filter: lists with commas, nothing for what is undefined", async () => {
    const { client, seen } = clientOver(() => Response.json({}));
    await client
      .getUsage({ project: "p", by: ["model", "api-key"], since: 5, room: "a&b", model: undefined })
      .catch(() => null);
    const { pathname, search } = new URL(seen[0]?.url ?? "");
    assert.equal(pathname, "/accounts/projects/p/llm-proxy/usage");
    assert.equal(search, "?by=model%2Capi-key&since=5&room=a%26b");
    await client.listRooms({ project: "p" }).catch(() => null);
    assert.equal(seen[1]?.url, `${BASE_URL}/accounts/projects/p/rooms`);
  });

  test("a name in the path stays one segment", async () => {
    const { client, seen } = clientOver(() => new Response(null, { status: 204 }));
    assert.equal(await client.deleteRoom({ project: "p", room: "../a/b?c#d%2e é" }), null);
    assert.equal(seen[0]?.url, `${BASE_URL}/accounts/projects/p/rooms/..%2Fa%2Fb%3Fc%23d%252e%20%C3%A9`);
    for (const room of [".", "..", ""]) {
      assert.equal((await failureOf(() => client.getRoom({ project: "p", room }))).code, "invalid_client");
    }
    assert.equal(seen.length, 1);
  });

  test("the base URL keeps its path and loses its slash", async () => {
    const { client, seen } = clientOver(
      () => Response.json({ projects: [PROJECT], next_cursor: null }),
      "https://host.test/mesh//",
    );
    assert.deepEqual(await client.listProjects(), { projects: [PROJECT], next_cursor: null });
    assert.equal(seen[0]?.url, "https://host.test/mesh/accounts/projects");
  });
});

describe("what cannot be a client", () => {
  for (const baseUrl of ["", "gateway", "ftp://a", "http://a/?x", "http://a/#x", "http://user:pw@a"]) {
    test(`the URL ${JSON.stringify(baseUrl)}`, () => {
      const error = failureOfMaking({ baseUrl });
      assert.deepEqual([error.status, error.code], [null, "invalid_client"]);
      assert.match(error.message, /is no URL of a gateway/);
    });
  }

  for (const token of ["", "two words", `${TOKEN}\n`, "käse"]) {
    test(`the token ${JSON.stringify(token)}, which is not repeated`, () => {
      const error = failureOfMaking({ token });
      assert.equal(error.code, "invalid_client");
      assert.ok(token === "" || !error.message.includes(token.trim()));
    });
  }
});

describe("what comes back", () => {
  test("a refusal: the server's status, code and message, made printable", async () => {
    const body = { error: { code: "not_found", message: "No \u001b[31mroom.", more: 1 } };
    const { client } = clientOver(() => Response.json(body, { status: 404 }));
    const { status, code, message } = await failureOf(() => client.listProjects());
    assert.deepEqual([status, code, message], [404, "not_found", "No [31mroom."]);
  });

  test("members that this version does not know are passed over", async () => {
    const { client } = clientOver(() => Response.json({ ...PROJECT, later: 1 }));
    assert.deepEqual(await client.getProject({ project: "p" }), PROJECT);
  });

  const wrong: [string, () => Response, RegExp][] = [
    ["a web page", () => new Response("<html>", { status: 200 }), /something else than this version expects/],
    [
      "a web page that says no",
      () => new Response("<html>", { status: 502 }),
      /answered 502, and not as a gateway/,
    ],
    ["another API's refusal", () => Response.json({ error: "no" }, { status: 401 }), /answered 401/],
    ["another shape", () => Response.json({ projects: [{ ...PROJECT, id: 7 }] }), /\(at projects\.0\.id\)/],
    [
      "a redirect",
      () => new Response(null, { status: 308, headers: { location: "https://b.test/" } }),
      /redirects to "https:\/\/b\.test\/"/,
    ],
  ];
  for (const [what, answer, message] of wrong) {
    test(`${what} is no gateway`, async () => {
      const error = await failureOf(() => clientOver(answer).client.listProjects());
      assert.equal(error.code, "not_a_gateway");
      assert.equal(error.status, answer().status);
      assert.match(error.message, message);
    });
  }
});

describe("what does not come back", () => {
  test("nobody listens: says so, and what to do", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const client = createClient({ baseUrl: `http://127.0.0.1:${port}/`, token: TOKEN });
    const error = await failureOf(() => client.listProjects());
    assert.deepEqual([error.status, error.code], [null, "unreachable"]);
    assert.equal(
      error.message,
      `No gateway answers at http://127.0.0.1:${port} (ECONNREFUSED). ` +
        "Start one with `meshagent serve`, or name another with --api-url or MESHAGENT_API_URL.",
    );
  });

  test("no answer in time, and an answer that stops half-way", async () => {
    for (const start of ["", "{"]) {
      const server = createServer((_request, response) => {
        if (start !== "") response.writeHead(200).write(start);
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const client = createClient({ baseUrl: `http://127.0.0.1:${port}`, token: TOKEN, timeoutMs: 50 });
      const error = await failureOf(() => client.listProjects());
      assert.equal(error.code, "timeout");
      assert.match(error.message, /did not answer within 0\.05 s/);
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
  });

  test("the caller stops it", async () => {
    const stop = new AbortController();
    const client = createClient({
      baseUrl: BASE_URL,
      token: TOKEN,
      fetch: (_url, init) => {
        stop.abort();
        return Promise.reject(init?.signal?.reason as Error);
      },
    });
    const error = await failureOf(() => client.listProjects({}, { signal: stop.signal }));
    assert.deepEqual([error.status, error.code], [null, "aborted"]);
  });
});
