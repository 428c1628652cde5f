/** What is sent: W1, a small JSON request; W2, a coding agent's turn of 400 KB with tools and escaped code. */

export interface Workload {
  readonly name: "W1" | "W2";
  readonly about: string;
  readonly concurrency: number;
  readonly body: string;
}

function agentTurn(): string {
  const tools = Array.from({ length: 24 }, (_each, index) => ({
    type: "function",
    name: `tool_${index}`,
    description: 'Runs a command. Quotes "like this" and \\backslashes\\ come with it.'.repeat(8),
    parameters: {
      type: "object",
      properties: { model: { type: "string" }, cmd: { type: "string" }, usage: { type: "number" } },
    },
  }));
  const code = 'export function f(a: string): string {\n\treturn a.replace(/"/g, "\\\\\\"");\n}\n'.repeat(40);
  const input: object[] = [];
  for (let size = 0; size < 360_000; size += code.length) {
    input.push({ type: "message", role: "user", content: [{ type: "input_text", text: code }] });
  }
  return JSON.stringify({
    input,
    tools,
    parallel_tool_calls: true,
    store: false,
    model: "gpt-5.5",
    stream: true,
  });
}

export const workloads: readonly Workload[] = [
  {
    name: "W1",
    about: "1 KB up, 1.5 KB of JSON down",
    concurrency: 64,
    body: JSON.stringify({ model: "gpt-5.5", input: "y".repeat(940) }),
  },
  { name: "W2", about: "400 KB up, 300 events down", concurrency: 8, body: agentTurn() },
];
