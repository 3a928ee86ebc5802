import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ownersOf, shardsOf } from "../../streams/rendezvous.ts";

const MEMBERS = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 8 });

describe("ownersOf()", () => {
  it("has no answer without members", () => {
    expect(ownersOf([], 8)).toEqual([]);
  });

  it("gives every shard to one member, whatever the order of the members", () => {
    fc.assert(
      fc.property(MEMBERS, fc.integer({ min: 1, max: 64 }), (members, shards) => {
        const owners = ownersOf(members, shards);
        expect(owners).toHaveLength(shards);
        expect(ownersOf([...members].reverse(), shards)).toEqual(owners);
        const all = members.flatMap((member) => shardsOf(member, members, shards));
        expect(all.sort((a, b) => a - b)).toEqual(owners.map((_, shard) => shard));
      }),
    );
  });

  it("gives nobody more than a fair share, so few members never starve", () => {
    fc.assert(
      fc.property(MEMBERS, fc.integer({ min: 1, max: 64 }), (members, shards) => {
        const most = Math.ceil(shards / members.length);
        for (const member of members)
          expect(shardsOf(member, members, shards).length).toBeLessThanOrEqual(most);
      }),
    );
    expect(shardsOf("a", ["a", "b"], 8)).toHaveLength(4);
  });

  it("moves little beside the shards of a member that goes", () => {
    const members = ["a-1", "a-2", "a-3", "a-4"];
    const shards = 1024;
    const before = ownersOf(members, shards);
    const after = ownersOf(members.slice(1), shards);
    const moved = before.filter((owner, shard) => owner !== "a-1" && after[shard] !== owner);
    // Its own 256 move in any case; a plain modulo would move 768 of all.
    expect(moved.length).toBeLessThan(shards / 10);
  });
});
