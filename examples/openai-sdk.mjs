// npm install openai
import OpenAI from "openai";

const gateway = process.env.MESHAGENT_API_URL ?? "http://127.0.0.1:8700";

const openai = new OpenAI({
  baseURL: `${gateway}/openai/v1`,
  apiKey: process.env.MESHAGENT_ROOM_TOKEN,
});

const response = await openai.responses.create({ model: "gpt-5.5", input: "Say hello." });
console.log(response.output_text);

const stream = await openai.chat.completions.create({
  model: "gpt-5.5",
  messages: [{ role: "user", content: "Say hello, streamed." }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
console.log();
