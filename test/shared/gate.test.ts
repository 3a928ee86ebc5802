import { describe, expect, it } from "vitest";
import { Gate } from "../../shared/gate.ts";

/** Works that end when told to, and the order in which they began. */
function works() {
  const begun: string[] = [];
  const enders = new Map<string, (error?: Error) => void>();
  const work = (name: string) => () =>
    new Promise<string>((resolve, reject) => {
      begun.push(name);
      enders.set(name, (error) => (error ? reject(error) : resolve(name)));
    });
  const end = async (name: string, error?: Error) => {
    enders.get(name)?.(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begun, work, end };
}

describe("Gate", () => {
  it("runs so many at once, the others in their order, urgent ones first", async () => {
    const gate = new Gate(2);
    const { begun, work, end } = works();
    const results = ["a", "b", "c", "d"].map((name) => gate.run(work(name)));
    results.push(gate.run(work("urgent"), { urgent: true }));
    expect(begun).toEqual(["a", "b"]);
    await end("b");
    expect(begun).toEqual(["a", "b", "urgent"]);
    await end("a");
    expect(begun).toEqual(["a", "b", "urgent", "c"]);
    for (const name of ["urgent", "c", "d"]) await end(name);
    expect(await Promise.all(results)).toEqual(["a", "b", "c", "d", "urgent"]);
  });

  it("goes on after a work that failed", async () => {
    const gate = new Gate(1);
    const { begun, work, end } = works();
    const failed = gate.run(work("a"));
    const next = gate.run(work("b"));
    failed.catch(() => {});
    await end("a", new Error("no"));
    await expect(failed).rejects.toThrow("no");
    expect(begun).toEqual(["a", "b"]);
    await end("b");
    expect(await next).toBe("b");
  });

  it("lets the next one begin when a work leaves, once", async () => {
    const gate = new Gate(1);
    const { begun, work, end } = works();
    let leaveA: () => void = () => {};
    const a = gate.run((leave) => {
      leaveA = leave;
      return work("a")();
    });
    const rest = ["b", "c"].map((name) => gate.run(work(name)));
    leaveA();
    leaveA();
    await end("");
    expect(begun).toEqual(["a", "b"]);
    // Its end hands nothing on any more.
    await end("a");
    expect(await a).toBe("a");
    expect(begun).toEqual(["a", "b"]);
    await end("b");
    expect(begun).toEqual(["a", "b", "c"]);
    await end("c");
    expect(await Promise.all(rest)).toEqual(["b", "c"]);
  });
});
