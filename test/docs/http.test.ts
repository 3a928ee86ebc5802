// docs/HTTP.md tells every problem as the table of the code has it (made again by UPDATE_SPEC=1).
import { test } from "vitest";
import { PROBLEMS, type ProblemCode, problemEntry } from "../../http/problems.ts";
import { expectMadeParts } from "./support/made_part.ts";

test("the table of problems is that of http/problems.ts", () => {
  const codes = Object.keys(PROBLEMS) as ProblemCode[];
  const byStatus = codes.toSorted((a, b) => problemEntry(a).status - problemEntry(b).status);
  const rows = byStatus.map((code) => {
    const { status, title, retryAfterS } = problemEntry(code);
    return `| ${status} | \`${code}\` | ${title} | ${retryAfterS === undefined ? "" : `${retryAfterS} s`} |`;
  });
  const head = ["| status | code | title | `Retry-After` |", "|---|---|---|---|"];
  expectMadeParts("docs/HTTP.md", { problems: [...head, ...rows].join("\n") });
});
