// Callers that wait for decisions, with the NATS protocol written by hand: what our publisher does for them (bundles of
// one shard, one unacked at a time, small ones together in one write as there), without promises and without reading more
// of an answer than whose it is and what was decided. Each decision is looked for by its id, in order.

import { BUNDLE_OVERLAP_COMMANDS, BUNDLES_EAGER } from "../../shared/limits.ts";
import { askingFrame, INBOX, numberAt, type RawMessage, RawSocket } from "./raw_nats.ts";

/** A command of caller `caller`, as JSON of a bundle. Ids are plain. */
export type Asked = { caller: number; id: string; shard: number; json: string };

export type Callers = {
  /** The next command of a caller, or undefined when it has had enough. */
  next(caller: number): Asked | undefined;
  /** `reason` is undefined when it was applied. */
  onDecision(caller: number, reason: string | undefined): void;
};

export type CallersOptions = {
  url: string;
  callers: number;
  /** Subject of the bundles of each shard. */
  subjects: readonly string[];
};

type Lane = { subject: string; waiting: Asked[]; isOut: boolean };
type Entry = { lane: Lane; asked: Asked[]; isAcked: boolean; isDecided: boolean };

const ACK = "a".charCodeAt(0);
const APPLIED = "applied";
const REASON = /"reason":"([^"]*)"/;

/** Lets all callers ask until none has more; resolves with the entries sent. @throws Error on a wrong answer. */
export async function runCallers(options: CallersOptions, callers: Callers): Promise<number> {
  const asking = new Asking(options, callers);
  const socket = await RawSocket.open(options.url, asking);
  try {
    await asking.all(socket);
  } finally {
    socket.close();
  }
  return asking.sent;
}

class Asking {
  sent = 0;
  readonly #options: CallersOptions;
  readonly #callers: Callers;
  #done: (error?: Error) => void = () => {};
  readonly #lanes: Lane[];
  readonly #entries = new Map<number, Entry>();
  #socket: RawSocket | undefined;
  #undecided = 0;
  #isArmed = false;
  #isEnded = false;

  constructor(options: CallersOptions, callers: Callers) {
    this.#options = options;
    this.#callers = callers;
    this.#lanes = options.subjects.map((subject) => ({ subject, waiting: [], isOut: false }));
  }

  /** Resolves when no caller asks any more. */
  all(socket: RawSocket): Promise<void> {
    this.#socket = socket;
    for (let caller = 0; caller < this.#options.callers; caller++) this.#ask(caller);
    this.onRead();
    return new Promise((resolve, reject) => {
      this.#done = (error) => (error === undefined ? resolve() : reject(error));
    });
  }

  onFault(why: string): void {
    this.#end(new Error(why));
  }

  onMessage({ data, subjectAt, from, to, hasHeaders }: RawMessage): void {
    const kindAt = subjectAt + INBOX.length + 1;
    const number = numberAt(data, kindAt + 1);
    const entry = this.#entries.get(number);
    const text = data.toString("latin1", from, to);
    if (entry === undefined) this.#end(new Error(`answer to no entry: ${text}`));
    else if (data[kindAt] === ACK) {
      if (hasHeaders || text.includes('"error"')) this.#end(new Error(`refused: ${text}`));
      entry.isAcked = true;
      entry.lane.isOut = false;
    } else this.#decided(entry, text);
    if (entry?.isAcked && entry.isDecided) this.#entries.delete(number);
  }

  onRead(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(() => {
      this.#isArmed = false;
      this.#leave();
    });
  }

  /** What the turn brought leaves in one write. */
  #leave(): void {
    const socket = this.#socket;
    if (this.#isEnded || socket === undefined) return;
    const undecided = this.#undecided;
    let frames = "";
    for (const lane of this.#lanes) {
      const { length } = lane.waiting;
      const isItsTime = undecided < BUNDLES_EAGER || length >= BUNDLE_OVERLAP_COMMANDS;
      if (!lane.isOut && length > 0 && isItsTime) frames += this.#frame(lane);
    }
    if (frames !== "") socket.write(frames);
    else if (this.#entries.size === 0) this.#end();
  }

  #ask(caller: number): void {
    const asked = this.#callers.next(caller);
    if (asked !== undefined) (this.#lanes[asked.shard] as Lane).waiting.push(asked);
  }

  #frame(lane: Lane): string {
    const asked = lane.waiting;
    lane.waiting = [];
    lane.isOut = true;
    const number = ++this.sent;
    this.#undecided++;
    this.#entries.set(number, { lane, asked, isAcked: false, isDecided: false });
    let payload = "[";
    for (const { json } of asked) payload += payload.length === 1 ? json : `,${json}`;
    payload += "]";
    return askingFrame(lane.subject, number, payload, true);
  }

  #decided(entry: Entry, text: string): void {
    entry.isDecided = true;
    this.#undecided--;
    let at = 0;
    for (const { caller, id } of entry.asked) {
      const head = `{"id":"${id}","outcome":"`;
      const found = text.indexOf(head, at);
      if (found < 0) {
        this.#end(new Error(`no decision of ${id} in ${text}`));
        return;
      }
      at = found + head.length;
      const isApplied = text.startsWith(APPLIED, at);
      this.#callers.onDecision(caller, isApplied ? undefined : reasonAt(text, at));
      this.#ask(caller);
    }
  }

  #end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#done(error);
  }
}

/** The reason of the decision whose outcome stands at an offset, or its outcome when it gives none. */
function reasonAt(text: string, at: number): string {
  const next = text.indexOf('{"id":"', at);
  const decision = text.slice(at, next < 0 ? text.length : next);
  return REASON.exec(decision)?.[1] ?? decision.slice(0, decision.indexOf('"'));
}
