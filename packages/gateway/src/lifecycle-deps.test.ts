import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseConfig } from "./config/config.ts";
import { shareOf } from "./lifecycle-deps.ts";

const mebibyte = 1024 * 1024;
const config = {
  ...parseConfig({ flags: {}, environment: {}, file: null }),
  maxBodyBytes: 64 * mebibyte,
  maxKeptBytes: 1000 * mebibyte,
  drainMaxConcurrent: 10,
  maxSockets: 100,
};

describe("the share of one of several processes", () => {
  it("is all of it for one alone, and nothing else changes", () => {
    assert.deepEqual(shareOf(config, 1), config);
    assert.equal(shareOf({ ...config, maxKeptBytes: 100 }, 1).maxKeptBytes, 100, "as the owner says");
    const { maxKeptBytes, drainMaxConcurrent, maxSockets, ...rest } = shareOf(config, 4);
    assert.deepEqual(
      { ...config, maxKeptBytes, drainMaxConcurrent, maxSockets, ...rest },
      { ...config, maxKeptBytes, drainMaxConcurrent, maxSockets },
    );
  });

  it("is equal, rounded up where a process without any could do nothing", () => {
    const { maxKeptBytes, drainMaxConcurrent, maxSockets } = shareOf(config, 4);
    assert.deepEqual([maxKeptBytes, drainMaxConcurrent, maxSockets], [250 * mebibyte, 3, 25]);
    assert.deepEqual(shareOf({ ...config, drainMaxConcurrent: 0, maxSockets: 0 }, 4).maxSockets, 0);
  });

  it("has room for one body of the largest size", () => {
    assert.equal(shareOf(config, 64).maxKeptBytes, 64 * mebibyte);
  });
});
