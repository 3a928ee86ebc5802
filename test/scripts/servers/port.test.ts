import { createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { freePort, isPortFree, requirePort } from "../../../scripts/servers/port.ts";

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function takenPort(): Promise<number> {
  const port = await freePort();
  const server = createServer();
  open.push(server);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return port;
}

test("freePort() gives a port that is free, the preferred one if it can", async () => {
  const taken = await takenPort();
  const port = await freePort([taken]);
  expect(port).not.toBe(taken);
  expect(await isPortFree(port)).toBe(true);
  expect(await freePort([taken, port])).toBe(port);
});

test("requirePort() says which port is taken and what to do", async () => {
  const taken = await takenPort();
  await expect(requirePort(taken, "HTTP", "Take another: --port 4000")).rejects.toMatchObject({
    code: "port_taken",
    message: `Cannot start HTTP: port ${taken} on 127.0.0.1 is already in use. Take another: --port 4000`,
  });
  await expect(requirePort(await freePort(), "HTTP", "")).resolves.toBeUndefined();
});
