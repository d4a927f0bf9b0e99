import type { Change } from '../../model/history.ts';
import type { LogRecord } from '../../model/log.ts';
import type { PointKey, PointNumber } from '../../model/point.ts';
import type { Site } from '../../model/site.ts';
import { openActivations } from '../../rules/alarms/activation.ts';
import { step } from '../../rules/engine.ts';
import type { EngineState } from '../../rules/state.ts';
import { siteNumbers } from './site-numbers.ts';

/**
 * A run in which another site file than the recorded one holds from a moment on. Site files and numbers of points that
 * the log has after that moment are left out, since they belong to the recorded one.
 */
export class ChangedRun {
  readonly state: EngineState;
  readonly #site: Site;
  readonly #logNumbers: ReadonlyMap<PointKey, PointNumber>;
  #takenOver = false;
  #sitesLeftOut = 0;

  /** `logNumbers` are all numbers that the log has given by now, also after the span. */
  constructor(state: EngineState, site: Site, logNumbers: ReadonlyMap<PointKey, PointNumber>) {
    this.state = state;
    // As the engine gets it from the log: without the keys that have no value.
    this.#site = JSON.parse(JSON.stringify(site)) as Site;
    this.#logNumbers = logNumbers;
  }

  /** Site files of the log that were left out. */
  get sitesLeftOut(): number {
    return this.#sitesLeftOut;
  }

  /** The changed site file holds from `atMs` on, which is between the last record and the next. */
  takeOver(atMs: number): readonly Change[] {
    this.#takenOver = true;
    const { state } = this;
    // An asset that was renamed since stands in the log under the key of its time, with the same number.
    const numbers = siteNumbers(this.#site, [this.#logNumbers, state.numbers]);
    return startSite(state, this.#site, numbers, atMs);
  }

  step(record: LogRecord): readonly Change[] {
    if (!this.#takenOver || (record.kind !== 'site' && record.kind !== 'points')) return step(this.state, record);
    if (record.kind === 'site') this.#sitesLeftOut++;
    // Time goes on all the same.
    return step(this.state, { logSeq: record.logSeq, logMs: record.logMs, kind: 'damaged' });
  }
}

/** Gives the engine a site, and the numbers of its points, that no log has told it. */
export function startSite(
  state: EngineState,
  site: Site,
  numbers: ReadonlyMap<PointKey, PointNumber>,
  atMs: number,
): readonly Change[] {
  const stamp = { logSeq: state.logSeq, logMs: atMs };
  const changes = step(state, { ...stamp, kind: 'points', numbers: [...numbers] });
  return [...changes, ...step(state, { ...stamp, kind: 'site', site })];
}

/**
 * The record as it would have been in the other run. Who acknowledged or reset an alarm meant the alarm: in a run in
 * which it was raised at another record, and so has another id, it is that one's id.
 */
export function translated(record: LogRecord, recorded: EngineState, changed: EngineState): LogRecord {
  if (record.kind !== 'action' || !('activationId' in record.action)) return record;
  const { activationId } = record.action;
  const meant = openActivations(recorded).find((activation) => activation.activationId === activationId);
  const other =
    meant && openActivations(changed).find(({ asset, alarm }) => asset === meant.asset && alarm === meant.alarm);
  return other ? { ...record, action: { ...record.action, activationId: other.activationId } } : record;
}
