// Owns the small questions put to a starting server: does it answer, and is it the one we started?
import { createConnection } from "node:net";

/**
 * Connects, sends `request` if there is one, and returns what comes back until `enough` is satisfied;
 * undefined when nothing listens or the answer takes more than `timeoutMs`.
 */
export function ask(
  port: number,
  request: string,
  enough: (answer: string) => boolean,
  host = "127.0.0.1",
  timeoutMs = 1_000,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = createConnection({ port, host });
    const finish = (result: string | undefined) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeoutMs, () => finish(undefined));
    socket.once("error", () => finish(undefined));
    socket.once("close", () => finish(undefined));
    socket.once("connect", () => {
      if (request) socket.write(request);
    });
    socket.on("data", (chunk) => {
      answer += chunk.toString("utf8");
      if (enough(answer)) finish(answer);
    });
  });
}
