import type { FaultKind, FaultOptions } from './fault-kinds.ts';

/** A fault that stands. */
export interface Fault {
  readonly id: string;
  readonly name: string;
  readonly asset: string;
  /** Site time at which it ends by itself, epoch ms; null if it must be ended. */
  readonly untilMs: number | null;
}

/** What became of a wish for a fault; a refusal names what could have been wished for. */
export type Injection =
  | { readonly outcome: 'standing'; readonly fault: Fault }
  | { readonly outcome: 'unknown-fault'; readonly names: readonly string[] }
  | { readonly outcome: 'unknown-asset'; readonly assets: readonly string[] };

/** The faults that stand: at most one of each kind per asset, which bounds them. */
export class FaultBook {
  readonly kinds: readonly FaultKind[];
  readonly #standing = new Map<string, Fault>();
  #lastNumber = 0;

  constructor(kinds: readonly FaultKind[]) {
    this.kinds = kinds;
  }

  /**
   * Makes an asset fail, the first that fits if none is named. A fault that stands already is kept, with the new end.
   *
   * @param forMs site time after which it ends by itself
   */
  inject(
    name: string,
    asset: string | undefined,
    forMs: number | undefined,
    nowMs: number,
    options: FaultOptions,
  ): Injection {
    const kind = this.kinds.find((candidate) => candidate.name === name);
    if (kind === undefined) return { outcome: 'unknown-fault', names: this.kinds.map((known) => known.name) };
    const fits = kind.fits();
    const target =
      asset === undefined
        ? fits.find((candidate) => this.#find(name, candidate) === undefined)
        : (kind.means?.(asset) ?? asset);
    const standing = target === undefined ? undefined : this.#find(name, target);
    if (target === undefined || (standing === undefined && !fits.includes(target))) {
      return { outcome: 'unknown-asset', assets: fits };
    }
    const untilMs = forMs === undefined ? null : nowMs + forMs;
    const fault = { id: standing?.id ?? this.#nextId(), name, asset: target, untilMs };
    kind.begin(target, nowMs, options);
    this.#standing.set(fault.id, fault);
    return { outcome: 'standing', fault };
  }

  list(): readonly Fault[] {
    return [...this.#standing.values()];
  }

  /** Ends one fault; undefined if none stands under this id. */
  end(id: string): Fault | undefined {
    const fault = this.#standing.get(id);
    if (fault === undefined) return undefined;
    this.#standing.delete(id);
    this.kinds.find((kind) => kind.name === fault.name)?.end(fault.asset);
    return fault;
  }

  endAll(): readonly Fault[] {
    return this.list().flatMap(({ id }) => this.end(id) ?? []);
  }

  /** Ends what is due at this site time. */
  expire(nowMs: number): void {
    if (this.#standing.size === 0) return;
    for (const { id, untilMs } of this.list()) {
      if (untilMs !== null && untilMs <= nowMs) this.end(id);
    }
  }

  #find(name: string, asset: string): Fault | undefined {
    return this.list().find((fault) => fault.name === name && fault.asset === asset);
  }

  #nextId(): string {
    this.#lastNumber += 1;
    return `fault-${this.#lastNumber}`;
  }
}
