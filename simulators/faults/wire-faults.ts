/** Exception codes that a faulty Modbus device may answer. */
export type FaultyException = 2 | 4;

/**
 * Faults of the wire, not of the plant: what the servers and clients do wrong at the moment. Each of them looks here
 * when it speaks for an asset.
 */
export class WireFaults {
  /** Links and trades that are cut off, by key. */
  readonly unplugged = new Set<string>();
  /** Assets whose first value is marked bad. */
  readonly badQuality = new Set<string>();
  /** Assets that publish what nobody can parse. */
  readonly garbage = new Set<string>();
  /** Assets whose first value is refused, and with which code. */
  readonly exceptions = new Map<string, FaultyException>();
  readonly #frozen = new Map<string, { readonly value: unknown } | undefined>();

  /** From now on the asset's first value stays as it is next seen. */
  freeze(asset: string): void {
    this.#frozen.set(asset, undefined);
  }

  thaw(asset: string): void {
    this.#frozen.delete(asset);
  }

  /** The asset's first value as its wire shall show it: `live`, or what it froze at. */
  firstValue<T>(asset: string, live: T): T {
    if (!this.#frozen.has(asset)) return live;
    const held = this.#frozen.get(asset);
    if (held !== undefined) return held.value as T;
    this.#frozen.set(asset, { value: live });
    return live;
  }
}
