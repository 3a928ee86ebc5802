// Pure.
// Times, versions and places in the log as text, for whoever tells many of the same moment: most are of the entry being
// folded or of one shortly before. Caches only: equal to shared/time.ts, shared/version.ts and JSON on every value.

import { formatTime } from "../../shared/time.ts";
import { formatVersion } from "../../shared/version.ts";

const THREE_DIGITS = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, "0"));
const MILLIS = THREE_DIGITS.map((digits) => `${digits}Z`);

/** Where the fold stands. */
type Place = { epoch: number; shard: number; seq: number; now: number; index: number };

export class Texts {
  private secondMs = Number.NaN;
  private second = "";
  private versionEpoch = -1;
  private versionSeq = -1;
  private versionHead = "";
  private placeSeq = -1;
  private placeNow = Number.NaN;
  private placeHead = "";
  private placeTail = "";

  /** RFC 3339 in UTC of whole milliseconds since 1970. */
  time(ms: number): string {
    const past = ms - this.secondMs;
    if (past >= 0 && past < 1000) return this.second + (MILLIS[past] as string);
    const text = formatTime(ms);
    const millis = ((ms % 1000) + 1000) % 1000;
    this.secondMs = ms - millis;
    this.second = text.slice(0, -4);
    return text;
  }

  version(epoch: number, seq: number, index: number): string {
    if (this.versionSeq !== seq || this.versionEpoch !== epoch) {
      this.versionEpoch = epoch;
      this.versionSeq = seq;
      this.versionHead = formatVersion(epoch, seq, 0).slice(0, -3);
    }
    return this.versionHead + (THREE_DIGITS[index] as string);
  }

  /** The fields of a decision from `outcome` to `at`, as JSON; always asked of one shard. */
  place(s: Place, outcome: "applied" | "rejected"): string {
    if (this.placeSeq !== s.seq || this.placeNow !== s.now) {
      this.placeSeq = s.seq;
      this.placeNow = s.now;
      this.placeHead = `","epoch":${s.epoch},"shard":${s.shard},"seq":${s.seq},"index":`;
      this.placeTail = `,"at":"${this.time(s.now)}"`;
    }
    return `,"outcome":"${outcome}${this.placeHead}${s.index}${this.placeTail}`;
  }
}
