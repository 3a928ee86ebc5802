// The listener itself, over real sockets: bodies that are too large or do not tell their length, bytes
// that are no HTTP, a taken port, stopping with requests under way.
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { Hono } from "hono";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpServer, serveHttp } from "../../http/serve.ts";
import { HTTP_SKUS_MAX } from "../../shared/limits.ts";
import { type EdgeOfFake, edgeOfFake } from "./support/edge_of_fake.ts";

let house: EdgeOfFake;
let server: HttpServer;
let url: string;
beforeAll(async () => {
  house = await edgeOfFake();
  server = await serveHttp(house.app, { host: "127.0.0.1", port: 0 });
  url = `http://127.0.0.1:${server.port}`;
});
afterAll(async () => {
  await server.stop(1_000);
  await house.stop();
});

const receipt = { type: "receipt", sku: "A", location: "L", qty: 1 };
const stillWell = async () => {
  const answer = await fetch(`${url}/v1/commands`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(receipt),
  });
  expect(answer.status).toBe(200);
};

function socket(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const opened = connect(server.port, "127.0.0.1", () => resolve(opened));
    opened.once("error", reject);
  });
}

/** Writes, and reads until the other side says `until` or closes. */
async function exchange(bytes: string, until: string): Promise<string> {
  const opened = await socket();
  let text = "";
  const done = new Promise<string>((resolve) => {
    opened.on("data", (chunk) => {
      text += chunk.toString();
      if (text.includes(until)) resolve(text);
    });
    opened.on("close", () => resolve(text));
    opened.on("error", () => resolve(text));
  });
  opened.write(bytes);
  const answer = await done;
  opened.destroy();
  return answer;
}

test("2 MB are refused by their length, and the server goes on", async () => {
  const answer = await fetch(`${url}/v1/commands`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `"${"x".repeat(2_000_000)}"`,
  });
  expect(await answer.json()).toMatchObject({ status: 413, code: "body_too_large" });
  await stillWell();
});

test("a body that does not tell its length is read no further than the limit", async () => {
  let sent = 0;
  const chunk = new Uint8Array(65_536).fill(0x20);
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += chunk.byteLength;
      if (sent > 8_000_000) controller.close();
      else controller.enqueue(chunk);
    },
  });
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    duplex: "half",
  } as RequestInit;
  const status = await fetch(`${url}/v1/commands`, init).then(
    (answer) => answer.status,
    () => "closed",
  );
  expect([413, "closed"]).toContain(status);
  await stillWell();
});

test("a small body in chunks is read", async () => {
  const json = JSON.stringify(receipt);
  const half = json.length >> 1;
  const chunks = [json.slice(0, half), json.slice(half)]
    .map((part) => `${part.length.toString(16)}\r\n${part}\r\n`)
    .join("");
  const answer = await exchange(
    `POST /v1/commands HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n` +
      `transfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    '"applied"',
  );
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test("bytes that are no HTTP, a lying length, a bad host: refused, no stack, no harm", async () => {
  for (const bytes of [
    "\x00\x01\x02\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    "GET http://[bad HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
    "POST /v1/holds HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
    `GET /${"x".repeat(200_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
  ]) {
    const answer = await exchange(bytes, "\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d |^$/);
    expect(answer).not.toMatch(/\bat .*\.(ts|mjs):\d/);
  }
  await stillWell();
});

test("as many of the longest SKUs as may be asked for at once fit in a query", async () => {
  const skus = Array.from({ length: HTTP_SKUS_MAX }, (_, i) => "é".repeat(98) + (1000 + i));
  const query = skus.map((sku) => `sku=${encodeURIComponent(sku)}`).join("&");
  const answer = await fetch(`${url}/v1/stock?${query}`);
  expect(answer.status).toBe(200);
});

test("serveHttp() names the port another program has", async () => {
  await expect(
    serveHttp(new Hono(), { host: "127.0.0.1", port: server.port }),
  ).rejects.toMatchObject({ code: "port_taken" });
});

test("stop() lets a request under way end, and then ends what is left", async () => {
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const app = new Hono();
  app.get("/slow", async (c) => {
    await gate;
    return c.text("done");
  });
  app.get("/never", () => new Promise<Response>(() => {}));
  const other = await serveHttp(app, { host: "127.0.0.1", port: 0 });
  const base = `http://127.0.0.1:${other.port}`;
  const slow = fetch(`${base}/slow`).then((answer) => answer.text());
  const never = fetch(`${base}/never`).then(
    () => "answered",
    () => "ended",
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  const stopped = other.stop(500);
  release();
  expect(await slow).toBe("done");
  expect(await never).toBe("ended");
  await stopped;
});

test("who speaks HTTP/1.0 and names no host, as the probes of some balancers do, is answered", async () => {
  const answer = await exchange("GET /readyz HTTP/1.0\r\n\r\n", '"ready":true');
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test("a body that is compressed is refused by what it is", async () => {
  const answer = await fetch(`${url}/v1/commands`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-encoding": "gzip" },
    body: gzipSync(JSON.stringify(receipt)),
  });
  expect(answer.status).toBe(415);
  expect(answer.headers.get("accept-encoding")).toBe("identity");
  expect(await answer.json()).toMatchObject({
    code: "unsupported_media_type",
    detail: expect.stringContaining("gzip"),
  });
  await stillWell();
});
