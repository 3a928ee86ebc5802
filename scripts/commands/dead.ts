// `onhand dead ls | show | redrive | rm`: what was set aside, why, where it stands in the log, putting
// it into the log again once the cause is mended, and removing what never will be.

import type { Command } from "commander";
import { OnhandError } from "../../shared/errors.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import {
  type DeadEntry,
  listDeadLetters,
  type Redriven,
  redriveDeadLetter,
  removeDeadLetter,
  showDeadLetter,
  UNREADABLE,
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
type RemoveOptions = CommonOptions & { unreadable?: boolean };
type RedriveOptions = CommonOptions & { all?: boolean; source?: string };

const PAGE = 100;
const PAYLOAD_SHOWN_MAX = 60;

export function command(): Command {
  const dead = newCommand("dead", "list, show, redrive and remove what was set aside");
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
  dead.addCommand(
    newCommand("rm", "remove dead letters for good, and print them a last time")
      .argument("[numbers...]", "as ls lists them")
      .option("--unreadable", "all there are now that are no letters, and so cannot be redriven")
      .action((numbers: string[], _options, self: Command) =>
        remove(numbers, self.optsWithGlobals()),
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

type Failed = { seq: number; why: string }[];
type Outcome = { redriven: Redriven[]; failed: Failed };
type Removal = { removed: DeadEntry[]; failed: Failed };

function redrive(numbers: readonly string[], options: RedriveOptions): Promise<void> {
  if ((numbers.length === 0) === (options.all !== true))
    throw usageError("Cannot redrive: give the numbers of letters, or --all");
  if (options.source !== undefined && options.all !== true)
    throw usageError("Cannot redrive: --source goes with --all");
  const given = numbers.map((number) => wholeNumber("the number", number));
  return withNats(options, async (nc) => {
    const all = options.source === undefined ? {} : { source: options.source };
    const seqs = options.all === true ? await everySeq(nc, all) : given;
    const { done, failed } = await each(seqs, (seq) => redriveDeadLetter(nc, seq));
    printResult(options, { redriven: done, failed }, redrivenText);
    if (failed.length > 0) throw new ResultIsNo();
  });
}

function remove(numbers: readonly string[], options: RemoveOptions): Promise<void> {
  if ((numbers.length === 0) === (options.unreadable !== true))
    throw usageError("Cannot remove: give the numbers of letters, or --unreadable");
  const given = numbers.map((number) => wholeNumber("the number", number));
  return withNats(options, async (nc) => {
    const seqs =
      options.unreadable === true
        ? await everySeq(nc, { reason: UNREADABLE })
        : [...new Set(given)];
    const { done, failed } = await each(seqs, (seq) => removeDeadLetter(nc, seq));
    printResult(options, { removed: done, failed }, removedText);
    if (failed.length > 0) throw new ResultIsNo();
  });
}

/** One letter that cannot go does not hold up the rest; a server that is away does. */
async function each<T>(
  seqs: readonly number[],
  work: (seq: number) => Promise<T>,
): Promise<{ done: T[]; failed: Failed }> {
  const done: T[] = [];
  const failed: Failed = [];
  for (const [i, seq] of seqs.entries()) {
    if (i > 0 && i % 1000 === 0) progress(`${i} of ${seqs.length}`);
    try {
      done.push(await work(seq));
    } catch (error) {
      if (!(error instanceof OnhandError) || error.code === "nats_unavailable") throw error;
      failed.push({ seq, why: error.message });
    }
  }
  return { done, failed };
}

/** All letters there are now, oldest first, so that the order of a SKU is kept as far as it was. */
async function everySeq(
  nc: NatsConnection,
  { source, reason }: { source?: string; reason?: string },
): Promise<number[]> {
  const seqs: number[] = [];
  for (let beforeSeq: number | undefined; ; ) {
    const page = await listDeadLetters(nc, {
      limit: 1000,
      ...(source === undefined ? {} : { source }),
      ...(beforeSeq === undefined ? {} : { beforeSeq }),
    });
    const wanted = page.filter(({ letter }) => reason === undefined || letter.reason === reason);
    seqs.push(...wanted.map((entry) => entry.seq));
    if (page.length < 1000) return seqs.reverse();
    beforeSeq = page.at(-1)?.seq;
  }
}

function lineOf({ seq, letter }: DeadEntry): string {
  const { at, reason, location, sku, epoch, shard, detail } = letter;
  const place = `${epoch}/${shard}/${letter.seq}.${letter.index}`;
  const key = sku === "" ? letter.subject : `${sku} at ${location}`;
  const payload = clip(payloadText(letter));
  return plain(`${seq}  ${at}  ${reason}  ${key}  (${place})  ${detail}  ${payload}`);
}

function wholeText({ seq, letter }: DeadEntry): string {
  const { payload: _text, payloadBase64: _bytes, ...rest } = letter;
  const fields = Object.entries({ number: seq, ...rest });
  const lines = fields.map(([name, value]) => `${name.padEnd(12)} ${value}`);
  return visible([...lines, "", payloadText(letter)].join("\n"));
}

function redrivenText({ redriven, failed }: Outcome): string {
  const lines = redriven.map(({ seq, stream, logSeq }) => `${seq}: now ${stream} ${logSeq}`);
  for (const { seq, why } of failed) lines.push(`${seq}: ${why}`);
  return [...lines, `${redriven.length} redriven, ${failed.length} could not be`].join("\n");
}

/** Whole, for they are nowhere else from now on. */
function removedText({ removed, failed }: Removal): string {
  const texts = removed.map((entry) => `${wholeText(entry)}\n`);
  const lines = failed.map(({ seq, why }) => `${seq}: ${why}`);
  return [...texts, ...lines, `${removed.length} removed, ${failed.length} could not be`].join(
    "\n",
  );
}

function payloadText({ payload, payloadBase64 }: DeadEntry["letter"]): string {
  if (payload !== undefined) return payload;
  return payloadBase64 === undefined ? "" : `base64:${payloadBase64}`;
}

const clip = (text: string): string =>
  text.length <= PAYLOAD_SHOWN_MAX ? text : `${text.slice(0, PAYLOAD_SHOWN_MAX)}…`;

/** One line for a list: no line ends or escapes of a terminal. */
const plain = (text: string): string => text.replaceAll(/\p{Cc}+/gu, " ");

/** Whole, with its lines; what else would steer a terminal is written out. */
const visible = (text: string): string =>
  text.replaceAll(
    /[^\P{Cc}\n\t]/gu,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

function wholeNumber(what: string, text: string): number {
  const value = Number(text);
  if (/^\d{1,15}$/.test(text) && value >= 1) return value;
  throw usageError(`Cannot read ${what}: found "${text}", expected a whole number from 1`);
}
