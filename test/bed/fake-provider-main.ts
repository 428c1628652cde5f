/**
 * A fake provider as a process of its own, which outlives a gateway that a test kills. Run by
 * `fake-provider-process.ts`: options as JSON in the first argument, commands as JSON lines on stdin, answers
 * as JSON lines on stdout. Ends when stdin does, so that it never outlives its test.
 */

import { createInterface } from "node:readline";
import { startFakeProvider, type FakeProvider, type FakeProviderOptions } from "./fake-provider.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as FakeProviderOptions;
const fake = await startFakeProvider(options);
tell({ event: "listening", origin: fake.origin });

for await (const line of createInterface({ input: process.stdin })) {
  const { id, command } = JSON.parse(line) as { readonly id: number; readonly command: string };
  tell({ id, result: await run(fake, command) });
}
await fake.close();

async function run(provider: FakeProvider, command: string): Promise<unknown> {
  switch (command) {
    case "books":
      return provider.books;
    case "requests":
      // Bodies stay here: their hash and size are enough to compare.
      return provider.requests.map(({ body, ...rest }) => ({ ...rest, bodyBytes: body.length }));
    case "idle":
      await provider.untilIdle();
      return null;
    case "connections":
      return { accepted: provider.connections, open: provider.openConnections };
    default:
      throw new Error(`The fake provider does not know the command ${command}.`);
  }
}

function tell(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
