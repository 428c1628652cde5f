import assert from "node:assert/strict";
import { test } from "node:test";
import { laterUsage } from "../dialects/later-usage.ts";
import type { EndpointPolicy, FieldPlace, OfferedEndpoint } from "../dialects/dialect.ts";
import { openAiDialect } from "../dialects/openai/dialect.ts";
import { GatewayError } from "../errors.ts";
import type { Authenticated, PolicyFields } from "../exchange.ts";
import { createBodyPeek, nothingPeeked } from "./body-peek.ts";
import { parsePolicy } from "./policy.ts";

interface Request {
  readonly body?: string | Uint8Array | undefined;
  readonly contentType?: string;
  readonly query?: string;
  readonly ids?: Readonly<Record<string, string>>;
  readonly cut?: number;
}

function endpointWith(
  policy: Partial<EndpointPolicy> = {},
  modelRefs: OfferedEndpoint["modelRefs"] = "none",
): OfferedEndpoint {
  return {
    offer: "offered",
    name: "chat.completions",
    method: "POST",
    path: "/chat/completions",
    policy: {
      modelIn: ["json"],
      isModelRequired: true,
      fields: [
        "stream",
        "stream_options",
        "service_tier",
        "max_tokens",
        "max_output_tokens",
        "max_completion_tokens",
      ],
      notOfferedFields: ["background", "conversation"],
      ...policy,
    },
    usageReader: null,
    isModelList: false,
    isMedia: false,
    needsIncludeUsage: true,
    makes: "none",
    refersTo: "none",
    modelRefs,
    lists: "none",
  };
}

function policyOf(request: Request, endpoint: OfferedEndpoint = endpointWith()): PolicyFields {
  const authenticated = {
    call: { query: request.query ?? "" },
    dialect: openAiDialect,
    endpoint,
    ids: request.ids ?? {},
  } as unknown as Authenticated;
  if (request.body === undefined) return parsePolicy(authenticated, nothingPeeked);
  const peek = createBodyPeek(endpoint, request.contentType === undefined ? [] : [request.contentType]);
  const bytes = Buffer.from(request.body);
  peek.push(bytes.subarray(0, request.cut ?? 0));
  peek.push(bytes.subarray(request.cut ?? 0));
  const first = peek.end();
  const again = peek.again();
  again?.push(bytes);
  return parsePolicy(authenticated, again?.end() ?? first);
}

function refusal(request: Request | string, endpoint?: OfferedEndpoint): GatewayError {
  try {
    policyOf(typeof request === "string" ? { body: request } : request, endpoint);
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return error;
  }
  return assert.fail(`${JSON.stringify(request)} was let through`);
}

function assertRefused(
  request: Request | string,
  param: string | null,
  message: RegExp,
  endpoint?: OfferedEndpoint,
): void {
  const error = refusal(request, endpoint);
  assert.deepEqual([error.code, error.param], ["invalid_body", param], JSON.stringify(request));
  assert.match(error.message, message);
}

test("a field given twice is refused by its name, however it is written", () => {
  assertRefused('{"model":"a","model":"a"}', "model", /twice/);
  assertRefused('{"model":"a","\\u006dodel":"b"}', "model", /twice/);
  assertRefused('{"model":"a","stream":true,"stream":true}', "stream", /twice/);
  assertRefused('{"model":"a","max_tokens":1,"max_tokens":2}', "max_tokens", /twice/);
  assertRefused('{"model":"a","background":null,"background":true}', "background", /twice/);
  assertRefused('{"model":"a","stream_options":{},"stream_options":null}', "stream_options", /twice/);
  assertRefused(
    '{"model":"a","stream":true,"stream_options":{"include_usage":true,"include_usage":false}}',
    "stream_options.include_usage",
    /twice/,
  );
  assert.equal(policyOf({ body: '{"x":1,"x":2,"model":"a","y":{"model":"b"}}' }).model, "a");
});

test("a model is a short string without control characters", () => {
  for (const model of [
    "1",
    "true",
    '["a"]',
    '{"a":1}',
    `"${"m".repeat(257)}"`,
    `"${"m".repeat(5000)}"`,
    '"a\\u0000"',
    '"a\\n"',
    '"\\u0085"',
    '"\\ud800"',
  ]) {
    assertRefused(`{"model":${model}}`, "model", /model/);
  }
  assert.equal(policyOf({ body: `{"model":"${"m".repeat(256)}"}` }).model.length, 256);
});

