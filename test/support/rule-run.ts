import type { Activation, AlarmChange } from '../../model/alarm.ts';
import type { Change } from '../../model/history.ts';
import type { LedgerChange } from '../../model/ledger.ts';
import type { Action, LogEntry } from '../../model/log.ts';
import type { PointKey } from '../../model/point.ts';
import type { RateFigure } from '../../model/rate.ts';
import { BatchBuilder } from '../../model/sample.ts';
import { openActivations } from '../../rules/alarms/activation.ts';
import { step } from '../../rules/engine.ts';
import { systemFigures } from '../../rules/rates/figures.ts';
import { createEngineState } from '../../rules/state.ts';
import { momentMs, spanMs } from './case-time.ts';
import { matchKeys } from './key-pattern.ts';
import type { CaseAction, RuleCase, SampleValue, Step } from './rule-case.ts';

/** Bound on the ticks of one case: two days, second by second. */
const MAX_TICKS = 180_000;

/** The gateway tells how it is each minute. */
const HEALTH_EVERY_MS = 60_000;

/** What a case gave, times in epoch ms. */
export interface RuleRun {
  readonly startMs: number;
  readonly alarms: readonly AlarmChange[];
  readonly ledger: readonly LedgerChange[];
  /** Open activations at the end, oldest first. */
  readonly open: readonly Activation[];
  /** Every rate, as `system.rate`, at each moment that was asked for. */
  readonly figures: ReadonlyMap<number, ReadonlyMap<string, RateFigure>>;
}

/** Runs a case through the rules, record by record as a gateway would have logged it. */
export function runRuleCase({ site, timeline, expected }: RuleCase): RuleRun {
  const startMs = momentMs(timeline.start, 0);
  const askedMs = (expected.figures ?? []).map(({ at }) => momentMs(at, startMs));
  const gateway = new Gateway(site, startMs, timeline.keep === undefined ? undefined : spanMs(timeline.keep));
  gateway.begin(timeline.links !== 'down');
  gateway.tickMs = spanMs(timeline.tick ?? '1s');
  const stops = [
    ...timeline.steps.map((step) => ({ atMs: momentMs(step.at, startMs), step })),
    ...askedMs.map((atMs) => ({ atMs, step: undefined })),
    { atMs: momentMs(timeline.until, startMs), step: undefined },
  ];
  // The sort is stable: steps of one moment come in their order, and before a look at the figures.
  stops.sort((a, b) => a.atMs - b.atMs);
  const figures = new Map<number, ReadonlyMap<string, RateFigure>>();
  for (const { atMs, step } of stops) {
    if (atMs < gateway.nowMs) throw new Error(`${step?.at ?? 'figures'}: a gap or a jump has led past it`);
    gateway.passTo(atMs);
    if (step) gateway.take(step);
    else gateway.settle();
    if (askedMs.includes(atMs)) figures.set(atMs, gateway.figures());
  }
  return {
    startMs,
    alarms: gateway.changes.filter((change) => change.kind === 'alarm'),
    ledger: gateway.changes.filter((change) => change.kind === 'ledger'),
    open: openActivations(gateway.state),
    figures,
  };
}

/** Writes the log that a gateway would have written, and follows it. */
class Gateway {
  readonly state = createEngineState();
  readonly changes: Change[] = [];
  nowMs: number;
  tickMs = 1000;
  readonly #site: RuleCase['site'];
  readonly #startMs: number;
  readonly #keepMs: number | undefined;
  readonly #numbers: ReadonlyMap<PointKey, number>;
  readonly #linkOf: ReadonlyMap<PointKey, string>;
  /** What each point said last, for those that are heard of again and again. */
  readonly #kept = new Map<PointKey, SampleValue>();
  readonly #linksUp = new Set<string>();
  /** Every activation id so far by `asset.alarm`, oldest first. */
  readonly #activations = new Map<string, string[]>();
  #seq = 0;
  #ticks = 0;
  #nextTickMs: number;
  #nextKeepMs: number;
  /** What the gateway says of itself; nothing before a step has told it. */
  #health: Readonly<Record<string, number>> = {};
  #nextHealthMs = Number.POSITIVE_INFINITY;

