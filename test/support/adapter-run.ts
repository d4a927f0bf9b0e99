import { WireCounts } from '../../gateway/links/wire-counts.ts';
import { LinkLost, type LinkPlan, type Protocol, SetupRefused } from '../../model/adapter.ts';
import { type ReasonKey, reasonOf } from '../../model/reason.ts';
import { type Batch, MAX_DETAIL_LENGTH, Quality } from '../../model/sample.ts';

/** The newest sample of a point. */
export interface SeenSample {
  readonly quality: 'good' | 'uncertain' | 'bad';
  readonly value: number | string | null;
  readonly reason: ReasonKey | null;
  readonly detail: string | null;
  readonly sourceMs: number;
  readonly receivedMs: number;
}

/** How a run came to its end. */
export type Ending =
  | { readonly how: 'resolved' }
  | { readonly how: 'lost' | 'refused'; readonly reason: { readonly zh: string; readonly en: string } }
  | { readonly how: 'failed'; readonly error: unknown };

const qualityNames = ['good', 'uncertain', 'bad'] as const;

/** One call of an adapter's `run`, watched from the side of the log: what it emits, how much at once, how it ends. */
export class AdapterRun {
  readonly ended: Promise<Ending>;
  /** What broke the contract of batches; empty when all is well. */
  readonly violations: string[] = [];
  readonly wire: WireCounts;
  ups = 0;
  batches = 0;
  goodSamples = 0;
  emitsInFlight = 0;
  mostInFlight = 0;
  ending: Ending | undefined;
  readonly #names: ReadonlyMap<number, string>;
  readonly #latest = new Map<string, SeenSample>();
  readonly #isPossible: (name: string, value: number | string) => boolean;
  readonly #control = new AbortController();
  readonly #waiting = new Set<() => void>();
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
  #failure: Error | undefined;
  #disk: PromiseWithResolvers<void> | undefined;

  /**
   * Starts `run`; the names are those of the plan's points after the last `/`.
   *
   * @param isPossible whether the device has ever had such a value at the point; a good one that it had not is a violation
   */
  constructor(
    protocol: Protocol,
    plan: Omit<LinkPlan<unknown, unknown>, 'wire'>,
    isPossible: (name: string, value: number | string) => boolean = () => true,
  ) {
    this.#isPossible = isPossible;
    this.wire = new WireCounts(() => plan.clock.now());
    this.#names = new Map(plan.points.map(({ number, key }) => [number, key.slice(key.lastIndexOf('/') + 1)]));
    const run = protocol.create({ ...plan, wire: this.wire }).run(
      (batch) => {
        const kept = this.#emit(batch);
        const taken = this.#disk ? Promise.resolve({ kept: false }) : kept.then(() => ({ kept: true }));
        taken.catch(() => undefined);
        kept.catch(() => undefined);
        return { taken, kept };
      },
      this.#control.signal,
      () => {
        this.ups += 1;
        this.#tell();
      },
    );
    this.ended = run
      .then<Ending, Ending>(() => ({ how: 'resolved' }), endingOf)
      .then((ending) => {
        this.ending = ending;
        this.#tell();
        return ending;
      });
  }

  latest(name: string): SeenSample | undefined {
    return this.#latest.get(name);
  }

  /** From now on `emit` does not resolve until {@link openGate}. */
  closeGate(): void {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gate = { opened, open };
  }

