// The page's feed under Node's own EventSource, at an edge that refuses it again and again.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";

const FEED = new URL("../../../http/page/feed.js", import.meta.url).href;

/** What a page hears, a line of JSON each. */
const PAGE = `
const { keepFeed } = await import(${JSON.stringify(FEED)});
const tell = (...line) => console.log(JSON.stringify(line));
const lost = (pauseMs) => tell("lost", pauseMs ?? "by itself");
keepFeed(process.argv[1] + "/v1/live?everyMs=500", {
  hello: () => tell("hello"),
  level: ({ sku }) => { tell("level", sku); if (sku === "B") process.exit(); },
}, lost);
setInterval(() => {}, 1_000); // Node's EventSource does not keep a process while it waits.
`;

test("keepFeed() asks again after 503, later each time, and goes on from the last id", async () => {
  const asked: { url: string; atMs: number }[] = [];
  const levelOf = (sku: string, id: string) =>
    `event: level\nid: ${id}\ndata: {"sku":"${sku}"}\n\n`;
  const answers = [503, 503, levelOf("A", "1~5"), 503, levelOf("B", "1~6")];
  const edge = createServer((request, response) => {
    asked.push({ url: request.url ?? "", atMs: performance.now() });
    const answer = answers[asked.length - 1];
    if (typeof answer !== "string") return response.writeHead(503).end();
    response.writeHead(200, { "content-type": "text/event-stream" });
    return response.end(`retry: 10\nevent: hello\ndata: {}\n\n${answer}`);
  }).listen(0, "127.0.0.1");
  await once(edge, "listening");
  const { port } = edge.address() as AddressInfo;
  const page = spawn(
    process.execPath,
    [
      "--experimental-eventsource",
      "--no-warnings",
      "--input-type=module",
      "-e",
      PAGE,
      `http://127.0.0.1:${port}`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  onTestFinished(() => void page.kill());
  let text = "";
  page.stdout.on("data", (chunk) => (text += chunk));
  await once(page, "close");
  edge.close();
  expect(
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([
    ["lost", 1_000],
    ["lost", 2_000],
    ["hello"],
    ["level", "A"],
    ["lost", "by itself"],
    ["lost", 1_000],
    ["hello"],
    ["level", "B"],
  ]);
  expect(asked[4]?.url).toBe("/v1/live?everyMs=500&lastEventId=1~5");
  const [first, second, third] = asked.map(({ atMs }) => atMs) as [number, number, number];
  expect(second - first).toBeGreaterThan(700);
  expect(third - second).toBeGreaterThan(1_400);
}, 20_000);
