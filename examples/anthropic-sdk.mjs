// npm install @anthropic-ai/sdk
import Anthropic from "@anthropic-ai/sdk";

const gateway = process.env.MESHAGENT_API_URL ?? "http://127.0.0.1:8700";

const anthropic = new Anthropic({
  baseURL: `${gateway}/anthropic`, // without /v1: the SDK puts it there itself
  authToken: process.env.MESHAGENT_ROOM_TOKEN,
  apiKey: null, // so that an ANTHROPIC_API_KEY of your own stays at home
});

const message = await anthropic.messages.create({
  model: "claude-sonnet-5-5",
  max_tokens: 1024,
  messages: [{ role: "user", content: "Say hello." }],
});
console.log(message.content[0].text);

const stream = anthropic.messages.stream({
  model: "claude-sonnet-5-5",
  max_tokens: 1024,
  messages: [{ role: "user", content: "Say hello, streamed." }],
});
stream.on("text", (text) => process.stdout.write(text));
await stream.finalMessage();
console.log();
