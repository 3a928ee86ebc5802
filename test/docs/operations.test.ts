import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { settingsTable } from "../../shared/config.ts";

it("docs/OPERATIONS.md lists every setting as the code knows it", () => {
  const text = readFileSync(new URL("../../docs/OPERATIONS.md", import.meta.url), "utf8");
  expect(text).toContain(settingsTable());
});
