/**
 * TLS of the gateway's own, renewed while it serves; a TLS proxy in front of it; and the way to a provider through a
 * company's proxy, with a certificate authority of its own.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { createServer as createTlsServer, request as httpsRequest } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as tlsConnect, type TLSSocket } from "node:tls";
import { after, before, describe, it } from "node:test";
import { type Certificate, makeCertificate } from "./bed/certificate.ts";
import { type ConnectProxy, startConnectProxy } from "./bed/connect-proxy.ts";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import {
  type GatewayProcess,
  GatewayStartError,
  killSpawnedGateways,
  meshagentBin,
  spawnGateway,
} from "./bed/gateway-process.ts";

let root: string;
let first: Certificate;
let second: Certificate;
before(() => {
  root = mkdtempSync(join(tmpdir(), "meshagent-tls-"));
  first = makeCertificate(root, "first");
  second = makeCertificate(root, "second");
});
after(() => {
  killSpawnedGateways();
  rmSync(root, { recursive: true, force: true });
});

interface Reply {
  readonly status: number;
  readonly text: string;
  /** When each chunk came, for what must not be held back. */
  readonly chunks: readonly string[];
}

interface Ask {
  readonly url: string;
  readonly token?: string;
  readonly body?: string;
  readonly ca?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly onChunk?: (text: string) => void;
}