  constructor(site: RuleCase['site'], startMs: number, keepMs: number | undefined) {
    this.#site = site;
    this.nowMs = startMs;
    this.#startMs = startMs;
    this.#nextTickMs = startMs;
    this.#keepMs = keepMs;
    this.#nextKeepMs = keepMs === undefined ? Number.POSITIVE_INFINITY : startMs + keepMs;
    const points = site.assets.flatMap((asset) => asset.points.map(({ key }) => [key, asset.link] as const));
    this.#numbers = new Map(points.map(([key], index) => [key, index + 1]));
    this.#linkOf = new Map(points);
  }

  begin(linksUp: boolean): void {
    this.#put({ kind: 'start', version: 'case' });
    this.#put({ kind: 'points', numbers: [...this.#numbers] });
    this.#put({ kind: 'site', site: this.#site });
    if (linksUp) for (const { key } of this.#site.links) this.#link(key, true);
  }

  /** Passes time up to `untilMs`; what falls on that very moment is left to {@link settle}, after its steps. */
  passTo(untilMs: number): void {
    for (;;) {
      const nextMs = Math.min(this.#nextTickMs, this.#nextKeepMs);
      if (nextMs >= untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      this.settle();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  /** Repeats what is kept and ticks, where either is due now. */
  settle(): void {
    if (this.#nextKeepMs <= this.nowMs) {
      this.#nextKeepMs = this.nowMs + (this.#keepMs ?? Number.POSITIVE_INFINITY);
      this.#report(new Map(this.#kept), this.nowMs);
    }
    if (this.#nextTickMs > this.nowMs) return;
    if (this.#nextHealthMs <= this.nowMs) this.#tellHealth({});
    this.#nextTickMs = this.nowMs + this.tickMs;
    if (++this.#ticks > MAX_TICKS) throw new Error(`a case has at most ${MAX_TICKS} ticks: give it a longer \`tick\``);
    this.#put({ kind: 'tick' });
  }

  take(step: Step): void {
    if (step.tick !== undefined) this.tickMs = spanMs(step.tick);
    if (step.jump !== undefined) this.#jump(spanMs(step.jump));
    if (step.restart !== undefined) this.#restart(spanMs(step.restart));
    for (const [link, state] of Object.entries(step.link ?? {})) this.#link(link, state === 'up');
    for (const key of this.#keysOf(step.hush ?? [])) this.#kept.delete(key);
    if (step.set !== undefined) this.#set(step.set, this.nowMs + spanMs(step.stamp ?? '0s'));
    if (step.health !== undefined) this.#tellHealth(step.health);
    if (step.action !== undefined) this.#put({ kind: 'action', action: this.#action(step.action) });
  }

  /** Told at once, and each minute from then on, as the gateway does. */
  #tellHealth(figures: Readonly<Record<string, number>>): void {
    this.#health = { ...this.#health, ...figures };
    this.#nextHealthMs = this.nowMs + HEALTH_EVERY_MS;
    this.#put({ kind: 'health', figures: this.#health });
  }

  figures(): ReadonlyMap<string, RateFigure> {
    const { plan } = this.state;
    if (!plan) throw new Error('no plan');
    const figures = this.#site.systems.flatMap((system, systemNo) =>
      systemFigures(this.state, plan, systemNo, this.nowMs).map(
        (figure) => [`${system.key}.${figure.key}`, figure] as const,
      ),
    );
    return new Map(figures);
  }

  #set(values: Readonly<Record<string, SampleValue>>, sourceMs: number): void {
    const samples = new Map<PointKey, SampleValue>();
    for (const [pattern, value] of Object.entries(values)) {
      for (const key of this.#keysOf([pattern])) samples.set(key, value);
    }
    for (const [key, value] of samples) {
      if (typeof value === 'string') this.#kept.delete(key);
      else this.#kept.set(key, value);
    }
    this.#report(samples, sourceMs);
  }

  /** One batch for each link that is up. */
  #report(samples: ReadonlyMap<PointKey, SampleValue>, sourceMs: number): void {
    const builders = new Map<string, BatchBuilder>();
    for (const [key, value] of samples) {
      const link = this.#linkOf.get(key) as string;
      if (!this.#linksUp.has(link)) continue;
      const builder = builders.get(link) ?? new BatchBuilder();
      builders.set(link, builder);
      const number = this.#numbers.get(key) as number;
      if (value === 'bad') builder.bad(number, sourceMs, this.nowMs, 'bad-status');
      else if (value === 'uncertain') builder.uncertain(number, sourceMs, this.nowMs, 0, 'uncertain-status');
      else builder.good(number, sourceMs, this.nowMs, value === 'nan' ? Number.NaN : Number(value));
    }
    for (const [link, builder] of builders) this.#put({ kind: 'samples', link, batch: builder.take() });
  }

  #link(key: string, up: boolean): void {
    if (!this.#site.links.some((link) => link.key === key)) throw new Error(`no link ${key}`);
    if (up) this.#linksUp.add(key);
    else this.#linksUp.delete(key);
    const reason = up ? null : { zh: '中断', en: 'cut' };
    this.#put({ kind: 'link', link: key, up, atMs: this.nowMs, reason });
  }

  /** The gateway's clock leaps: its own tick comes first, since a controller has to be asked before it answers. */
  #jump(leapMs: number): void {
    this.nowMs += leapMs;
    this.#nextTickMs = this.nowMs + this.tickMs;
    this.#put({ kind: 'tick' });
  }

  /** The gateway is away for a time, starts, reaches its links again, and hears at once from all that is kept. */
  #restart(gapMs: number): void {
    this.nowMs += gapMs;
    this.#put({ kind: 'start', version: 'case' });
    for (const link of [...this.#linksUp]) this.#link(link, true);
    this.#nextKeepMs = Math.min(this.#nextKeepMs, this.nowMs);
  }

  /** The engine refuses an action that is none, so a mistyped one shows in what follows. */
  #action({ of, from, to, until, points, ...rest }: CaseAction): Action {
    const moment = (text: string) => momentMs(text, this.#startMs);
    const action = {
      ...rest,
      ...(of !== undefined && { activationId: this.#activationId(of) }),
      ...(from !== undefined && { fromMs: moment(from) }),
      ...(to !== undefined && { toMs: moment(to) }),
      ...(until !== undefined && { untilMs: until === null ? null : moment(until) }),
      ...(points !== undefined && { points: this.#keysOf(points) }),
    };
    return action as Action;
  }

  /** Id of `asset.alarm#n`, its nth activation; of its newest without a number. */
  #activationId(of: string): string {
    const [alarm = '', n] = of.split('#');
    const ids = this.#activations.get(alarm) ?? [];
    const id = n === undefined ? ids.at(-1) : ids[Number(n) - 1];
    if (id === undefined) throw new Error(`${of} has not been raised`);
    return id;
  }

  #keysOf(patterns: readonly string[]): string[] {
    return patterns.flatMap((pattern) => matchKeys([...this.#numbers.keys()], pattern));
  }

  #put(entry: LogEntry): void {
    const stamp = { logSeq: ++this.#seq, logMs: this.nowMs };
    const record = entry.kind === 'samples' ? { ...entry, ...stamp, firstOrdinal: 0 } : { ...entry, ...stamp };
    for (const change of step(this.state, record)) {
      this.changes.push(change);
      if (change.kind !== 'alarm' || change.event !== 'raised') continue;
      const { asset, alarm, activationId } = change.activation;
      const ids = this.#activations.get(`${asset}.${alarm}`) ?? [];
      this.#activations.set(`${asset}.${alarm}`, [...ids, activationId]);
    }
  }
}
