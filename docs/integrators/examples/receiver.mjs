// Takes AlloResto's events, by Trigger (binary mode) or by webhook (structured mode, signed); needs nothing but Node.
//
// `SECRET=whsec_… PORT=8080 node receiver.mjs`; without SECRET only what comes by Trigger is taken. Each event is
// printed once, as a line of JSON.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const SECRET = process.env.SECRET ?? "";
const seen = new Set(); // keep it where it outlives this process, with what an event leads to

// Standard Webhooks: HMAC-SHA256 over id.timestamp.body; a message that is older than five minutes is refused.
function isSigned(headers, body) {
  const sentAt = headers["webhook-timestamp"] ?? "";
  if (!SECRET || !/^\d+$/.test(sentAt) || Math.abs(Date.now() / 1000 - Number(sentAt)) > 300) return false;
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${sentAt}.`), body]);
  const key = Buffer.from(SECRET.replace("whsec_", ""), "base64");
  const expected = Buffer.from("v1," + createHmac("sha256", key).update(signed).digest("base64"));
  return (headers["webhook-signature"] ?? "").split(" ").some((one) => {
    const given = Buffer.from(one);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

function read(headers, body) {
  if ((headers["content-type"] ?? "").startsWith("application/cloudevents+json")) {
    return isSigned(headers, body) ? JSON.parse(body) : 401;
  }
  if (!headers["ce-id"]) return 400;
  const event = { data: JSON.parse(body) };
  for (const name in headers) if (name.startsWith("ce-")) event[name.slice(3)] = headers[name];
  return event;
}

createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const event = read(request.headers, Buffer.concat(parts));
  if (typeof event === "number") return response.writeHead(event).end();
  const key = `${event.source} ${event.id}`; // at least once: the same source and id are the same event
  if (!seen.has(key)) {
    seen.add(key);
    console.log(JSON.stringify({ type: event.type, data: event.data }));
  }
  response.writeHead(204).end();
}).listen(Number(process.env.PORT ?? 8080));
