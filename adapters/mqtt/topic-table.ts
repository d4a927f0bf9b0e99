/** Basis and prime of FNV-1a, 32 bits. */
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** Slots for each name at least, so that few names meet. */
const SLOTS_PER_NAME = 2;

/** Finds what belongs to a topic by the bytes of its name: no string has to be made of each message's. */
export class TopicTable<Value> {
  /** Place among the names plus one; 0: free. As many as a power of two. */
  readonly #slots: Uint32Array;
  readonly #names: readonly Buffer[];
  readonly #values: readonly Value[];

  constructor(values: ReadonlyMap<string, Value>) {
    this.#names = [...values.keys()].map((name) => Buffer.from(name));
    this.#values = [...values.values()];
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(this.#names.length * SLOTS_PER_NAME + 1)));
    this.#names.forEach((name, place) => {
      let slot = this.#slotOf(name, 0, name.length);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
      this.#slots[slot] = place + 1;
    });
  }

  /** What belongs to the name that is in [from, to) of `bytes`; undefined where there is nothing. */
  find(bytes: Uint8Array, from: number, to: number): Value | undefined {
    let slot = this.#slotOf(bytes, from, to);
    for (let place = this.#slots[slot] ?? 0; place !== 0; place = this.#slots[slot] ?? 0) {
      if (isSame(this.#names[place - 1] as Buffer, bytes, from, to)) return this.#values[place - 1];
      slot = (slot + 1) & (this.#slots.length - 1);
    }
    return undefined;
  }

  #slotOf(bytes: Uint8Array, from: number, to: number): number {
    let hash = FNV_BASIS;
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), FNV_PRIME);
    return (hash ^ (hash >>> 15)) & (this.#slots.length - 1);
  }
}

function isSame(name: Buffer, bytes: Uint8Array, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let at = 0; at < name.length; at++) if (name[at] !== bytes[from + at]) return false;
  return true;
}
