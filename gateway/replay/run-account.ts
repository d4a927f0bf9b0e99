import type { Activation } from '../../model/alarm.ts';
import type { Change } from '../../model/history.ts';
import type { LedgerClass } from '../../model/ledger.ts';
import { className } from '../../rules/ledger/ledger.ts';
import type { EngineState } from '../../rules/state.ts';
import { ClassStretches, type ClassTimes } from './class-stretches.ts';

/** Activations, and stretches of all assets' ledgers, that one run keeps at most; about 200 MB. */
const MAX_OCCURRENCES = 200_000;
const MAX_STRETCHES = 4_000_000;

/** The span has more in it than a replay keeps. */
export class SpanTooLong extends Error {}

/** An alarm's activation as it was at the end of a run. Times are epoch ms. */
export type Occurrence = Pick<
  Activation,
  | 'asset'
  | 'alarm'
  | 'priority'
  | 'text'
  | 'sinceMs'
  | 'raisedMs'
  | 'returnedMs'
  | 'acknowledgedMs'
  | 'silence'
  | 'annunciations'
>;

/** How a run stood when its span began. */
export interface Opening {
  readonly classes: ReadonlyMap<string, LedgerClass>;
  readonly activations: readonly Activation[];
}

/** What a run came to. */
export interface RunResult {
  /** By the begin of their conditions. */
  readonly occurrences: readonly Occurrence[];
  /** By asset key, links as `link:KEY`. */
  readonly classTimes: ReadonlyMap<string, ClassTimes>;
}

/** Each asset's class at this moment, by key; links as `link:KEY`. */
export function classesOf(state: EngineState): Map<string, LedgerClass> {
  const assets = state.plan?.assets ?? [];
  return new Map(assets.map(({ key, index }) => [key, className(state.ledger.classes[index] as number)]));
}

/** Adds up the changes of one run over a span. */
export class RunAccount {
  readonly #fromMs: number;
  readonly #occurrences = new Map<string, Occurrence>();
  readonly #ledgers = new Map<string, ClassStretches>();
  #stretches = 0;

  constructor(fromMs: number, opening: Opening) {
    this.#fromMs = fromMs;
    for (const activation of opening.activations) this.#occurrence(activation);
    this.#begin(opening.classes, fromMs);
  }

  /** Takes the changes of one record. Throws {@link SpanTooLong}. */
  take(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'alarm') this.#occurrence(change.activation);
      else if (change.kind === 'ledger') {
        const ledger = this.#ledgers.get(change.asset);
        if (!ledger) continue;
        const before = ledger.length;
        ledger.take(change);
        this.#stretches += ledger.length - before;
      }
    }
    if (this.#occurrences.size > MAX_OCCURRENCES || this.#stretches > MAX_STRETCHES) throw new SpanTooLong();
  }

  /** Another site file holds from `atMs` on: these are the assets that it knows. */
  takeOver(classes: ReadonlyMap<string, LedgerClass>, atMs: number): void {
    for (const [asset, ledger] of this.#ledgers) if (!classes.has(asset)) ledger.end(atMs);
    this.#begin(classes, atMs);
  }

  result(toMs: number): RunResult {
    const occurrences = [...this.#occurrences.values()];
    return {
      occurrences: occurrences.sort((a, b) => a.sinceMs - b.sinceMs || a.raisedMs - b.raisedMs),
      classTimes: new Map([...this.#ledgers].map(([asset, ledger]) => [asset, ledger.times(toMs)])),
    };
  }

  #begin(classes: ReadonlyMap<string, LedgerClass>, atMs: number): void {
    for (const [asset, name] of classes) {
      if (this.#ledgers.has(asset)) continue;
      this.#ledgers.set(asset, new ClassStretches(Math.max(atMs, this.#fromMs), name));
      this.#stretches++;
    }
  }

  #occurrence(activation: Activation): void {
    const { asset, alarm, priority, text, sinceMs, raisedMs, returnedMs } = activation;
    const { acknowledgedMs, silence, annunciations } = activation;
    const known = { asset, alarm, priority, text, sinceMs, raisedMs, returnedMs, acknowledgedMs };
    this.#occurrences.set(activation.activationId, { ...known, silence, annunciations });
  }
}