  openGate(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  /** From now on the disk takes nothing until {@link mendDisk}: batches are taken, and not kept. */
  failDisk(): void {
    this.#disk = Promise.withResolvers();
    this.#disk.promise.catch(() => undefined);
  }

  /** The disk takes what it has not got yet; with an error, that is lost. */
  mendDisk(lost?: Error): void {
    if (lost) this.#disk?.reject(lost);
    else this.#disk?.resolve();
    this.#disk = undefined;
  }

  /** Makes the next `emit` reject, as a log does that cannot write. */
  failNextEmit(error: Error): void {
    this.#failure = error;
  }

  /** Resolves when `holds` does, looked at after each batch; rejects with what was seen after `withinMs`. */
  until(what: string, holds: () => boolean, withinMs = 5000): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const seen = JSON.stringify(Object.fromEntries(this.#latest));
        reject(new Error(`not within ${withinMs} ms: ${what}; ended ${JSON.stringify(this.ending)}; seen ${seen}`));
      }, withinMs);
      this.#waiting.add(look);
      look();
    });
  }

  /** Ends the run; pending emits reject, as the supervisor's do. Rejects if the run outlasts `withinMs`. */
  async abort(withinMs = 5000): Promise<Ending> {
    this.#control.abort(new Error('test is over'));
    await this.until('the run ends after the abort', () => this.ending !== undefined, withinMs);
    return this.ended;
  }

  async #emit(batch: Batch): Promise<void> {
    if (this.ending !== undefined) this.violations.push('emitted after the end of the run');
    this.#check(batch);
    this.emitsInFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.emitsInFlight);
    this.#tell();
    try {
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure !== undefined) throw failure;
      if (this.#gate !== undefined) await Promise.race([this.#gate.opened, aborted(this.#control.signal)]);
      this.batches += 1;
      this.#take(batch);
      if (this.#disk) {
        this.#tell();
        await Promise.race([this.#disk.promise, aborted(this.#control.signal)]);
      }
    } finally {
      this.emitsInFlight -= 1;
      this.#tell();
    }
  }

  #take(batch: Batch): void {
    for (let row = 0; row < batch.length; row++) {
      const quality = qualityNames[batch.quality[row] ?? Quality.bad] ?? 'bad';
      const number = batch.value[row] ?? Number.NaN;
      const name = this.#names.get(batch.point[row] ?? 0) ?? `unknown number ${batch.point[row]}`;
      const value = batch.texts.get(row) ?? (Number.isNaN(number) ? null : number);
      if (quality === 'good') this.goodSamples += 1;
      if (quality === 'good' && value !== null && !this.#isPossible(name, value)) {
        this.violations.push(`${name} is good at ${value}, which the device never had`);
      }
      this.#latest.set(name, {
        quality,
        value,
        reason: reasonOf(batch.reason[row] ?? 0) ?? null,
        detail: batch.details.get(row) ?? null,
        sourceMs: batch.sourceMs[row] ?? Number.NaN,
        receivedMs: batch.receivedMs[row] ?? Number.NaN,
      });
    }
  }

  #check(batch: Batch): void {
    const say = (row: number, what: string) => this.violations.push(`row ${row}: ${what}`);
    if (batch.length === 0) this.violations.push('an empty batch');
    const columns = [batch.point, batch.sourceMs, batch.receivedMs, batch.quality, batch.value, batch.reason];
    if (columns.some((column) => column.length !== batch.length)) this.violations.push('columns of unequal length');
    for (let row = 0; row < batch.length; row++) {
      const bad = batch.quality[row] === Quality.bad;
      const hasValue = !Number.isNaN(batch.value[row]) || batch.texts.has(row);
      if (!this.#names.has(batch.point[row] ?? 0)) say(row, `point ${batch.point[row]} is not one of the plan`);
      if (bad && hasValue) say(row, 'bad, and has a value');
      if (!bad && !hasValue) say(row, 'not bad, and has no value');
      if ((batch.quality[row] === Quality.good) !== (batch.reason[row] === 0)) say(row, 'reason does not fit quality');
      if (reasonOf(batch.reason[row] ?? 0) === undefined && batch.reason[row] !== 0) say(row, 'reason is unknown');
      if ((batch.details.get(row)?.length ?? 0) > MAX_DETAIL_LENGTH) say(row, 'detail is too long');
      if (!Number.isInteger(batch.sourceMs[row]) || !Number.isInteger(batch.receivedMs[row])) {
        say(row, 'times are not whole milliseconds');
      }
    }
  }

  #tell(): void {
    for (const look of [...this.#waiting]) look();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function endingOf(error: unknown): Ending {
  if (error instanceof LinkLost) return { how: 'lost', reason: error.reason };
  if (error instanceof SetupRefused) return { how: 'refused', reason: error.reason };
  return { how: 'failed', error };
}
