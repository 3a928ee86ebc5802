// `onhand dead ls | show | redrive`: what was set aside, why, where it stands in the log, and putting
// it into the log again once the cause is mended.

import type { Command } from "commander";
import { OnhandError } from "../../shared/errors.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import {
  type DeadEntry,
  listDeadLetters,
  type Redriven,
  redriveDeadLetter,
  showDeadLetter,
} from "../../streams/dead_letters.ts";
import {
  type CommonOptions,
  configFrom,
  newCommand,
  printResult,
  progress,
  ResultIsNo,
  runningSystem,
  usageError,
} from "../command_line.ts";

type ListOptions = CommonOptions & { limit?: string; before?: string; source?: string };
type RedriveOptions = CommonOptions & { all?: boolean; source?: string };

const PAGE = 100;
const PAYLOAD_SHOWN_MAX = 60;

export function command(): Command {
  const dead = newCommand("dead", "list, show and redrive what was set aside");
  dead.addCommand(
    newCommand("ls", "list dead letters, newest first")
      .option("--limit <count>", "how many, 1 to 1000 (default 100)")
      .option("--before <number>", "only older than this one: the last of the page before")
      .option("--source <name>", "only of this source (stock, ledger, …)")
      .action((_options, self: Command) => list(self.optsWithGlobals())),
  );
  dead.addCommand(
    newCommand("show", "show one dead letter with its payload")
      .argument("<number>", "as ls lists it")
      .action((number: string, _options, self: Command) => show(number, self.optsWithGlobals())),
  );
  dead.addCommand(
    newCommand("redrive", "put dead letters into the log again; a repeat is known by its identity")
      .argument("[numbers...]", "as ls lists them")
      .option("--all", "all there are now, oldest first")
      .option("--source <name>", "with --all: only of this source")
      .action((numbers: string[], _options, self: Command) =>
        redrive(numbers, self.optsWithGlobals()),
      ),
  );
  return dead;
}

async function withNats(
  { data }: CommonOptions,
  work: (nc: NatsConnection) => Promise<void>,
): Promise<void> {
  const common = data === undefined ? {} : { data };
  const url = configFrom(common).natsUrl ?? runningSystem(common).endpoints.nats;
  const nc = await connectNats(url, { name: "onhand dead" });
  try {
    await work(nc);
  } finally {
    await nc.close();
  }
}

function list(options: ListOptions): Promise<void> {
  const limit = options.limit === undefined ? PAGE : wholeNumber("--limit", options.limit);
  if (limit > 1000) throw usageError(`Cannot list ${limit}: expected --limit 1 to 1000`);
  const page = {
    limit,
    ...(options.before === undefined ? {} : { beforeSeq: wholeNumber("--before", options.before) }),
    ...(options.source === undefined ? {} : { source: options.source }),
  };
  return withNats(options, async (nc) => {
    const entries = await listDeadLetters(nc, page);
    printResult(options, entries, (all) => {
      if (all.length === 0) return "nothing was set aside";
      const more = all.length === limit ? [`older ones: --before ${all.at(-1)?.seq}`] : [];
      return [...all.map(lineOf), ...more].join("\n");
    });
  });
}

function show(number: string, options: CommonOptions): Promise<void> {
  const seq = wholeNumber("the number", number);
  return withNats(options, async (nc) => {
    printResult(options, await showDeadLetter(nc, seq), wholeText);
  });
}

type Outcome = { redriven: Redriven[]; failed: { seq: number; why: string }[] };

function redrive(numbers: readonly string[], options: RedriveOptions): Promise<void> {
  if ((numbers.length === 0) === (options.all !== true))
    throw usageError("Cannot redrive: give the numbers of letters, or --all");
  if (options.source !== undefined && options.all !== true)
    throw usageError("Cannot redrive: --source goes with --all");
  const given = numbers.map((number) => wholeNumber("the number", number));
  return withNats(options, async (nc) => {
    const seqs = options.all === true ? await everySeq(nc, options.source) : given;
    const outcome: Outcome = { redriven: [], failed: [] };
    for (const [i, seq] of seqs.entries()) {
      if (i > 0 && i % 1000 === 0) progress(`${i} of ${seqs.length}`);
      try {
        outcome.redriven.push(await redriveDeadLetter(nc, seq));
      } catch (error) {
        // One letter that cannot go does not hold up the rest; a server that is away does.
        if (!(error instanceof OnhandError) || error.code === "nats_unavailable") throw error;
        outcome.failed.push({ seq, why: error.message });
      }
    }
    printResult(options, outcome, redrivenText);
    if (outcome.failed.length > 0) throw new ResultIsNo();
  });
}

/** All letters there are now, oldest first, so that the order of a SKU is kept as far as it was. */
async function everySeq(nc: NatsConnection, source: string | undefined): Promise<number[]> {
  const seqs: number[] = [];
  const one = source === undefined ? {} : { source };
  for (let beforeSeq: number | undefined; ; beforeSeq = seqs.at(-1)) {
    const page = await listDeadLetters(nc, {
      limit: 1000,
      ...one,
      ...(beforeSeq === undefined ? {} : { beforeSeq }),
    });
    seqs.push(...page.map((entry) => entry.seq));
    if (page.length < 1000) return seqs.reverse();
  }
}

function lineOf({ seq, letter }: DeadEntry): string {
  const { at, reason, location, sku, epoch, shard, detail } = letter;
  const place = `${epoch}/${shard}/${letter.seq}.${letter.index}`;
  const key = sku === "" ? letter.subject : `${sku} at ${location}`;
  return `${seq}  ${at}  ${reason}  ${key}  (${place})  ${detail}  ${clip(payloadText(letter))}`;
}

function wholeText({ seq, letter }: DeadEntry): string {
  const { payload: _text, payloadBase64: _bytes, ...rest } = letter;
  const fields = Object.entries({ number: seq, ...rest });
  const lines = fields.map(([name, value]) => `${name.padEnd(12)} ${value}`);
  return [...lines, "", payloadText(letter)].join("\n");
}

function redrivenText({ redriven, failed }: Outcome): string {
  const lines = redriven.map(({ seq, stream, logSeq }) => `${seq}: now ${stream} ${logSeq}`);
  for (const { seq, why } of failed) lines.push(`${seq}: ${why}`);
  return [...lines, `${redriven.length} redriven, ${failed.length} could not be`].join("\n");
}

function payloadText({ payload, payloadBase64 }: DeadEntry["letter"]): string {
  if (payload !== undefined) return payload;
  return payloadBase64 === undefined ? "" : `base64:${payloadBase64}`;
}

/** One line for a list: no line ends or escapes of a terminal. */
function clip(text: string): string {
  const plain = text.replaceAll(/\p{Cc}+/gu, " ");
  return plain.length <= PAYLOAD_SHOWN_MAX ? plain : `${plain.slice(0, PAYLOAD_SHOWN_MAX)}…`;
}

function wholeNumber(what: string, text: string): number {
  const value = Number(text);
  if (/^\d{1,15}$/.test(text) && value >= 1) return value;
  throw usageError(`Cannot read ${what}: found "${text}", expected a whole number from 1`);
}
