import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { onStopSignals } from "../../scripts/stop_on_signal.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const heard: string[] = [];
const before = SIGNALS.map((signal) => [signal, process.listeners(signal)] as const);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  heard.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
  for (const [signal, listeners] of before)
    for (const listener of process.listeners(signal))
      if (!listeners.includes(listener)) process.removeListener(signal, listener);
});

const listen = () =>
  onStopSignals(
    (signal) => heard.push(`first ${signal}`),
    (signal) => heard.push(`second ${signal}`),
  );

it.each(SIGNALS)("onStopSignals() hears %s", (signal) => {
  listen();
  process.emit(signal, signal);
  expect(heard).toEqual([`first ${signal}`]);
});

it("what npm and the terminal pass on of one Ctrl-C is one; a later one is a second", () => {
  listen();
  process.emit("SIGINT", "SIGINT");
  vi.advanceTimersByTime(300);
  process.emit("SIGINT", "SIGINT");
  expect(heard).toEqual(["first SIGINT"]);
  vi.advanceTimersByTime(300);
  process.emit("SIGTERM", "SIGTERM");
  expect(heard).toEqual(["first SIGINT", "second SIGTERM"]);
});

it("a signal that came another way counts as well", () => {
  const take = listen();
  take("SIGHUP");
  vi.advanceTimersByTime(600);
  process.emit("SIGINT", "SIGINT");
  expect(heard).toEqual(["first SIGHUP", "second SIGINT"]);
});