/** A request over a connection of its own. */
function ask({ url, token, body, ca, headers, onChunk }: Ask): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith("https:") ? httpsRequest : httpRequest)(
      url,
      {
        method: body === undefined ? "GET" : "POST",
        agent: false,
        ...(ca === undefined ? {} : { ca }),
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
      },
      (response) => {
        const chunks: string[] = [];
        response.setEncoding("utf8").on("data", (chunk: string) => {
          chunks.push(chunk);
          onChunk?.(chunk);
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: chunks.join(""), chunks }),
        );
        response.on("error", reject);
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

/** An API key of the default project, made with the owner's token. */
async function keyOf(dataDir: string, url: string, ca?: string): Promise<string> {
  const token = readFileSync(join(dataDir, "owner-token"), "utf8").trim();
  const trust = ca === undefined ? {} : { ca };
  const { text } = await ask({ url: `${url}/accounts/projects`, token, ...trust });
  const project = (JSON.parse(text) as { projects: { id: string }[] }).projects[0]?.id ?? "";
  const made = await ask({
    url: `${url}/accounts/projects/${project}/api-keys`,
    token,
    body: '{"name":"k","description":""}',
    ...trust,
  });
  return /ma-[^"]+/.exec(made.text)?.[0] ?? "";
}

const streamed = '{"model":"gpt-5.5","stream":true,"input":"hello"}';

async function untilLogged(gateway: GatewayProcess, text: RegExp): Promise<string> {
  for (const deadline = Date.now() + 10_000; ;) {
    const line = gateway.logs.find((each) => text.test(each));
    if (line !== undefined) return line;
    assert.ok(Date.now() < deadline, `${text} was never logged:\n${gateway.logs.join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const portOf = (url: string): number => Number(new URL(url).port);

/** The organisation in the certificate that is shown to a new connection. */
async function shownBy(url: string): Promise<string> {
  const socket: TLSSocket = tlsConnect({
    port: portOf(url),
    host: "127.0.0.1",
    servername: "localhost",
    ca: [first.cert, second.cert],
  });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const { O } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(O);
}

describe("TLS of the gateway's own", () => {
  it("SIGHUP shows the renewed certificate to new connections, and cuts no stream; a bad one changes nothing", async () => {
    const cert = join(root, "live.cert.pem");
    const key = join(root, "live.key.pem");
    copyFileSync(first.certFile, cert);
    copyFileSync(first.keyFile, key);
    const dataDir = join(root, "renewed");
    const gateway = await spawnGateway({ dataDir, flags: ["--tls-cert", cert, "--tls-key", key] });
    assert.match(gateway.url, /^https:/);
    assert.ok(!gateway.logs.some((line) => line.includes("clear text")));
    const token = await keyOf(dataDir, gateway.url, first.cert);
    assert.equal(await shownBy(gateway.url), "first");

    const begun = Promise.withResolvers<void>();
    const running = ask({
      url: `${gateway.url}/openai/v1/responses`,
      token,
      ca: first.cert,
      body: '{"model":"gpt-5.5","stream":true,"input":"[[simulate: slow 20ms, length 100]]"}',
      onChunk: () => begun.resolve(),
    });
    await begun.promise;
    copyFileSync(second.certFile, cert);
    copyFileSync(second.keyFile, key);
    process.kill(gateway.pid, "SIGHUP");
    assert.match(await untilLogged(gateway, /certificate was read again/), /"valid_until":"20\d\d-/);
    assert.equal(await shownBy(gateway.url), "second");
    assert.match((await running).text, /response\.completed/);

    // A certificate whose key has not been written yet, as in the middle of a renewal.
    copyFileSync(first.certFile, cert);
    process.kill(gateway.pid, "SIGHUP");
    assert.match(await untilLogged(gateway, /was not changed/), /made for each other/);
    assert.equal(await shownBy(gateway.url), "second");
    copyFileSync(first.keyFile, key);
    process.kill(gateway.pid, "SIGHUP");
    for (const deadline = Date.now() + 10_000; (await shownBy(gateway.url)) !== "first";)
      assert.ok(Date.now() < deadline);
    assert.equal(await gateway.terminate(), 0);
  });

  it("setup says what to do about a certificate of one's own, and works once that is done", async () => {
    const dataDir = join(root, "own");
    const gateway = await spawnGateway({
      dataDir,
      flags: ["--tls-cert", first.certFile, "--tls-key", first.keyFile],
    });
    const setup = (env: Readonly<Record<string, string>>): Promise<{ code: number; text: string }> =>
      new Promise((resolve) => {
        const options = { env: { PATH: "", HOME: root, MESHAGENT_DATA_DIR: dataDir, ...env } };
        execFile(process.execPath, [meshagentBin, "setup", "--yes"], options, (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
        );
      });
    const untrusted = await setup({});
    assert.equal(untrusted.code, 1, untrusted.text);
    assert.match(untrusted.text, /no authority that this machine trusts[\s\S]*export NODE_EXTRA_CA_CERTS=/);
    const trusted = await setup({ NODE_EXTRA_CA_CERTS: first.certFile });
    assert.equal(trusted.code, 0, trusted.text);
    await gateway.terminate();
  });

  it("SIGHUP without TLS files stops nothing", async () => {
    const gateway = await spawnGateway({ dataDir: join(root, "plain") });
    process.kill(gateway.pid, "SIGHUP");
    await untilLogged(gateway, /nothing to read again/);
    assert.equal((await ask({ url: `${gateway.url}/healthz` })).status, 200);
    assert.equal(await gateway.terminate(), 0);
  });

  it("files that cannot be used are refused at the start, in a sentence", async () => {
    const text = join(root, "text.pem");
    writeFileSync(text, "no PEM");
    const wrong: readonly (readonly [string, string, RegExp])[] = [
      [first.certFile, second.keyFile, /cannot be used: .*made for each other/],
      [text, first.keyFile, /cannot be used/],
      [first.certFile, join(root, "none.pem"), /MESHAGENT_TLS_KEY names a file that cannot be read/],
    ];
    for (const [cert, key, message] of wrong) {
      await assert.rejects(
        spawnGateway({ dataDir: join(root, "wrong"), flags: ["--tls-cert", cert, "--tls-key", key] }),
        (error) =>
          error instanceof GatewayStartError &&
          error.exitCode === 2 &&
          message.test(error.message) &&
          !/\n\s+at /.test(error.message),
      );
    }
  });

  it("clear text on an address that is not loopback is warned about, and a public URL in clear text as well", async () => {
    const open = await spawnGateway({ dataDir: join(root, "open"), flags: ["--host", "0.0.0.0"] });
    assert.match(open.logs.join("\n"), /"level":"warn".*clear text on this address/);
    await open.terminate();
    const named = await spawnGateway({
      dataDir: join(root, "named"),
      env: { MESHAGENT_PUBLIC_URL: "http://llm.example.com" },
    });
    assert.match(named.logs.join("\n"), /"level":"warn".*clear text to http:\/\/llm\.example\.com/);
    await named.terminate();
    const fine = await spawnGateway({
      dataDir: join(root, "named"),
      env: { MESHAGENT_PUBLIC_URL: "https://llm.example.com" },
    });
    assert.ok(!fine.logs.some((line) => line.includes("clear text")));
    await fine.terminate();
  });
});

/** What nginx does, in thirty lines: TLS ends here, `x-forwarded-for` is added to, bytes pass as they come. */
async function startTlsProxy(
  target: string,
  { cert, key }: Certificate,
): Promise<{ url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createTlsServer({ cert, key }, (incoming, outgoing) => {
    const before = incoming.headers["x-forwarded-for"];
    const peer = "203.0.113.9";
    const upstream = httpRequest(
      target + (incoming.url ?? "/"),
      {
        method: incoming.method,
        headers: {
          ...incoming.headers,
          connection: "close",
          "x-forwarded-for": before === undefined ? peer : `${[before].flat().join(", ")}, ${peer}`,
          "x-forwarded-proto": "https",
        },
      },
      (reply) => {
        outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
        outgoing.flushHeaders();
        reply.pipe(outgoing);
      },
    );
    upstream.on("error", () => outgoing.destroy());
    incoming.pipe(upstream);
  });
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("behind a TLS proxy", () => {
  it("streams pass, the public URL is named, callers are told apart, and metrics stay here", async (context) => {
    const dataDir = join(root, "behind");
    const gateway = await spawnGateway({
      dataDir,
      env: { MESHAGENT_PUBLIC_URL: "https://llm.example.com", MESHAGENT_TRUSTED_PROXIES: "127.0.0.0/8,::1" },
    });
    assert.match(
      gateway.logs.join("\n"),
      /"url":"https:\/\/llm\.example\.com","openai_base_url":"https:\/\/llm\.example\.com\/openai\/v1"/,
    );
    // The log names the public URL; where the process really listens is in a file.
    const { url } = JSON.parse(readFileSync(join(dataDir, "gateway.json"), "utf8")) as { url: string };
    const proxy = await startTlsProxy(url, first);
    context.after(() => proxy.close());
    const token = await keyOf(dataDir, proxy.url, first.cert);
    const pieces: string[] = [];
    const reply = await ask({
      url: `${proxy.url}/openai/v1/responses`,
      token,
      ca: first.cert,
      body: '{"model":"gpt-5.5","stream":true,"input":"[[simulate: slow 15ms, length 30]]"}',
      onChunk: (piece) => pieces.push(piece),
    });
    assert.equal(reply.status, 200);
    assert.match(reply.text, /response\.completed/);
    assert.ok(pieces.length > 5, `${pieces.length} pieces: a stream is not gathered on its way`);
    const refused = await ask({
      url: `${proxy.url}/openai/v1/responses`,
      token: "nonsense",
      ca: first.cert,
      body: streamed,
      headers: { "x-forwarded-for": "6.6.6.6" },
    });
    assert.equal(refused.status, 401);
    assert.match(await untilLogged(gateway, /a request was refused/), /"caller":"203\.0\.113\.9"/);
    assert.equal((await ask({ url: `${proxy.url}/metrics`, ca: first.cert })).status, 404);
    assert.equal((await ask({ url: `${url}/metrics` })).status, 200);
    assert.equal((await ask({ url: `${proxy.url}/readyz`, ca: first.cert })).status, 200);
    await gateway.terminate();
  });

  it("a range that is none is refused by name", async () => {
    await assert.rejects(
      spawnGateway({ dataDir: join(root, "wrong"), env: { MESHAGENT_TRUSTED_PROXIES: "10.0.0.0/40" } }),
      /MESHAGENT_TRUSTED_PROXIES must be addresses or CIDR ranges/,
    );
  });
});

describe("the way to a provider", () => {
  let proxy: ConnectProxy;
  let secure: FakeProvider;
  before(async () => {
    proxy = await startConnectProxy();
    secure = await startFakeProvider({ tls: first, apiKey: "sk-behind-the-proxy" });
  });
  after(async () => {
    await proxy.close();
    await secure.close();
  });

  const environment = (more: Readonly<Record<string, string>>): Record<string, string> => ({
    OPENAI_API_KEY: "sk-behind-the-proxy",
    MESHAGENT_OPENAI_BASE_URL: `https://localhost:${portOf(secure.origin)}/v1`,
    HTTPS_PROXY: `http://us%65r:s3cret-of-the-proxy@127.0.0.1:${proxy.port}`,
    NODE_EXTRA_CA_CERTS: first.certFile,
    MESHAGENT_CONNECT_TIMEOUT: "500ms",
    ...more,
  });

  async function reach(
    name: string,
    env: Readonly<Record<string, string>>,
  ): Promise<{ reply: Reply; log: string }> {
    const dataDir = join(root, name);
    const gateway = await spawnGateway({ dataDir, env: environment(env) });
    const token = await keyOf(dataDir, gateway.url);
    const reply = await ask({ url: `${gateway.url}/openai/v1/responses`, token, body: streamed });
    await gateway.terminate();
    const log = gateway.logs.join("\n") + gateway.stderr();
    assert.ok(!/s3cret|sk-behind/.test(log), "no credential is in the log");
    return { reply, log };
  }

  it("leads through HTTPS_PROXY by CONNECT: the proxy sees a name and its own credential, no key", async () => {
    const { reply } = await reach("proxied", {});
    assert.equal(reply.status, 200, reply.text);
    assert.match(reply.text, /response\.completed/);
    assert.deepEqual(proxy.tunnels, [`localhost:${portOf(secure.origin)}`]);
    assert.deepEqual(proxy.credentials, [
      `Basic ${Buffer.from("user:s3cret-of-the-proxy").toString("base64")}`,
    ]);
    const [line] =
      secure.requests.at(-1)?.headers.filter(([name]) => name.toLowerCase().startsWith("proxy-")) ?? [];
    assert.equal(line, undefined, "the proxy's credential does not reach the provider");
  });

  it("leads past it for NO_PROXY, and for a provider in clear text, whatever HTTP_PROXY says", async () => {
    const tunnels = proxy.tunnels.length;
    for (const NO_PROXY of [
      "localhost",
      "other.example,localhost",
      `localhost:${portOf(secure.origin)}`,
      "*",
    ]) {
      assert.equal((await reach("direct", { NO_PROXY })).reply.status, 200, NO_PROXY);
    }
    const plain = await startFakeProvider({ apiKey: "sk-behind-the-proxy" });
    const { reply } = await reach("clear", {
      MESHAGENT_OPENAI_BASE_URL: plain.openaiBaseUrl,
      HTTP_PROXY: `http://127.0.0.1:${proxy.port}`,
    });
    assert.equal(reply.status, 200, reply.text);
    await plain.close();
    assert.equal(proxy.tunnels.length, tunnels, "the proxy was not asked");
    assert.deepEqual(proxy.others, []);
    assert.equal((await reach("proxied-again", { NO_PROXY: "example.com" })).reply.status, 200);
    assert.equal(proxy.tunnels.length, tunnels + 1);
  });

  it("a proxy that refuses, or gives no answer, is a provider that is not reached", async () => {
    proxy.mode = "refuse";
    const refused = await reach("refused", {});
    assert.equal(refused.reply.status, 502);
    assert.match(refused.reply.text, /upstream_unreachable/);
    proxy.mode = "silent";
    const beganMs = performance.now();
    const silent = await reach("silent", {});
    assert.ok([502, 504].includes(silent.reply.status), silent.reply.text);
    assert.ok(performance.now() - beganMs < 20_000, "within the connect timeout, and not minutes");
    proxy.mode = "open";
  });

  it("a certificate of one's own is trusted by NODE_EXTRA_CA_CERTS alone, with a proxy and without", async () => {
    for (const env of [{}, { NO_PROXY: "localhost" }, { HTTPS_PROXY: "" }]) {
      const { reply, log } = await reach("untrusted", { ...env, NODE_EXTRA_CA_CERTS: second.certFile });
      assert.equal(reply.status, 502, JSON.stringify(env));
      assert.match(log, /self-signed certificate|unable to verify/);
    }
    assert.equal((await reach("trusted", { HTTPS_PROXY: "" })).reply.status, 200);
  });
});
