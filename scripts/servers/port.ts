// Owns the choice of TCP ports. Free ports are picked below the kernel's ephemeral range (32768 on
// Linux), so that no outgoing connection takes the port of a server while it is being restarted.
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { ServerError } from "./server_error.ts";

const FREE_PORT_MIN = 20_000;
const FREE_PORT_MAX = 32_000;

/** True when nothing listens on the port of that address and we may. */
export async function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return (await listenFault(port, host)) === undefined;
}

/** Why nobody could listen there now, or undefined. */
function listenFault(port: number, host: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** A port free at this moment; the first of `preferred` that is free, else any. */
export async function freePort(
  preferred: readonly number[] = [],
  host = "127.0.0.1",
): Promise<number> {
  for (const port of preferred) if (await isPortFree(port, host)) return port;
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(FREE_PORT_MIN, FREE_PORT_MAX);
    if (await isPortFree(port, host)) return port;
  }
  throw new ServerError(
    "port_taken",
    `Cannot find a free port on ${host} between ${FREE_PORT_MIN} and ${FREE_PORT_MAX}`,
    { hint: "Give ports by hand, or free some." },
  );
}

/** Throws ServerError `port_taken` naming the port and what to do, `start_failed` when it is not the port that is wrong. */
export async function requirePort(
  port: number,
  what: string,
  hint: string,
  host = "127.0.0.1",
): Promise<void> {
  const fault = await listenFault(port, host);
  if (fault === undefined) return;
  if (fault.code !== "EADDRINUSE") {
    const isAddress = fault.code === "EADDRNOTAVAIL" || fault.code === "ENOTFOUND";
    const why = isAddress ? `${host} is no address of this machine` : fault.message;
    throw new ServerError("start_failed", `Cannot start ${what} on ${host}:${port}: ${why}`);
  }
  throw new ServerError(
    "port_taken",
    `Cannot start ${what}: port ${port} on ${host} is already in use`,
    { hint, retryable: true },
  );
}