test("a missing model is refused where one is needed", () => {
  for (const body of ["{}", '{"model":null}', '{"model":""}', '{"Model":"a"}'])
    assertRefused(body, "model", /names no model.*Add `model`/);
  assertRefused({}, "model", /names no model/);
  const optional = endpointWith({ isModelRequired: false });
  assert.equal(policyOf({ body: "{}" }, optional).model, "");
  assert.equal(policyOf({ body: '{"model":null}' }, optional).model, "");
});

test("all places that can name the model are read, and must agree", () => {
  const endpoint = endpointWith({ modelIn: ["path", "query", "json"] });
  const all = { body: '{"model":"a"}', query: "?model=a", ids: { model: "a" } };
  assert.equal(policyOf(all, endpoint).model, "a");
  assert.equal(policyOf({ query: "?x=1&model=b" }, endpoint).model, "b");
  assertRefused({ ...all, query: "?model=b" }, "model", /two different models/, endpoint);
  assertRefused({ ...all, ids: { model: "b" } }, "model", /two different models/, endpoint);
  assertRefused({ ...all, query: "?model=a&model=a" }, "model", /twice/, endpoint);
  assertRefused({ ...all, query: "?model=" }, "model", /two different models/, endpoint);
  assert.equal(
    policyOf({ body: '{"model":"a"}', query: "?model=b" }).model,
    "a",
    "a place that is not declared is none",
  );
});

test("`stream` is a boolean", () => {
  assert.equal(policyOf({ body: '{"model":"a","stream":true}' }).isStream, true);
  for (const body of ['{"model":"a","stream":false}', '{"model":"a","stream":null}', '{"model":"a"}']) {
    assert.equal(policyOf({ body }).isStream, false, body);
  }
  for (const stream of ['"true"', "1", "{}", `"${"x".repeat(5000)}"`])
    assertRefused(`{"model":"a","stream":${stream}}`, "stream", /true or false/);
});

test("tier and output limits are read", () => {
  assert.equal(policyOf({ body: '{"model":"a","service_tier":"priority"}' }).requestedTier, "priority");
  assert.equal(policyOf({ body: '{"model":"a","service_tier":null}' }).requestedTier, null);
  assertRefused('{"model":"a","service_tier":1}', "service_tier", /tier/);
  const limitOf = (members: string): number | null =>
    policyOf({ body: `{"model":"a",${members}}` }).maxOutputTokens;
  assert.equal(limitOf('"max_tokens":30,"max_completion_tokens":20,"max_output_tokens":40'), 20);
  assert.equal(limitOf('"max_tokens":0'), 0);
  assert.equal(limitOf('"max_tokens":null'), null);
  assert.equal(limitOf('"max_tokens":1.5,"max_output_tokens":-1,"max_completion_tokens":"9"'), null);
});

test("what is not offered is refused when it is asked for, and long values are no way around", () => {
  for (const value of ["true", '"conv_1"', '{"id":"c"}', '""', "0", `{"id":"c","x":"${"y".repeat(5000)}"}`]) {
    const error = refusal(`{"model":"a","conversation":${value}}`);
    assert.deepEqual([error.code, error.param], ["not_supported", "conversation"], value.slice(0, 20));
    assert.match(error.message, /`conversation`.*without it/);
  }
  assert.equal(policyOf({ body: '{"model":"a","background":false,"conversation":null}' }).model, "a");
});

test("a body is one JSON object", () => {
  for (const body of ["[]", '"model"', "null", " 1", '[{"model":"a"}]'])
    assertRefused(body, null, /no object/);
  for (const body of [
    "",
    '{"model":"a"',
    '{"model":"a"}{"model":"b"}',
    '\ufeff{"model":"a"}',
    "model=a",
    '{"model":"a",}',
  ]) {
    assertRefused(body, null, /no valid JSON/);
  }
});

test("the edit for usage is planned where the endpoint needs it, and only there", () => {
  const body = '{"model":"a","stream":true}';
  assert.notEqual(policyOf({ body }).includeUsage, null);
  assert.equal(policyOf({ body }, { ...endpointWith(), needsIncludeUsage: false }).includeUsage, null);
  assert.equal(
    policyOf({ body: '{"model":"a","stream":true,"stream_options":{"include_usage":true}}' }).includeUsage,
    null,
  );
});

