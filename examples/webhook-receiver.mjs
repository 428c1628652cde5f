// Takes the gateway's notices of budgets, once their signature is right. Needs no package.
// MESHAGENT_WEBHOOK_SECRET=whsec_... node webhook-receiver.mjs
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.MESHAGENT_WEBHOOK_SECRET ?? "";
const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");

function isGenuine(headers, body) {
  const { "webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": signatures = "" } = headers;
  // Older ones may be copies that somebody plays again.
  if (!(Math.abs(Date.now() / 1000 - Number(seconds)) < 300)) return false;
  const right = createHmac("sha256", key).update(`${id}.${seconds}.`).update(body).digest();
  return signatures.split(" ").some((signature) => {
    const given = Buffer.from(signature.replace(/^v1,/, ""), "base64");
    return given.length === right.length && timingSafeEqual(given, right);
  });
}

async function take(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (key.length === 0 || !isGenuine(request.headers, body)) return response.writeHead(401).end();
  // A notice may come again under the same `webhook-id`: what must happen once remembers that.
  const { type, data } = JSON.parse(body);
  const budget = data.budget_name ?? data.budget_id;
  if (type === "budget.threshold")
    console.log(`${budget}: ${data.percent} % of $${data.amount_usd} reached, $${data.spent_usd} spent`);
  else console.log(type);
  response.writeHead(204).end();
}

const server = createServer((request, response) => void take(request, response));
server.listen(Number(process.env.PORT ?? 8790), "127.0.0.1", () => console.log(server.address().port));
