import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { UpstreamReply } from "./client.ts";
import { InvalidReplyError, ReplyParser } from "./reply-parser.ts";

interface Parsed {
  readonly heads: UpstreamReply[];
  body: string;
  bodyCalls: number;
  /** null: not complete. */
  isReusable: boolean | null;
}

function parse(
  pieces: readonly (string | Buffer)[],
  options: { isHead?: boolean; endsAfter?: boolean } = {},
): Parsed {
  const parsed: Parsed = { heads: [], body: "", bodyCalls: 0, isReusable: null };
  const parser = new ReplyParser(
    { isHead: options.isHead ?? false, maxHeadBytes: 4096 },
    {
      onHead: (reply) => parsed.heads.push(reply),
      onBody: (bytes) => {
        parsed.body += Buffer.from(bytes).toString("latin1");
        parsed.bodyCalls += 1;
      },
      onComplete: (isReusable) => {
        parsed.isReusable = isReusable;
      },
    },
  );
  for (const piece of pieces) parser.push(Buffer.from(piece as string, "latin1"));
  if (options.endsAfter === true) parser.end();
  return parsed;
}

const chunked =
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Kept: a  b\r\n\r\n" +
  "5\r\nhello\r\nA;ext=1\r\n, wonderful\r\n".replace("wonderful", "world 12") +
  "1\r\n!\r\n0\r\nX-Trailer: dropped\r\n\r\n";

describe("framing", () => {
  it("reads a body by its length", () => {
    const parsed = parse(["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"]);
    assert.equal(parsed.body, "hello");
    assert.equal(parsed.isReusable, true);
    assert.deepEqual(parsed.heads[0]?.headers, [["content-length", "5"]]);
  });

  it("hands the chunks of one push on in one piece, without their framing", () => {
    const parsed = parse([chunked]);
    assert.equal(parsed.body, "hello, world 12!");
    assert.equal(parsed.bodyCalls, 1);
    assert.equal(parsed.isReusable, true);
    assert.deepEqual(parsed.heads[0]?.headers, [
      ["Transfer-Encoding", "chunked"],
      ["X-Kept", "a  b"],
    ]);
  });

  it("reads the same whatever the split", () => {
    for (let at = 1; at < chunked.length; at++) {
      const parsed = parse([chunked.slice(0, at), chunked.slice(at)]);
      assert.equal(parsed.body, "hello, world 12!", `split at ${at}`);
      assert.equal(parsed.isReusable, true, `split at ${at}`);
    }
    assert.equal(parse(chunked.split("")).body, "hello, world 12!");
  });

  it("reads to the end of the connection when nothing else frames the body", () => {
    const parsed = parse(["HTTP/1.1 200 OK\r\n\r\nall", " of it"], { endsAfter: true });
    assert.equal(parsed.body, "all of it");
    assert.equal(parsed.isReusable, false);
  });

  it("is not complete when the connection ends inside a framed body", () => {
    const cut = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel";
    assert.equal(parse([cut], { endsAfter: true }).isReusable, null);
    assert.equal(parse([chunked.slice(0, -2)], { endsAfter: true }).isReusable, null);
  });

  it("gives no body to 204, 304 and the reply to HEAD, whatever their heads say", () => {
    assert.equal(parse(["HTTP/1.1 204 No Content\r\n\r\n"]).isReusable, true);
    assert.equal(parse(["HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"]).isReusable, true);
    assert.equal(parse(["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"], { isHead: true }).isReusable, true);
  });

  it("drops interim replies, one and several", () => {
    const parsed = parse([
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ]);
    assert.equal(parsed.heads.length, 1);
    assert.equal(parsed.heads[0]?.status, 200);
    assert.equal(parsed.body, "ok");
  });
});