test("fields are looked for in a form too", () => {
  const endpoint = endpointWith({ modelIn: ["form"], fields: ["stream"], notOfferedFields: ["background"] });
  const form = (body: string): Request => ({ body, contentType: "application/x-www-form-urlencoded" });
  assert.deepEqual(policyOf(form("model=a&stream=true"), endpoint).isStream, true);
  assert.equal(policyOf(form("model=a&stream=false&background=false"), endpoint).isStream, false);
  assertRefused(form("model=a&model=a"), "model", /twice/, endpoint);
  assert.equal(refusal(form("model=a&background=true"), endpoint).code, "not_supported");
  const file = '--B\r\nContent-Disposition: form-data; name="model"; filename="m"\r\n\r\na\r\n--B--';
  assertRefused(
    { body: file, contentType: "multipart/form-data; boundary=B" },
    "model",
    /name of a model/,
    endpoint,
  );
});

/** A small generator with a seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test("fuzz: whatever the form, order and writing, the one model is found, and two are never let through", () => {
  const seed = Number(process.env["FUZZ_SEED"] ?? 20261124);
  const random = randomFrom(seed);
  const models = ["gpt-5.5", "größe/é", 'a"b\\c', "a&b=c+d%41", "--B", "😀"];
  const escaped = (text: string): string =>
    JSON.stringify(text).replace(/[a-z]/g, (letter) =>
      random(4) === 0 ? `\\u00${letter.charCodeAt(0).toString(16)}` : letter,
    );
  const writers: Readonly<Record<string, (fields: readonly (readonly [string, string])[]) => Request>> = {
    json: (fields) => ({
      body: `{${fields.map(([name, value]) => `${escaped(name)} :${escaped(value)}`).join(" ,\n")}}`,
    }),
    urlencoded: (fields) => ({
      body: new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value])).toString(),
      contentType: "application/x-www-form-urlencoded",
    }),
    multipart: (fields) => ({
      body: `${fields.map(([name, value]) => `--B\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`).join("")}--B--\r\n`,
      contentType: "multipart/form-data; boundary=B",
    }),
    query: (fields) => ({
      body: undefined,
      query: `?${new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value])).toString()}`,
    }),
  };
  let [found, refused] = [0, 0];
  for (let round = 0; round < 4000; round++) {
    const [form, write] = Object.entries(writers)[random(4)] as [string, (typeof writers)[string]];
    const places: readonly FieldPlace[] =
      form === "query" ? ["query"] : form === "json" ? ["json"] : ["form"];
    const fields = Array.from(
      { length: random(5) },
      () => ["models", "mode", "x", "user"][random(4)] as string,
    ).map((name) => [name, models[random(models.length)] as string] as const);
    const named = Array.from(
      { length: [1, 1, 2, 0][random(4)] as number },
      () => models[random(models.length)] as string,
    );
    for (const model of named) fields.splice(random(fields.length + 1), 0, ["model", model] as const);
    const request = write(fields);
    const cut = request.body === undefined ? 0 : random(Buffer.from(request.body).length + 1);
    const where = `FUZZ_SEED=${seed} round ${round}: ${JSON.stringify(request)} cut at ${cut}`;
    const endpoint = endpointWith({ modelIn: places, notOfferedFields: [] });
    if (named.length === 1) {
      assert.equal(policyOf({ ...request, cut }, endpoint).model, named[0], where);
      found++;
      continue;
    }
    assert.equal(refusal({ ...request, cut }, endpoint).param, "model", where);
    refused++;
  }
  assert.ok(found > 1000 && refused > 1000, `the fuzz is too tame: ${found} found, ${refused} refused`);
});

test("the text that is billed by character is counted in code points, however it is written", () => {
  const endpoint = endpointWith({ fields: ["stream_format"], billedText: "input" });
  const characters = (input: string): number | null =>
    policyOf({ body: `{"model":"tts-1","input":${input}}` }, endpoint).inputCharacters;
  assert.equal(characters('"Hello"'), 5);
  assert.equal(characters('""'), 0);
  // Two umlauts, a letter with a combining mark, a face of two UTF-16 units, a lone surrogate.
  assert.equal(characters('"\u00e4\\u00f6a\\u0301\u{1f600}\\ud83d\\ude00\\ud83d"'), 7);
  assert.equal(characters(`"${"\\ud83d\\ude00".repeat(4096)}"`), 4096);
  for (const input of ["null", "5", '["a"]', `"${"a".repeat(300_000)}"`]) {
    assert.equal(characters(input), null, input.slice(0, 20));
  }
  assert.equal(policyOf({ body: '{"model":"tts-1"}' }, endpoint).inputCharacters, null);
  assert.equal(policyOf({ body: '{"model":"m","input":"abc"}' }).inputCharacters, null, "not billed by it");
  assertRefused('{"model":"tts-1","input":"a","input":"bcd"}', "input", /twice/, endpoint);
});

test("speech streams where its `stream_format` says so", () => {
  const endpoint = endpointWith({ fields: ["stream_format"] });
  assert.equal(policyOf({ body: '{"model":"m","stream_format":"sse"}' }, endpoint).isStream, true);
  for (const format of ['"audio"', "null", "true"]) {
    assert.equal(policyOf({ body: `{"model":"m","stream_format":${format}}` }, endpoint).isStream, false);
  }
});

test("a further model that the request names is found in JSON and in a form", () => {
  const endpoint = endpointWith({ modelIn: ["form", "json"], fields: [] }, [["svg", "model"]]);
  const form = (body: string): Request => ({ body, contentType: "application/x-www-form-urlencoded" });
  const others = (request: Request): readonly string[] => policyOf(request, endpoint).otherModels;
  assert.deepEqual(others({ body: '{"model":"a","svg":{"model":"b","x":{"model":"c"}}}' }), ["b"]);
  assert.deepEqual(others(form("model=a&svg%5Bmodel%5D=b")), ["b"]);
  for (const none of ['{"model":"a"}', '{"model":"a","svg":null}', '{"model":"a","svg":{"model":null}}']) {
    assert.deepEqual(others({ body: none }), []);
  }
  assert.deepEqual(policyOf({ body: '{"model":"a","svg":{"model":"b"}}' }).otherModels, []);
  for (const body of [
    '{"model":"a","svg":{"model":"b","model":"c"}}',
    '{"model":"a","svg":{"model":"b"},"svg":{"model":"c"}}',
  ])
    assertRefused({ body }, "svg.model", /twice/, endpoint);
  assertRefused(form("model=a&svg[model]=b&svg[model]=c"), "svg[model]", /twice/, endpoint);
  assertRefused({ body: '{"model":"a","svg":{"model":5}}' }, "svg.model", /must be the name/, endpoint);
  assertRefused(
    { body: `{"model":"a","svg":{"model":"${"b".repeat(300)}"}}` },
    "svg.model",
    /not the name/,
    endpoint,
  );
  // A provider may read JSON in there, which is not looked into here.
  assertRefused(form('model=a&svg={"model":"b"}'), "svg", /one by one: `svg\[model\]`/, endpoint);
});

test("every tool may name a model of its own, and no model deeper inside counts", () => {
  const endpoint = endpointWith({}, [
    ["tools", "*", "model"],
    ["input", "*", "tools", "*", "model"],
  ]);
  const body = JSON.stringify({
    model: "a",
    input: [
      { content: [{ text: '{"tools":[{"model":"said"}]}', model: "no" }], model: "no" },
      { type: "additional_tools", tools: [{ type: "image_generation", model: "c" }] },
    ],
    tools: [
      {
        type: "function",
        parameters: { properties: { model: { type: "string" } }, tools: [{ model: "no" }] },
      },
      { type: "image_generation", model: "b" },
      { type: "image_generation", model: "b" },
      "text",
    ],
  });
  assert.deepEqual(policyOf({ body }, endpoint).otherModels, ["b", "c"]);
  for (const none of ['"x"', "null", "5", '{"model":"no"}', "[]"]) {
    assert.deepEqual(policyOf({ body: `{"model":"a","tools":${none}}` }, endpoint).otherModels, []);
  }
  assertRefused(
    '{"model":"a","tools":[{"model":"b"},{"model":"b","model":"c"}]}',
    "tools[1].model",
    /twice/,
    endpoint,
  );
  // Of a member given twice, parsers take one or the other: both are looked at.
  const twice = '{"model":"a","tools":[{"x":1},{"model":"c"}],"tools":[{"model":"b"}]}';
  assert.deepEqual(policyOf({ body: twice }, endpoint).otherModels, ["c", "b"]);
});

test("what an uploaded file holds is no field, whatever it looks like", () => {
  const endpoint = endpointWith({ modelIn: ["form"], fields: ["stream"] }, [["svg", "model"]]);
  const file = [
    '{"model":"in-json","stream":true}\r\n',
    'Content-Disposition: form-data; name="model"\r\n\r\nin-a-part\r\n',
    '--other\r\nContent-Disposition: form-data; name="model"\r\n\r\nof-another-boundary\r\n--other--\r\n',
    "x--BX--\r\n--B",
    "\u0000model=urlencoded&stream=true",
  ].join("");
  const body = [
    '--BX\r\nContent-Disposition: form-data; name="file"; filename="model"\r\nContent-Type: application/json\r\n\r\n',
    `${file}\r\n`,
    '--BX\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--BX--\r\n',
  ].join("");
  const contentType = "multipart/form-data; boundary=BX";
  for (let cut = 0; cut <= body.length; cut++) {
    const { model, isStream, otherModels } = policyOf({ body, contentType, cut }, endpoint);
    assert.deepEqual([model, isStream, otherModels], ["whisper-1", false, []], `cut at ${cut}`);
  }
  const asFile = body.replace('name="model"\r\n\r\nwhisper-1', 'name="model"; filename="m"\r\n\r\nwhisper-1');
  assertRefused({ body: asFile, contentType }, "model", /must be the name/, endpoint);
});

test("models of tools, fallbacks and the requests of a batch are found, each as often as it is named", () => {
  const tools = endpointWith({}, [["tools", "*", "model"], ["fallbacks"], ["fallbacks", "*", "model"]]);
  const body =
    '{"model":"a","tools":[{"model":"b"},{"name":"x"},{"model":"c"},{"model":"d"}],"fallbacks":[{"model":"e"}]}';
  const policy = policyOf({ body }, tools);
  assert.deepEqual(policy.otherModels.toSorted(), ["b", "c", "d", "e"]);
  assert.equal(policy.hasUnknownModel, false);
  const chosen = policyOf({ body: '{"model":"a","fallbacks":"default"}' }, tools);
  assert.deepEqual([chosen.otherModels, chosen.hasUnknownModel], [[], true]);
  const batch = endpointWith({ modelIn: [], isModelRequired: false, fields: [] }, [
    ["requests", "*", "params", "model"],
  ]);
  const requests =
    '{"requests":[{"params":{"model":"a"}},{"params":{"\\u006dodel":"b"}},{"params":{"model":"a"}}]}';
  assert.deepEqual(policyOf({ body: requests }, batch).otherModels, ["a", "b"]);
});

test("a billed request that may name a model and does not leaves the choice to the provider", () => {
  const optional = { ...endpointWith({ isModelRequired: false }), usageReader: laterUsage };
  const chosen = (body: string, endpoint: OfferedEndpoint): boolean =>
    policyOf({ body }, endpoint).hasUnknownModel;
  assert.equal(chosen("{}", optional), true);
  assert.equal(chosen('{"model":"m"}', optional), false);
  assert.equal(chosen("{}", { ...optional, usageReader: null }), false, "free");
  const nowhere = { ...optional, policy: { ...optional.policy, modelIn: [] } };
  assert.equal(chosen("{}", nowhere), false, "its models are named elsewhere");
});

test("`store` and `background` are true, false or not given, and nothing that a provider could take for either", () => {
  const endpoint = endpointWith({ fields: ["store", "background"], notOfferedFields: [] });
  const read = (members: string): readonly unknown[] => {
    const { isStored, isBackground } = policyOf({ body: `{"model":"m"${members}}` }, endpoint);
    return [isStored, isBackground];
  };
  assert.deepEqual(read(""), [null, false]);
  assert.deepEqual(read(',"store":true,"background":true'), [true, true]);
  assert.deepEqual(read(',"store":false,"background":null'), [false, false]);
  for (const value of ['"true"', "1", "[]", '"false"']) {
    assertRefused({ body: `{"model":"m","store":${value}}` }, "store", /true or false/, endpoint);
    assertRefused({ body: `{"model":"m","background":${value}}` }, "background", /true or false/, endpoint);
  }
});
