// A hold over several shards when things go wrong on the way (S20): what is sent, in which order, and
// that the same call again ends the same way.
import { describe, expect, test } from "vitest";
import { withFirstLines } from "../../http/first_lines.ts";
import { holdFinisher } from "../../http/hold_finisher.ts";
import { type HoldOutcome, type HoldRequest, placeHold } from "../../http/hold_flow.ts";
import type { DecidePort } from "../../http/ports.ts";
import type { Decision, DecisionLine, Level } from "../../shared/decisions.ts";
import { OnhandError } from "../../shared/errors.ts";
import type { Command } from "../../shared/messages.ts";
import { partition } from "../../streams/partition.ts";
import { FakeStockActor } from "./support/fake_stock_actor.ts";

const SHARDS = 4;
const skuOfShard = (shard: number): string => {
  for (let i = 0; ; i++) if (partition(`S${i}`, SHARDS) === shard) return `S${i}`;
};
const [HOME, SECOND, THIRD] = [skuOfShard(0), skuOfShard(1), skuOfShard(2)] as const;

const request = (qty: number): HoldRequest => ({
  hold: "h",
  commandId: "c",
  lines: [HOME, SECOND, THIRD].map((sku) => ({ sku, location: "L", qty })),
  ttlMs: 1_000,
  channel: "web",
});

async function stocked(qty: number): Promise<FakeStockActor> {
  const actor = new FakeStockActor(SHARDS);
  for (const sku of [HOME, SECOND, THIRD]) {
    await actor.decide({ type: "receipt", id: "r", sku, location: "L", qty });
  }
  actor.received.length = 0;
  return actor;
}

const sent = (actor: FakeStockActor) =>
  actor.received.map((command) =>
    command.type === "seal"
      ? `seal ${command.outcome} ${command.sku}`
      : `${command.type} ${command.sku}`,
  );

describe("placeHold() over several shards", () => {
  test("holds everywhere, then seals at home; home is told one line of each other shard", async () => {
    const actor = await stocked(5);
    const outcome = await placeHold(actor, request(2));
    expect(outcome).toMatchObject({ held: true, duplicate: false });
    expect(outcome.lines.map(({ sku, qty }) => [sku, qty])).toEqual([
      [HOME, 2],
      [SECOND, 2],
      [THIRD, 2],
    ]);
    expect(sent(actor)).toEqual([
      `hold ${HOME}`,
      `hold ${SECOND}`,
      `hold ${THIRD}`,
      `seal held ${HOME}`,
    ]);
    expect(actor.received[0]).toMatchObject({
      home: HOME,
      elsewhere: [
        { sku: SECOND, location: "L" },
        { sku: THIRD, location: "L" },
      ],
    });
    expect(actor.received[1]).toMatchObject({ home: HOME });
    expect(actor.received[1]).not.toHaveProperty("elsewhere");
  });

  test("a line short: sealed as aborted at home before any other line is freed", async () => {
    const actor = await stocked(5);
    await actor.decide({ type: "sale", id: "s", sku: THIRD, location: "L", qty: 4 });
    actor.received.length = 0;
    const outcome = await placeHold(actor, request(2));
    expect(outcome).toMatchObject({ held: false, reason: "insufficient_available" });
    expect(outcome.lines).toMatchObject([{ sku: THIRD, qty: 2, short: 1 }]);
    expect(sent(actor).slice(3)).toEqual([`seal aborted ${HOME}`, `seal aborted ${SECOND}`]);
  });

  test("home itself short: nobody else is asked", async () => {
    const actor = await stocked(5);
    await actor.decide({ type: "sale", id: "s", sku: HOME, location: "L", qty: 4 });
    actor.received.length = 0;
    const outcome = await placeHold(actor, request(2));
    expect(outcome.held).toBe(false);
    expect(sent(actor)).toEqual([`hold ${HOME}`]);
    expect(outcome.lines).toMatchObject([{ sku: HOME, qty: 2, short: 1 }]);
  });

  test("the same call again gives the same outcome and sends the same commands", async () => {
    const actor = await stocked(5);
    const first = await placeHold(actor, request(2));
    const commands = actor.received.splice(0);
    const second = await placeHold(actor, request(2));
    expect(actor.received).toEqual(commands);
    expect(second).toMatchObject({ held: first.held, duplicate: true });
  });

  test("a shard that cannot be reached leaves the hold unsealed, and a later call finishes it", async () => {
    const actor = await stocked(5);
    const broken = failing(actor, (command) => command.sku === SECOND, false);
    // Home holds its line: whoever is told that nothing was sent would believe that nothing is in the log.
    await expect(placeHold(broken, request(2))).rejects.toMatchObject({
      code: "publish_not_sent",
      fields: { sent: true },
    });
    expect(sent(actor)).not.toContain(`seal held ${HOME}`);
    expect(sent(actor).some((line) => line.startsWith("seal aborted"))).toBe(false);
    expect(await placeHold(actor, request(2))).toMatchObject({ held: true });
  });

  test("home that cannot be reached: surely nothing is in the log", async () => {
    const actor = await stocked(5);
    const broken = failing(actor, (command) => command.sku === HOME, false);
    await expect(placeHold(broken, request(2))).rejects.toMatchObject({ fields: { sent: false } });
    expect(actor.received).toEqual([]);
  });

  test("one line under an id of the caller's own replaces all lines of that id", async () => {
    const actor = await stocked(5);
    const one = { ...request(2), lines: request(2).lines.slice(0, 1) };
    await placeHold(actor, one);
    await placeHold(actor, { ...one, commandId: "k2", replaces: true });
    expect(actor.received.map((command) => "lines" in command)).toEqual([false, true]);
  });

  test("an answer lost after the seal: a later call learns that it is held", async () => {
    const actor = await stocked(5);
    const lossy: DecidePort = {
      ...ports(actor),
      async decide(command) {
        const decision = await actor.decide(command);
        if (command.type === "seal") throw open();
        return decision;
      },
    };
    await expect(placeHold(lossy, request(2))).rejects.toMatchObject({ fields: { sent: true } });
    expect(await placeHold(actor, request(2))).toMatchObject({ held: true, duplicate: true });
  });

  test("someone sealed it as aborted first: refused, and the lines are freed", async () => {
    const actor = await stocked(5);
    await actor.decide({
      type: "seal",
      id: "x",
      sku: HOME,
      location: "L",
      hold: "h",
      outcome: "aborted",
    });
    actor.received.length = 0;
    const outcome = await placeHold(actor, request(2));
    expect(outcome).toMatchObject({ held: false, reason: "already_sealed" });
    expect(sent(actor).slice(-2)).toEqual([`seal aborted ${SECOND}`, `seal aborted ${THIRD}`]);
  });
});

