// Pure.
// A few known words found in bytes by three comparisons of four bytes each, wherever they stand.

const SLOT_BITS = 5;
const SLOTS = 2 ** SLOT_BITS;
/** No word of ASCII. */
const NOTHING = -1;

export class Words {
  /** Bytes of each word with its end. */
  readonly lengths: readonly number[];
  private readonly multiplier: number;
  // By slot: the four bytes a word begins with, four of its middle and where they are, the four it ends with.
  private readonly first = new Int32Array(SLOTS).fill(NOTHING);
  private readonly middle = new Int32Array(SLOTS);
  private readonly middleAt = new Uint8Array(SLOTS);
  private readonly last = new Int32Array(SLOTS);
  private readonly lastAt = new Uint8Array(SLOTS);
  private readonly found = new Int8Array(SLOTS).fill(NOTHING);

  /**
   * @param end what follows each word
   * @param words ASCII; 4 to 10 bytes with their end, no two with the same first four
   */
  constructor(words: readonly string[], end: string) {
    const whole = words.map((word) => word + end);
    this.lengths = whole.map((word) => word.length);
    this.multiplier = multiplierFor(whole.map((word) => fourAt(word, 0)));
    whole.forEach((word, index) => {
      const slot = this.slotOf(fourAt(word, 0));
      // What the first and the last four leave out.
      const middleAt = word.length > 8 ? 3 : 0;
      this.first[slot] = fourAt(word, 0);
      this.middle[slot] = fourAt(word, middleAt);
      this.middleAt[slot] = middleAt;
      this.last[slot] = fourAt(word, word.length - 4);
      this.lastAt[slot] = word.length - 4;
      this.found[slot] = index;
    });
  }

  /** Index of the word that begins at `at`, or -1. */
  find(view: DataView, at: number): number {
    const first = view.getInt32(at, true);
    const slot = this.slotOf(first);
    const isIt =
      this.first[slot] === first &&
      this.middle[slot] === view.getInt32(at + (this.middleAt[slot] as number), true) &&
      this.last[slot] === view.getInt32(at + (this.lastAt[slot] as number), true);
    return isIt ? (this.found[slot] as number) : NOTHING;
  }

  private slotOf(first: number): number {
    return Math.imul(first, this.multiplier) >>> (32 - SLOT_BITS);
  }
}

function fourAt(word: string, at: number): number {
  let four = 0;
  for (let i = 3; i >= 0; i--) four = (four << 8) | word.charCodeAt(at + i);
  return four;
}

/** The smallest multiplier that gives each word a slot of its own. */
function multiplierFor(firsts: readonly number[]): number {
  for (let multiplier = 0x10001; ; multiplier += 2) {
    const slots = firsts.map((first) => Math.imul(first, multiplier) >>> (32 - SLOT_BITS));
    if (new Set(slots).size === firsts.length) return multiplier;
  }
}
