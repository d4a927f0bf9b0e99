/** How one look at a stretch of addresses went; `ended`: no further look may be made. */
export type Look = 'data' | 'refused' | 'ended';

/** Addresses that follow each other and can be read. */
export interface Range {
  readonly address: number;
  readonly count: number;
  /** Most that the device gives in one request, as far as that was met. */
  readonly most: number;
}

export interface RangesWanted {
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
  /** Most entries of one request, by the protocol. */
  readonly most: number;
  /** Look at every address, also far from all that can be read. */
  readonly every: boolean;
}

/** So many addresses that cannot be read in a row, after which only each {@link COARSE_STEP}th is looked at. */
export const COARSE_AFTER = 64;
/** Tables of controllers begin at round addresses. */
export const COARSE_STEP = 10;

/**
 * Finds what can be read with few requests: a whole request where all of it can, else the longest beginning of it that
 * can, by halving; a request for each address that cannot, as a device says of a stretch only that something in it is
 * missing. A device that gives fewer at once than the protocol allows is recognised by its giving what follows. `found`
 * hears of each range as it grows; the same `address` again takes the place of what was told before.
 */
export async function findRanges(
  read: (address: number, count: number) => Promise<Look>,
  wanted: RangesWanted,
  found: (range: Range) => void,
): Promise<void> {
  await new Finder(read, wanted, found).run();
}

class Finder {
  readonly #read: (address: number, count: number) => Promise<Look>;
  readonly #wanted: RangesWanted;
  readonly #found: (range: Range) => void;
  #at: number;
  #most: number;
  /** Addresses in a row, up to here, that could not be read. */
  #holes = 0;
  /** The last of them, or of what was read. */
  #last: number;
  #range: { address: number; count: number } | undefined;

  constructor(
    read: (address: number, count: number) => Promise<Look>,
    wanted: RangesWanted,
    found: (range: Range) => void,
  ) {
    this.#read = read;
    this.#wanted = wanted;
    this.#found = found;
    this.#at = wanted.from;
    this.#last = wanted.from - 1;
    this.#most = wanted.most;
  }

  async run(): Promise<void> {
    while (this.#at <= this.#wanted.to) {
      const look = this.#holes === 0 ? await this.#block() : await this.#single();
      if (look === 'ended') return;
    }
  }

  /** Where what went before could be read: as much at once as may be. */
  async #block(): Promise<Look> {
    const at = this.#at;
    const count = Math.min(this.#most, this.#wanted.to - at + 1);
    const look = await this.#read(at, count);
    if (look === 'data') this.#take(at, count);
    if (look !== 'refused') return look;
    if (count === 1) return this.#hole();
    const first = await this.#read(at, 1);
    if (first === 'refused') return this.#hole();
    return first === 'data' ? this.#halve(at, count) : first;
  }

  /** The longest beginning that can be read: 1 can, `count` cannot. */
  async #halve(at: number, count: number): Promise<Look> {
    let can = 1;
    let cannot = count;
    while (cannot - can > 1) {
      const middle = Math.floor((can + cannot) / 2);
      const look = await this.#read(at, middle);
      if (look === 'ended') return look;
      if (look === 'data') can = middle;
      else cannot = middle;
    }
    this.#take(at, can);
    if (this.#at > this.#wanted.to) return 'data';
    const next = await this.#read(this.#at, 1);
    if (next === 'refused') return this.#hole();
    // What follows can be read: the device did not mind the place but the number.
    if (next === 'data') {
      this.#most = can;
      this.#tell();
    }
    return next;
  }

  /** Among what cannot be read: one address, each or, after many, each tenth. */
  async #single(): Promise<Look> {
    const at = this.#at;
    const look = await this.#read(at, 1);
    if (look === 'refused') return this.#hole();
    if (look === 'ended') return look;
    // Those that were passed over may belong to what begins here.
    let begin = at;
    while (begin - 1 > this.#last) {
      const before = await this.#read(begin - 1, 1);
      if (before === 'ended') return before;
      if (before === 'refused') break;
      begin -= 1;
    }
    this.#holes = 0;
    this.#at = begin;
    return 'data';
  }

  #hole(): Look {
    this.#holes += 1;
    this.#last = this.#at;
    const coarse = this.#holes >= COARSE_AFTER && !this.#wanted.every;
    this.#at = coarse ? (Math.floor(this.#at / COARSE_STEP) + 1) * COARSE_STEP : this.#at + 1;
    return 'refused';
  }

  #take(address: number, count: number): void {
    const range = this.#range;
    if (range !== undefined && range.address + range.count === address) range.count += count;
    else this.#range = { address, count };
    this.#at = address + count;
    this.#last = this.#at - 1;
    this.#tell();
  }

  #tell(): void {
    if (this.#range !== undefined) this.#found({ ...this.#range, most: this.#most });
  }
}
