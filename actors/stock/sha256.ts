// Pure.
// SHA-256 over text, fed piece by piece, for digests of whole states. Source: FIPS 180-4, section 6.2.

const K = new Uint32Array(64);
const INITIAL = new Uint32Array(8);
fillConstants();

/** A running SHA-256; `text` may be called any number of times, `hex` once. */
export class Sha256 {
  private readonly h = INITIAL.slice();
  private readonly w = new Uint32Array(64);
  private readonly block = new Uint8Array(64);
  private used = 0;
  private bytes = 0;

  /** Adds the UTF-16 code units of `text`, two bytes each, big end first. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      this.byte(unit >>> 8);
      this.byte(unit & 255);
    }
  }

  hex(): string {
    const bits = this.bytes * 8;
    this.byte(0x80);
    while (this.used !== 56) this.byte(0);
    const high = Math.floor(bits / 2 ** 32);
    for (let shift = 24; shift >= 0; shift -= 8) this.byte((high >>> shift) & 255);
    for (let shift = 24; shift >= 0; shift -= 8) this.byte((bits >>> shift) & 255);
    return [...this.h].map((word) => word.toString(16).padStart(8, "0")).join("");
  }

  private byte(value: number): void {
    this.block[this.used++] = value;
    this.bytes++;
    if (this.used === 64) {
      this.compress();
      this.used = 0;
    }
  }

  private compress(): void {
    const { w, h, block } = this;
    for (let i = 0; i < 16; i++) {
      const at = i * 4;
      w[i] =
        ((block[at] as number) << 24) |
        ((block[at + 1] as number) << 16) |
        ((block[at + 2] as number) << 8) |
        (block[at + 3] as number);
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15] as number;
      const y = w[i - 2] as number;
      const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
      const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
      w[i] = (w[i - 16] as number) + s0 + (w[i - 7] as number) + s1;
    }
    let [a, b, c, d, e, f, g, z] = h as unknown as number[] as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    for (let i = 0; i < 64; i++) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const t1 = (z + s1 + ((e & f) ^ (~e & g)) + (K[i] as number) + (w[i] as number)) | 0;
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      z = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    const sums = [a, b, c, d, e, f, g, z];
    for (let i = 0; i < 8; i++) h[i] = (h[i] as number) + (sums[i] as number);
  }
}

function rotate(x: number, by: number): number {
  return (x >>> by) | (x << (32 - by));
}

/** The first 32 bits of the fractions of the square and cube roots of the first primes. */
function fillConstants(): void {
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (!prime) continue;
    if (found < 8) INITIAL[found] = fraction(Math.sqrt(n));
    K[found++] = fraction(Math.cbrt(n));
  }
}

function fraction(x: number): number {
  return ((x - Math.floor(x)) * 2 ** 32) >>> 0;
}
