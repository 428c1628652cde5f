/** Callers that each hold one connection of their own, so that each talks to one worker of a gateway and to no other. */

import { Agent, request as httpRequest } from "node:http";

export interface CallerReply {
  readonly status: number;
  readonly body: string;
}

export interface ConnectionCaller {
  /** Rejects when the connection breaks before the whole reply is there. */
  ask(path: string, options?: AskOptions): Promise<CallerReply>;
  close(): void;
}

export interface AskOptions {
  readonly method?: string;
  readonly token?: string;
  readonly body?: object;
}

/** Opens its connection with its first request, and anew after one that broke. */
export function connectionCaller(url: string): ConnectionCaller {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    ask: (path, { method, token, body } = {}) => {
      const bytes = body === undefined ? null : Buffer.from(JSON.stringify(body));
      const reply = Promise.withResolvers<CallerReply>();
      const request = httpRequest(url + path, {
        agent,
        method: method ?? (bytes === null ? "GET" : "POST"),
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(bytes === null
            ? {}
            : { "content-type": "application/json", "content-length": bytes.byteLength }),
        },
      });
      request.on("error", reply.reject);
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reply.reject);
        response.on("close", () => {
          if (response.complete)
            reply.resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
          else reply.reject(new Error("The reply is not whole."));
        });
      });
      request.end(bytes ?? undefined);
      return reply.promise;
    },
    close: () => agent.destroy(),
  };
}
