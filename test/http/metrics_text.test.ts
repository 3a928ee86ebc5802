import { expect, test } from "vitest";
import { joinMetrics } from "../../http/metrics_text.ts";

const lag = (process: string, value: number, type = "gauge") =>
  `# HELP lag Entries not applied yet\n# TYPE lag ${type}\nlag{process="${process}"} ${value}\n`;
const seen = (process: string) =>
  `# HELP seen_total Seen\n# TYPE seen_total counter\nseen_total{process="${process}"} 1\n`;

test("joinMetrics() tells each metric once, with the samples of all processes together", () => {
  const text = joinMetrics([`${lag("a", 1)}\n${seen("a")}`, `${seen("b")}\n${lag("b", 2)}`]);
  expect(text).toBe(`${lag("a", 1)}lag{process="b"} 2\n\n${seen("a")}seen_total{process="b"} 1\n`);
});

test("joinMetrics() leaves one text of one process as it is", () => {
  expect(joinMetrics([lag("a", 1)])).toBe(lag("a", 1));
  expect(joinMetrics([])).toBe("");
});

test("joinMetrics() leaves out what would spoil the text: another type, a series twice, no type, no metrics", () => {
  const texts = [lag("a", 1), lag("b", 2, "counter"), lag("a", 3), 'lag{process="c"} 4\n', "{}"];
  expect(joinMetrics(texts)).toBe(lag("a", 1));
});