describe("whether the connection can be used again", () => {
  const reusable = (head: string): boolean | null =>
    parse([`${head}\r\ncontent-length: 0\r\n\r\n`]).isReusable;

  it("follows the version and the connection header", () => {
    assert.equal(reusable("HTTP/1.1 200 OK"), true);
    assert.equal(reusable("HTTP/1.1 200 OK\r\nConnection: Close"), false);
    assert.equal(reusable("HTTP/1.1 200 OK\r\nConnection: x, close"), false);
    assert.equal(reusable("HTTP/1.0 200 OK"), false);
    assert.equal(reusable("HTTP/1.0 200 OK\r\nconnection: keep-alive"), true);
  });

  it("hands on what came before a damage, also in one piece with it", () => {
    const heard: string[] = [];
    const parser = new ReplyParser(
      { isHead: false, maxHeadBytes: 4096 },
      {
        onHead: () => heard.push("head"),
        onBody: (bytes) => heard.push(Buffer.from(bytes).toString()),
        onComplete: () => heard.push("complete"),
      },
    );
    const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert.throws(
      () => parser.push(Buffer.from(`${head}3\r\none\r\n3\r\ntwo\r\nnonsense\r\n`)),
      InvalidReplyError,
    );
    assert.deepEqual(heard, ["head", "onetwo"]);
  });

  it("refuses bytes after the end", () => {
    assert.throws(
      () => parse(["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more"]),
      InvalidReplyError,
    );
  });
});

describe("what could be read in two ways is refused", () => {
  const refused: Readonly<Record<string, string>> = {
    "no status line": "GARBAGE\r\n\r\n",
    "another protocol": "HTTP/2 200\r\n\r\n",
    "a status of two digits": "HTTP/1.1 20 OK\r\n\r\n",
    "an upgrade nobody asked for": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "two lengths": "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    "a list of lengths": "HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\n",
    "a signed length": "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n",
    "a length beside chunks": "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    "another transfer coding": "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
    "two transfer codings":
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
    "a folded line": "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
    "a space before the colon": "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
    "a bare line feed": "HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n",
    "a zero byte": "HTTP/1.1 200 OK\r\na: b\0\r\n\r\n",
    "a head without end": `HTTP/1.1 200 OK\r\na: ${"x".repeat(5000)}`,
    "a chunk size of letters": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    "a negative chunk size": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
    "a chunk size of 14 digits":
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n00000000000001\r\na\r\n",
    "a chunk size with a letter after it": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1g\r\na\r\n",
    "an empty chunk size": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\na\r\n",
    "a chunk size without CR": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\na\r\n",
    "a chunk longer than its size": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
    "a chunk size that never ends": `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;${"x".repeat(5000)}`,
  };
  for (const [name, text] of Object.entries(refused)) {
    it(name, () => assert.throws(() => parse([text]), InvalidReplyError));
  }
});

describe("fuzz", () => {
  it("random bodies, chunkings and splits come out whole", () => {
    const seed = 20261124;
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state % below;
    };
    for (let round = 0; round < 500; round++) {
      const body = Array.from({ length: random(400) }, () => String.fromCharCode(random(256))).join("");
      let text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
      for (let at = 0; at < body.length;) {
        const size = 1 + random(60);
        const part = body.slice(at, at + size);
        text += `${part.length.toString(16)}\r\n${part}\r\n`;
        at += size;
      }
      text += "0\r\n\r\n";
      const pieces: string[] = [];
      for (let at = 0; at < text.length;) {
        const size = 1 + random(90);
        pieces.push(text.slice(at, at + size));
        at += size;
      }
      const parsed = parse(pieces);
      assert.equal(parsed.body, body, `seed ${seed}, round ${round}`);
      assert.equal(parsed.isReusable, true, `seed ${seed}, round ${round}`);
    }
  });

  it("random damage is refused or read, and nothing else happens", () => {
    let state = 7;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state % below;
    };
    let refusals = 0;
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(chunked, "latin1");
      for (let damage = 0; damage <= random(3); damage++) bytes[random(bytes.length)] = random(256);
      try {
        parse([bytes.subarray(0, 50), bytes.subarray(50)], { endsAfter: true });
      } catch (error) {
        assert.ok(error instanceof InvalidReplyError);
        refusals += 1;
      }
    }
    assert.ok(refusals > 100, `only ${refusals} of 2000 damaged replies were refused`);
  });
});