describe("placeHold() under a key that has another content", () => {
  /** The same call, but one unit more on the line of `sku`. */
  const other = (sku: string): HoldRequest => {
    const like = request(2);
    const lines = like.lines.map((line) => (line.sku === sku ? { ...line, qty: 3 } : line));
    return { ...like, lines };
  };

  test.each([HOME, SECOND, THIRD])(
    "%s changed: refused, and nothing of the hold is freed",
    async (sku) => {
      const actor = await stocked(5);
      expect(await placeHold(actor, request(2))).toMatchObject({ held: true });
      actor.received.length = 0;
      expect(await placeHold(actor, other(sku))).toMatchObject({
        held: false,
        reason: "id_conflict",
      });
      expect(sent(actor).filter((line) => line.startsWith("seal"))).toEqual([]);
      const levels = await actor.levels(
        [HOME, SECOND, THIRD].map((one) => ({ sku: one, location: "L" })),
      );
      expect(levels.map((level) => level?.reserved)).toEqual([2, 2, 2]);
      expect(await placeHold(actor, request(2))).toMatchObject({ held: true, duplicate: true });
    },
  );

  test("another location at home, which refuses it: nothing of the first one is freed", async () => {
    const actor = await stocked(5);
    const elsewhere: HoldRequest = {
      ...request(2),
      lines: request(2).lines.map((line) =>
        line.sku === HOME ? { ...line, location: "M" } : line,
      ),
    };
    let conflicting: Promise<HoldOutcome> | undefined;
    const slow: DecidePort = {
      ...ports(actor),
      async decide(command) {
        if (command.type === "seal") {
          conflicting ??= placeHold(actor, elsewhere);
          await conflicting;
        }
        return actor.decide(command);
      },
    };
    expect(await placeHold(slow, request(2))).toMatchObject({ held: true });
    expect(await conflicting).toMatchObject({ held: false });
    const levels = await actor.levels(
      [HOME, SECOND, THIRD].map((one) => ({ sku: one, location: "L" })),
    );
    expect(levels.map((level) => level?.reserved)).toEqual([2, 2, 2]);
  });

  test("before the first one is sealed: the first one is held whole", async () => {
    const actor = await stocked(5);
    let conflicting: Promise<HoldOutcome> | undefined;
    const slow: DecidePort = {
      ...ports(actor),
      async decide(command) {
        if (command.type === "seal") {
          conflicting ??= placeHold(actor, other(SECOND));
          await conflicting;
        }
        return actor.decide(command);
      },
    };
    expect(await placeHold(slow, request(2))).toMatchObject({ held: true });
    expect(await conflicting).toMatchObject({ held: false, reason: "id_conflict" });
    const levels = await actor.levels(
      [HOME, SECOND, THIRD].map((one) => ({ sku: one, location: "L" })),
    );
    expect(levels.map((level) => level?.reserved)).toEqual([2, 2, 2]);
  });
});

