// npm install @langchain/core @langchain/openai @langchain/anthropic
import { ChatAnthropic } from "@langchain/anthropic";
import { ChatOpenAI } from "@langchain/openai";

const gateway = process.env.MESHAGENT_API_URL ?? "http://127.0.0.1:8700";
const token = process.env.MESHAGENT_ROOM_TOKEN;

const openai = new ChatOpenAI({
  model: "gpt-5.5",
  apiKey: token,
  configuration: { baseURL: `${gateway}/openai/v1` },
});
const anthropic = new ChatAnthropic({
  model: "claude-sonnet-5-5",
  apiKey: token,
  anthropicApiUrl: `${gateway}/anthropic`, // without /v1
});

const reply = await openai.invoke("Say hello.");
console.log(reply.text);

for await (const chunk of await anthropic.stream("Say hello, streamed.")) process.stdout.write(chunk.text);
console.log();
