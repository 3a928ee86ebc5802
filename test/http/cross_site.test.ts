// Who may write to an edge without a token: programs, and pages of its own; no page of another site.
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apiRoutes, createApp } from "../../http/app.ts";
import { isLoopback } from "../../http/cross_site.ts";
import type { Edge } from "../../http/ports.ts";
import { type HttpServer, serveHttp } from "../../http/serve.ts";
import { type EdgeOfFake, edgeOfFake, send } from "./support/edge_of_fake.ts";

let house: EdgeOfFake;
let server: HttpServer;
beforeAll(async () => {
  house = await edgeOfFake();
  server = await serveHttp(house.app, { host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  await server.stop(1_000);
  await house.stop();
});

const receipt = { type: "receipt", sku: "A", location: "L", qty: 1 };
const LOCAL = "localhost:3030";

type Case = [who: string, headers: Record<string, string>, status: number];

async function expectAll(edge: Partial<Edge>, cases: readonly Case[]): Promise<void> {
  const app = createApp({ ...house.edge, ...edge });
  for (const [who, headers, status] of cases) {
    const before = house.actor.received.length;
    const answer = await send(app, "POST", "/v1/commands", receipt, headers);
    expect([who, answer.status]).toEqual([who, status]);
    if (status === 403) expect(await answer.json()).toMatchObject({ code: "cross_site" });
    expect([who, house.actor.received.length - before]).toEqual([who, status === 200 ? 1 : 0]);
  }
}

const PAGES: readonly Case[] = [
  ["a page elsewhere", { host: LOCAL, "sec-fetch-site": "cross-site" }, 403],
  ["a page of another port", { host: LOCAL, "sec-fetch-site": "same-site" }, 403],
  ["what browsers may yet say", { host: LOCAL, "sec-fetch-site": "new-word" }, 403],
  ["an old browser elsewhere", { host: LOCAL, origin: "https://evil.example" }, 403],
  ["a sandboxed page in it", { host: LOCAL, origin: "null" }, 403],
  ["a page of another port in it", { host: LOCAL, origin: "http://localhost:8080" }, 403],
  [
    "our own page",
    { host: LOCAL, "sec-fetch-site": "same-origin", origin: `http://${LOCAL}` },
    200,
  ],
  ["our own page in it", { host: LOCAL, origin: `http://${LOCAL}` }, 200],
  [
    "our own page behind a proxy with a host of its own",
    { host: LOCAL, "sec-fetch-site": "same-origin", origin: "https://shop.example" },
    200,
  ],
  ["a program", { host: LOCAL }, 200],
];

describe("POST without a token", () => {
  test("on loopback is for programs and pages of this machine's edge", async () => {
    await expectAll({ isLocal: true }, [
      ...PAGES,
      ["a name that was made to point here", { host: "evil.example:3030" }, 403],
      [
        "a page of such a name",
        {
          host: "evil.example:3030",
          "sec-fetch-site": "same-origin",
          origin: "http://evil.example:3030",
        },
        403,
      ],
      ["a service of NATS", {}, 200],
    ]);
  });

  test("on an address others reach is for programs by any name, and pages of its own by a name of its own", async () => {
    const host = "hub.shop.lan";
    const pages = (one: string) => ({ host: one, origin: `http://${one}` });
    await expectAll({ isLocal: false, hosts: [host] }, [
      ...PAGES,
      ["a program elsewhere", { host }, 200],
      ["a container by the name of ours", { host: "onhand:3030" }, 200],
      ["our page under that name", pages(host), 200],
      ["our page under that name and a port", pages("HUB.shop.lan:3030"), 200],
      ["our page under an address", pages("10.0.0.5:3030"), 200],
      ["our page under another kind of address", pages("[fd00::5]:3030"), 200],
      ["a page of another name", { host, origin: "http://www.shop.lan" }, 403],
      ["a page of a name that was made to point here", pages("evil.example:3030"), 403],
      ["one that looks like ours", pages("hub.shop.lan.evil.example"), 403],
      ["one that looks like an address", pages("10.0.0.5.evil.example:3030"), 403],
      [
        "what a browser of such a page says besides",
        { host: "evil.example", "sec-fetch-site": "same-origin" },
        403,
      ],
    ]);
    await expectAll({ isLocal: false }, [["our page, its name not given", pages(host), 403]]);
  });

  test("on loopback a name that was given is one of this machine", async () => {
    const host = "hub.example";
    await expectAll({ isLocal: true, hosts: [host] }, [
      ["a proxy that keeps the name", { host }, 200],
      ["a page behind it", { host, origin: `https://${host}` }, 200],
      ["another name", { host: "evil.example" }, 403],
      ["an address that is not of loopback", { host: "10.0.0.5" }, 403],
    ]);
  });
});

test("with a token it is the token that decides: no page has it that was not given it", async () => {
  const token = "a-token-of-some-length";
  const authorization = `Bearer ${token}`;
  const host = "onhand.internal";
  const origin = "https://shop.example";
  await expectAll({ isLocal: true, token }, [
    ["a proxy with a host of its own", { host, origin, authorization }, 200],
    ["a page elsewhere", { host: LOCAL, "sec-fetch-site": "cross-site" }, 401],
  ]);
});

test("every route that writes refuses a page elsewhere, says so in openapi.json; reads are open", async () => {
  const { paths } = (await (await house.app.request("/openapi.json")).json()) as {
    paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>;
  };
  for (const { method, path, writes } of apiRoutes(house.edge)) {
    if (path === "/v1/live") continue;
    const headers = { host: LOCAL, "sec-fetch-site": "cross-site" };
    const answer = await house.app.request(path.replaceAll(":", ""), { method, headers });
    expect([path, answer.status === 403]).toEqual([path, writes === true]);
    const described = paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()]?.responses;
    const found = described?.["403"]?.description.includes("/problems/cross-site") ?? false;
    expect([path, found]).toEqual([path, writes === true]);
  }
});

test("a page's POST without a content type is refused at the listener, curl's is taken", async () => {
  const post = (headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const sent = request(
        { host: "127.0.0.1", port: server.port, method: "POST", path: "/v1/commands", headers },
        (answer) => resolve(answer.resume().statusCode),
      );
      sent.once("error", reject);
      sent.end(JSON.stringify(receipt));
    });
  expect(await post({})).toBe(200);
  expect(await post({ origin: "http://evil.example", "sec-fetch-site": "cross-site" })).toBe(403);
  expect(await post({ host: "evil.example", origin: "http://evil.example" })).toBe(403);
  const own = `localhost:${server.port}`;
  expect(await post({ host: own, origin: `http://${own}` })).toBe(200);
});

test("isLoopback() knows the names of this machine and no others", () => {
  for (const name of [
    "localhost",
    "LOCALHOST:3030",
    "127.0.0.1",
    "127.8.0.9:80",
    "::1",
    "[::1]:3030",
  ])
    expect([name, isLoopback(name)]).toEqual([name, true]);
  for (const name of [
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.evil.example",
    "evil.example:127.0.0.1",
    "",
  ])
    expect([name, isLoopback(name)]).toEqual([name, false]);
});
