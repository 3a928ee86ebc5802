// Pure.
// Joins the metrics of several processes, each a text in Prometheus's format (0.0.4), into one. The format wants
// the samples of a metric together, after its one HELP and one TYPE: those first told stand.
// https://prometheus.io/docs/instrumenting/exposition_formats/

type Family = { help?: string; type?: string; samples: Map<string, string> };

/** One text of all. A sample without a type, of another type than first told, or told before, is left out. */
export function joinMetrics(texts: readonly string[]): string {
  const families = new Map<string, Family>();
  for (const text of texts) readInto(families, text);
  return [...families.values()].map(textOf).join("\n");
}

function readInto(families: Map<string, Family>, text: string): void {
  let family: Family = { samples: new Map() };
  let isOfItsType = false;
  for (const line of text.split("\n")) {
    const [, word, name = ""] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
    if (word === undefined) {
      // What tells one series from another: all but the value.
      const series = line.slice(0, line.lastIndexOf(" "));
      if (isOfItsType && series !== "" && !family.samples.has(series)) {
        family.samples.set(series, line);
      }
      continue;
    }
    family = families.get(name) ?? { samples: new Map() };
    families.set(name, family);
    if (word === "HELP") family.help ??= line;
    else family.type ??= line;
    isOfItsType = word === "TYPE" && family.type === line;
  }
}

function textOf({ help, type, samples }: Family): string {
  const lines = [help, type, ...samples.values()].filter((line) => line !== undefined);
  return `${lines.join("\n")}\n`;
}
