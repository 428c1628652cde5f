import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropicCollecting } from "./anthropic/collecting.ts";
import type { Collecting, Standing } from "./collecting.ts";
import { openAiCollecting } from "./openai/collecting.ts";

function standing(kind: Collecting["kind"], body: unknown): Standing | null {
  const collecting = [...openAiCollecting, ...anthropicCollecting].find((each) => each.kind === kind);
  assert.ok(collecting !== undefined);
  return collecting.standing(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), "asked");
}

const state = (kind: Collecting["kind"], body: unknown): string | undefined => standing(kind, body)?.state;

test("what goes on is told from what has ended", () => {
  for (const status of ["queued", "in_progress"])
    assert.equal(state("response", { id: "r", status }), "running");
  for (const status of ["completed", "failed", "incomplete", "cancelled"])
    assert.equal(state("response", { id: "r", status }), "done");
  for (const status of ["validating", "in_progress", "finalizing", "cancelling", "of_later_days"])
    assert.equal(state("batch", { id: "b", status }), "running", status);
  for (const status of ["completed", "expired", "cancelled"]) {
    assert.equal(state("batch", { id: "b", status, output_file_id: "f" }), "lines", status);
    assert.equal(state("batch", { id: "b", status, output_file_id: null }), "done", status);
  }
  assert.equal(state("message_batch", { id: "m", processing_status: "canceling" }), "running");
  assert.equal(state("message_batch", { id: "m", processing_status: "ended" }), "lines");
  for (const status of ["queued", "in_progress"])
    assert.equal(state("video", { id: "v", status }), "running");
  for (const status of ["completed", "failed"]) assert.equal(state("video", { id: "v", status }), "done");
});

test("what is not understood is nothing, and asked for again", () => {
  for (const body of ["", "{", "[]", "{}", '"text"']) {
    for (const kind of ["response", "batch", "message_batch", "video"] as const)
      assert.equal(standing(kind, body), null, `${kind} ${body}`);
  }
});

const usage = { input_tokens: 10, output_tokens: 2 };

function linesOf(endpoint: string): (line: unknown) => readonly unknown[][] {
  const batch = standing("batch", { id: "b", status: "completed", output_file_id: "f", endpoint });
  assert.ok(batch?.state === "lines");
  assert.deepEqual(batch.paths, ["/files/f/content"]);
  return (line) =>
    batch
      .readLine(Buffer.from(JSON.stringify(line)))
      .map((record) => [
        record.model,
        record.response_id,
        record.input_tokens,
        record.service_tier,
        record.completeness,
      ]);
}

test("a line of a batch bills what its answer used, at the batch's tier; one that failed bills nothing", () => {
  const answered = (body: object): object => ({
    custom_id: "a",
    response: { status_code: 200, body },
    error: null,
  });
  const response = {
    id: "resp_1",
    status: "completed",
    model: "m",
    service_tier: "default",
    output: [],
    usage,
  };
  assert.deepEqual(linesOf("/v1/responses")(answered(response)), [["m", "resp_1", 10, "batch", "complete"]]);
  const chat = { id: "c1", model: "m", usage: { prompt_tokens: 10, completion_tokens: 2 } };
  assert.deepEqual(linesOf("/v1/chat/completions")(answered(chat)), [["m", "c1", 10, "batch", "complete"]]);
  const vectors = { model: "m", usage: { prompt_tokens: 10, total_tokens: 10 } };
  assert.deepEqual(linesOf("/v1/embeddings")(answered(vectors)), [["m", null, 10, "batch", "complete"]]);
  assert.deepEqual(linesOf("/v1/moderations")(answered({ model: "m" })), []);
  assert.deepEqual(linesOf("/v1/images/generations")(answered({ usage })), [
    ["", null, undefined, "batch", "missing"],
  ]);
  for (const failed of [
    { custom_id: "a", response: { status_code: 400, body: { error: {} } } },
    { custom_id: "a", response: null, error: { code: "batch_expired" } },
    {},
    "text",
  ])
    assert.deepEqual(linesOf("/v1/responses")(failed), []);
});

test("a line of a message batch bills its message; what did not succeed bills nothing", () => {
  const batch = standing("message_batch", { id: "m/1", processing_status: "ended" });
  assert.ok(batch?.state === "lines");
  assert.deepEqual(batch.paths, ["/messages/batches/m%2F1/results"]);
  const read = (result: object): readonly unknown[] =>
    batch
      .readLine(Buffer.from(JSON.stringify({ custom_id: "a", result })))
      .map(({ model, response_id, input_tokens, service_tier }) => [
        model,
        response_id,
        input_tokens,
        service_tier,
      ]);
  const message = {
    id: "msg_1",
    model: "claude",
    content: [{ type: "text" }],
    stop_reason: "end_turn",
    usage,
  };
  assert.deepEqual(read({ type: "succeeded", message }), [["claude", "msg_1", 10, "batch"]]);
  for (const type of ["errored", "canceled", "expired"]) assert.deepEqual(read({ type }), [], type);
});

test("a batch shows the files that it was answered with, a video its seconds", () => {
  const batch = standing("batch", {
    id: "b",
    status: "in_progress",
    output_file_id: "f1",
    error_file_id: "f2",
  });
  assert.deepEqual(batch?.made, [
    { kind: "file", id: "f1" },
    { kind: "file", id: "f2" },
  ]);
  const video = standing("video", {
    id: "v",
    status: "completed",
    model: "sora-2",
    seconds: "8",
    size: "720x1280",
  });
  assert.ok(video?.state === "done");
  const [record] = video.reading.usage;
  assert.deepEqual(
    [record?.model, record?.output_video_seconds, record?.completeness],
    ["sora-2", 8, "complete"],
  );
  const silent = standing("video", { id: "v", status: "completed" });
  assert.ok(silent?.state === "done");
  assert.deepEqual(
    silent.reading.usage.map(({ model, completeness }) => [model, completeness]),
    [["asked", "missing"]],
  );
});