describe("placeHold() of several lines of one shard, again", () => {
  const lines = [
    { sku: HOME, location: "L", qty: 1 },
    { sku: HOME, location: "M", qty: 5 },
  ];
  const both: HoldRequest = { ...request(1), lines };

  async function stockedAt(atL: number, atM: number): Promise<FakeStockActor> {
    const actor = new FakeStockActor(SHARDS);
    await actor.decide({ type: "receipt", id: "l", sku: HOME, location: "L", qty: atL });
    await actor.decide({ type: "receipt", id: "m", sku: HOME, location: "M", qty: atM });
    return actor;
  }

  const told = ({ lines: of }: HoldOutcome) =>
    of.map(({ location, qty, short, level }) => [location, qty, short, level?.available]);

  test("placed: what was asked, and no level, when the ledger does not answer", async () => {
    const actor = await stockedAt(3, 7);
    const away = { lines: () => Promise.reject(new Error("away")) };
    const decider = withFirstLines(actor, away);
    expect(told(await placeHold(decider, both))).toEqual([
      ["L", 1, 0, 2],
      ["M", 5, 0, 2],
    ]);
    const again = await placeHold(decider, both);
    expect(again).toMatchObject({ held: true, duplicate: true });
    expect(told(again)).toEqual([
      ["L", 1, 0, undefined],
      ["M", 5, 0, undefined],
    ]);
  });

  test("placed: its first lines, once the ledger has them", async () => {
    const actor = await stockedAt(3, 7);
    const first: DecisionLine[] = lines.map((line) => ({ ...line, location: "chosen", short: 0 }));
    let asked = 0;
    const late = { lines: async () => (asked++ === 0 ? undefined : first) };
    const decider = withFirstLines(actor, late);
    await placeHold(decider, both);
    expect(asked).toBe(0);
    expect((await placeHold(decider, both)).lines).toEqual(first);
    expect(asked).toBe(2);
  });

  test("placed in a bundle whose decisions were too large: the ledger's lines", async () => {
    const actor = await stockedAt(3, 7);
    const first: DecisionLine[] = lines.map((line) => ({ ...line, location: "chosen", short: 0 }));
    const terse: DecidePort = {
      epoch: actor.epoch,
      shards: actor.shards,
      async decide(command) {
        const { lines: _lines, ...decision } = await actor.decide(command);
        return decision;
      },
    };
    const outcome = await placeHold(withFirstLines(terse, { lines: async () => first }), both);
    expect(outcome).toMatchObject({ held: true, duplicate: false, lines: first });
  });

  test("refused: the line that was short, at its own place", async () => {
    const decider = withFirstLines(await stockedAt(10, 2), { lines: async () => [] });
    const first = await placeHold(decider, both);
    expect(told(first)).toEqual([["M", 5, 3, 2]]);
    const again = await placeHold(decider, both);
    expect(told(again)).toEqual(told(first));
  });
});

describe("a refusal of one line", () => {
  test.each([
    ["insufficient_available", 3],
    ["backorder_limit", 3],
    ["channel_closed", 5],
    ["limit_exceeded", undefined],
    ["id_conflict", undefined],
  ] as const)("%s: %s short", async (reason, short) => {
    const actor = await stocked(2);
    const refusing: DecidePort = {
      ...ports(actor),
      async decide(command) {
        const [level] = await actor.levels([command]);
        const decision = await actor.decide(command);
        return { ...decision, outcome: "rejected", reason, level: level as Level };
      },
    };
    const lines = [{ sku: HOME, location: "L", qty: 5 }];
    const outcome = await placeHold(refusing, { ...request(1), lines });
    expect(outcome.lines.map((line) => line.short)).toEqual(short === undefined ? [] : [short]);
  });

  test("a channel without a rule of its own may have what others may, whatever its name", async () => {
    const lines = [{ sku: HOME, location: "L", qty: 5 }];
    for (const channel of ["web", "toString", "__proto__"]) {
      const outcome = await placeHold(await stocked(2), { ...request(1), lines, channel });
      expect(outcome).toMatchObject({ held: false, lines: [{ sku: HOME, qty: 5, short: 3 }] });
    }
  });
});

describe("holdFinisher()", () => {
  test("answers at the deadline, and brings the hold to its seal all the same", async () => {
    const actor = await stocked(5);
    const slow: DecidePort = {
      ...ports(actor),
      async decide(command) {
        await new Promise((resolve) => setTimeout(resolve, command.sku === THIRD ? 150 : 1));
        return actor.decide(command);
      },
    };
    const place = holdFinisher(slow, 40);
    await expect(place(request(2))).rejects.toMatchObject({
      code: "decision_timeout",
      fields: { sent: true },
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent(actor).at(-1)).toBe(`seal held ${HOME}`);
    expect(await placeHold(actor, request(2))).toMatchObject({ held: true, duplicate: true });
  });
});

const ports = (actor: FakeStockActor) => ({ epoch: actor.epoch, shards: actor.shards });
const open = () => new OnhandError("decision_timeout", "no decision", { fields: { sent: true } });

function failing(
  actor: FakeStockActor,
  when: (command: Command) => boolean,
  isSent: boolean,
): DecidePort {
  return {
    ...ports(actor),
    async decide(command): Promise<Decision> {
      if (!when(command)) return actor.decide(command);
      throw isSent
        ? open()
        : new OnhandError("publish_not_sent", "away", { fields: { sent: false } });
    },
  };
}
