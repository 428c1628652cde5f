/**
 * Every list of the management API, page by page on the real gateway: each item once, in one order, also
 * while items come and go.
 */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { PageQuery, Route, RouteName } from "@meshagent/llm-proxy-protocol/api";
import { listAll, routes } from "@meshagent/llm-proxy-protocol/api";
import { ApiError, createClient } from "@meshagent/llm-proxy-protocol/client";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let gateway: TestGateway;
let owner: Client;
let project: string;
before(async () => {
  gateway = await startTestGateway();
  owner = createClient({ baseUrl: gateway.url, token: gateway.ownerToken });
  project = gateway.projectId;
});
after(() => gateway.close());

interface Page {
  readonly items: readonly string[];
  readonly next: string | null;
}

interface List {
  readonly page: (query: PageQuery) => Promise<Page>;
  /** Adds an item; gives how it is called in the list. Absent for lists that nobody adds to. */
  readonly add?: (name: string) => Promise<string>;
  readonly remove?: (item: string) => Promise<unknown>;
  /** Where a new item comes in: after all that there are, before them, or by its name. */
  readonly order: "oldest first" | "newest first" | "by name";
}

async function ask(room: string): Promise<string> {
  const reply = await fetch(`${gateway.openaiUrl}/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${await gateway.token({ room })}` },
    body: JSON.stringify({ model: "gpt-5.5", input: "hi" }),
  });
  await reply.arrayBuffer();
  return reply.headers.get("x-meshagent-exchange-id") ?? "";
}

async function newestEntry(): Promise<string> {
  const { entries } = await owner.listAudit({ limit: 1 });
  return String(entries[0]?.seq);
}

const account = "default";
const lists = {
  listProjects: {
    page: async (query) => {
      const { projects, next_cursor: next } = await owner.listProjects(query);
      return { items: projects.map(({ id }) => id), next };
    },
    add: async (name) => (await owner.createProject({ name })).id,
    order: "oldest first",
  },
  listServiceAccounts: {
    page: async (query) => {
      const reply = await owner.listServiceAccounts({ project, ...query });
      return { items: reply.service_accounts.map(({ id }) => id), next: reply.next_cursor };
    },
    add: async (name) => (await owner.createServiceAccount({ project, name })).id,
    remove: (item) => owner.deleteServiceAccount({ project, service_account: item }),
    order: "oldest first",
  },
  listApiKeys: {
    page: async (query) => {
      const { keys, next_cursor: next } = await owner.listApiKeys({ project, ...query });
      return { items: keys.map(({ id }) => id), next };
    },
    add: async (name) => (await owner.createApiKey({ project, name })).id,
    remove: (item) => owner.deleteApiKey({ project, api_key: item }),
    order: "oldest first",
  },
  listServiceAccountApiKeys: {
    page: async (query) => {
      const which = { project, service_account: account, ...query };
      const { keys, next_cursor: next } = await owner.listServiceAccountApiKeys(which);
      return { items: keys.map(({ id }) => id), next };
    },
    add: async (name) =>
      (await owner.createServiceAccountApiKey({ project, service_account: account, name })).id,
    remove: (item) => owner.deleteServiceAccountApiKey({ project, service_account: account, api_key: item }),
    order: "oldest first",
  },
  listBudgets: {
    page: async (query) => {
      const { budgets, next_cursor: next } = await owner.listBudgets({ project, ...query });
      return { items: budgets.map(({ id }) => id), next };
    },
    add: async (name) => (await owner.createBudget({ project, name, amount_usd: "10" })).id,
    remove: (item) => owner.deleteBudget({ project, budget: item }),
    order: "oldest first",
  },
  listLimits: {
    page: async (query) => {
      const { limits, next_cursor: next } = await owner.listLimits({ project, ...query });
      return { items: limits.map(({ id }) => id), next };
    },
    add: async (name) => (await owner.createLimit({ project, name, max_concurrency: 10_000 })).id,
    remove: (item) => owner.deleteLimit({ project, limit: item }),
    order: "oldest first",
  },
  listRevocations: {
    page: async (query) => {
      const { revocations, next_cursor: next } = await owner.listRevocations({ project, ...query });
      return { items: revocations.map(({ id }) => id), next };
    },
    add: async (name) => (await owner.createRevocation({ project, token_id: name })).id,
    order: "oldest first",
  },
  listRooms: {
    page: async (query) => {
      const { rooms, next_cursor: next } = await owner.listRooms({ project, ...query });
      return { items: rooms.map(({ name }) => name), next };
    },
    add: async (name) => (await owner.createRoom({ project, name })).name,
    remove: (item) => owner.deleteRoom({ project, room: item }),
    order: "by name",
  },
  listProviders: {
    page: async (query) => {
      const { providers, next_cursor: next } = await owner.listProviders({ project, ...query });
      return { items: providers.map(({ name }) => name), next };
    },
    order: "by name",
  },
  listAudit: {
    page: async (query) => {
      const { entries, next_cursor: next } = await owner.listAudit(query);
      return { items: entries.map(({ seq }) => String(seq)), next };
    },
    add: async (name) => (await owner.createProject({ name }), newestEntry()),
    order: "newest first",
  },
  listProjectAudit: {
    page: async (query) => {
      const { entries, next_cursor: next } = await owner.listProjectAudit({ project, ...query });
      return { items: entries.map(({ seq }) => String(seq)), next };
    },
    add: async (name) => (await owner.createServiceAccount({ project, name }), newestEntry()),
    order: "newest first",
  },
  getProjectUsage: {
    page: async (query) => {
      const which = { project, report: ["room"], usage_type: "requests", ...query } as const;
      const { usage, next_cursor: next } = await owner.getProjectUsage(which);
      return { items: usage.map(({ room }) => room ?? ""), next };
    },
    add: async (name) => (await ask(name), name),
    order: "by name",
  },
  getUsage: {
    page: async (query) => {
      const { usage, next_cursor: next } = await owner.getUsage({ project, by: ["room"], ...query });
      return { items: usage.map(({ room }) => room ?? ""), next };
    },
    add: async (name) => (await ask(name), name),
    order: "by name",
  },
  listExchanges: {
    page: async (query) => {
      const { exchanges, next_cursor: next } = await owner.listExchanges({ project, ...query });
      return { items: exchanges.map(({ id }) => id), next };
    },
    add: (name) => ask(name),
    order: "newest first",
  },
} as const satisfies Partial<Record<RouteName, List>>;

