// npm install ai @ai-sdk/openai @ai-sdk/anthropic
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText } from "ai";

const gateway = process.env.MESHAGENT_API_URL ?? "http://127.0.0.1:8700";
const token = process.env.MESHAGENT_ROOM_TOKEN;

const openai = createOpenAI({ baseURL: `${gateway}/openai/v1`, apiKey: token });
const anthropic = createAnthropic({ baseURL: `${gateway}/anthropic/v1`, apiKey: token }); // with /v1 here

const { text } = await generateText({ model: openai("gpt-5.5"), prompt: "Say hello." });
console.log(text);

const { textStream } = streamText({ model: anthropic("claude-sonnet-5-5"), prompt: "Say hello, streamed." });
for await (const part of textStream) process.stdout.write(part);
console.log();
