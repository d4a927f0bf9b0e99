import type { LogRecord } from '../../model/log.ts';
import type { RateFigure } from '../../model/rate.ts';
import type { Text } from '../../model/text.ts';
import { openActivations } from '../../rules/alarms/activation.ts';
import { step } from '../../rules/engine.ts';
import { systemFigures } from '../../rules/rates/figures.ts';
import type { EngineState } from '../../rules/state.ts';
import { type ChangedRun, translated } from './changed-run.ts';
import { classesOf, RunAccount, type RunResult } from './run-account.ts';
import type { RecordPages, ReplayListener } from './verify-replay.ts';

export interface Span {
  /** Epoch ms, both inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** One system's rate at the end of a run. */
export interface PlacedFigure {
  readonly system: string;
  readonly systemName: Text;
  readonly figure: RateFigure;
}

/** What one run came to, with its rates at the end of the span. */
export interface RunReport extends RunResult {
  readonly figures: readonly PlacedFigure[];
}

/** Every rate of every system at `nowMs`, in the order of the site file. */
export function figuresOf(state: EngineState, nowMs: number): PlacedFigure[] {
  const plan = state.plan;
  if (!plan) return [];
  return plan.site.systems.flatMap(({ key, name }, systemNo) =>
    systemFigures(state, plan, systemNo, nowMs).map((figure) => ({ system: key, systemName: name, figure })),
  );
}

/** A run of the site as the records have it, and what it comes to over a span. */
class AccountedRun {
  readonly state: EngineState;
  readonly #account: RunAccount;

  constructor(state: EngineState, fromMs: number) {
    this.state = state;
    this.#account = new RunAccount(fromMs, { classes: classesOf(state), activations: openActivations(state) });
  }

  step(record: LogRecord): void {
    this.#account.take(step(this.state, record));
    if (record.kind === 'site') this.#account.takeOver(classesOf(this.state), record.logMs);
  }

  report(toMs: number): RunReport {
    return { ...this.#account.result(toMs), figures: figuresOf(this.state, toMs) };
  }
}

/** Runs the rules over records of [fromMs, toMs] and says what follows. Throws SpanTooLong. */
export async function reportRun(
  state: EngineState,
  records: RecordPages,
  { fromMs, toMs }: Span,
  onRecords: ReplayListener,
): Promise<RunReport> {
  const run = new AccountedRun(state, fromMs);
  let count = 0;
  for await (const page of records) {
    for (const record of page) run.step(record);
    count += page.length;
    onRecords(count, state.logMs);
  }
  return run.report(toMs);
}

/** Two reports over one span, and how many of its records they are about. */
export interface TwoReports {
  readonly records: number;
  readonly recorded: RunReport;
  readonly changed: RunReport;
}

/**
 * Runs recorded and changed site side by side. `records` may begin before the span: up to there both runs are the same,
 * and at its beginning the changed site is taken over, so that what is compared does not hang on where a snapshot
 * happens to be. Throws SpanTooLong.
 */
export async function compareSites(
  recordedState: EngineState,
  changed: ChangedRun,
  records: RecordPages,
  { fromMs, toMs }: Span,
  onRecords: ReplayListener,
): Promise<TwoReports> {
  let recorded: AccountedRun | undefined;
  let account: RunAccount | undefined;
  let run = 0;
  let count = 0;
  for await (const page of records) {
    for (const record of page) {
      if (record.logMs < fromMs) {
        step(recordedState, record);
        changed.step(record);
        continue;
      }
      recorded ??= new AccountedRun(recordedState, fromMs);
      account ??= openAccount(changed, fromMs);
      const other = translated(record, recordedState, changed.state);
      recorded.step(record);
      account.take(changed.step(other));
      count++;
    }
    run += page.length;
    onRecords(run, recordedState.logMs);
  }
  recorded ??= new AccountedRun(recordedState, fromMs);
  account ??= openAccount(changed, fromMs);
  return {
    records: count,
    recorded: recorded.report(toMs),
    changed: { ...account.result(toMs), figures: figuresOf(changed.state, toMs) },
  };
}

/** The changed run's account: the alarms that were open before the site file changed, the classes after. */
function openAccount(changed: ChangedRun, fromMs: number): RunAccount {
  const activations = openActivations(changed.state);
  const changes = changed.takeOver(fromMs);
  const account = new RunAccount(fromMs, { classes: classesOf(changed.state), activations });
  account.take(changes.filter(({ kind }) => kind !== 'ledger'));
  return account;
}
