// A process that logs three lines of 400,000 letters, waits, and tells how many bytes it keeps for later.
import { symbols } from "pino";
import { openLogger } from "../../shared/telemetry.ts";

const logger = openLogger("info", "test");
for (let n = 0; n < 3; n++) logger.info({ text: "x".repeat(400_000) }, "hello");
const { [symbols.streamSym as never]: lines } = logger as unknown as Record<
  string,
  { _len: number }
>;
setTimeout(() => process.stdout.write(String(lines?._len)), 50);