/** All pages of so many, with `between` after each. */
async function walk(
  list: List,
  limit: number,
  between: (pages: number, last: string) => Promise<unknown> = async () => null,
): Promise<readonly string[]> {
  const items: string[] = [];
  let pages = 0;
  for (let cursor: string | undefined; ;) {
    const page = await list.page({ limit, ...(cursor === undefined ? {} : { cursor }) });
    assert.ok(page.items.length <= limit, `${page.items.length} items where ${limit} were asked for`);
    assert.ok(page.next === null || page.items.length === limit, "only the last page is short");
    items.push(...page.items);
    if (page.next === null) return items;
    cursor = page.next;
    await between(++pages, items.at(-1) ?? "");
  }
}

function isOnce(items: readonly string[]): void {
  assert.equal(new Set(items).size, items.length, `something came twice: ${items.join(" ")}`);
}

describe("lists in pages", () => {
  it("are all of the routes that answer with a cursor", () => {
    const table = routes as unknown as Record<string, Route<string, unknown, unknown, unknown>>;
    const paged = Object.entries(table).filter(
      ([, { reply }]) => reply !== null && "next_cursor" in (reply as unknown as { shape: object }).shape,
    );
    assert.deepEqual(paged.map(([name]) => name).sort(), Object.keys(lists).sort());
    // Whatever is called a list has pages, and what has pages takes both words.
    assert.deepEqual(
      Object.keys(table).filter((name) => name.startsWith("list") && !(name in lists)),
      [],
    );
    for (const [name, { query }] of paged) {
      const { shape } = query as unknown as { shape: object };
      assert.ok("limit" in shape && "cursor" in shape, name);
    }
  });

  for (const [name, list] of Object.entries(lists) as [string, List][]) {
    it(`${name}: each item once, whatever the size of a page`, async () => {
      for (let index = 0; index < 7; index++) await list.add?.(`${name} ${(index * 5) % 7}`);
      const whole = (await list.page({ limit: 1000 })).items;
      assert.ok(whole.length >= (list.add === undefined ? 2 : 7));
      for (const limit of [1, 2, 3, whole.length, whole.length + 1]) {
        assert.deepEqual(await walk(list, limit), whole, `pages of ${limit}`);
      }
      if (list.order === "by name") assert.deepEqual(whole, whole.toSorted());
    });

    it(`${name}: each item once while others are added`, async () => {
      const { add } = list;
      if (add === undefined) return;
      const before = (await list.page({ limit: 1000 })).items;
      const added: string[] = [];
      const behind: string[] = [];
      // One that sorts before everything and one that sorts behind it, after each page.
      const walked = await walk(list, 2, async (pages, last) => {
        if (pages > 3) return;
        for (const place of ["!", "~"]) {
          const item = await add(`${place}${name} ${pages}`);
          added.push(item);
          const isBehind = list.order === "by name" ? item > last : list.order === "oldest first";
          if (isBehind) behind.push(item);
        }
      });
      isOnce(walked);
      assert.deepEqual(
        walked.filter((item) => before.includes(item)),
        before,
        "what was there is there, in its order",
      );
      assert.deepEqual(
        walked.filter((item) => !before.includes(item) && !added.includes(item)),
        [],
      );
      assert.deepEqual(
        walked.filter((item) => added.includes(item)),
        behind.toSorted((a, b) => walked.indexOf(a) - walked.indexOf(b)),
        "new ones are seen where they come behind the page",
      );
    });

    it(`${name}: goes on when the last item of a page is gone`, async () => {
      const { add, remove } = list;
      if (add === undefined || remove === undefined) return;
      for (const item of ["x1", "x2", "x3"]) await add(`${name} ${item}`);
      const whole = (await list.page({ limit: 1000 })).items;
      const first = await list.page({ limit: whole.length - 2 });
      await remove(first.items.at(-1) ?? "");
      const rest = await list.page({ limit: 10, ...(first.next === null ? {} : { cursor: first.next }) });
      assert.deepEqual(rest.items, whole.slice(-2));
    });

    it(`${name}: a cursor of another list, or of nobody, is refused`, async () => {
      const forged = Buffer.from(JSON.stringify([name, "nope"])).toString("base64url");
      const others = await Promise.all(
        (Object.values(lists) as List[])
          .filter((other) => other !== list)
          .map(async (other) => (await other.page({ limit: 1 })).next ?? ""),
      );
      for (const cursor of ["x", "%", forged, "W10", "bnVsbA", ...others.filter((each) => each !== "")]) {
        // Both lists of keys are of keys.
        const refused = await list.page({ limit: 1, cursor }).then(
          () => null,
          (error: unknown) => error,
        );
        if (refused === null && name.endsWith("ApiKeys")) continue;
        assert.ok(refused instanceof ApiError, `${cursor} was taken`);
        assert.deepEqual([refused.status, refused.code], [400, "invalid_request"]);
        assert.match(refused.message, /cursor/);
      }
    });
  }

  it("a whole list is what its pages are together", async () => {
    const rooms = await listAll("rooms", (page) => owner.listRooms({ project, ...page, limit: 3 }));
    assert.deepEqual(rooms, await owner.listRooms({ project }));
    assert.equal(rooms.total, rooms.rooms.length);
    assert.equal(rooms.next_cursor, null);
  });

  it("a cursor keeps its filter's rows: pages of one room hold nothing of another", async () => {
    await Promise.all([ask("one room"), ask("another room"), ask("one room"), ask("one room")]);
    const list: List = {
      ...lists.listExchanges,
      page: async (query) => {
        const reply = await owner.listExchanges({ project, room: "one room", ...query });
        assert.ok(reply.exchanges.every(({ room }) => room === "one room"));
        return { items: reply.exchanges.map(({ id }) => id), next: reply.next_cursor };
      },
    };
    assert.equal((await walk(list, 2)).length, 3);
  });
});
