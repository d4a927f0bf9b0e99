import type { LedgerChange } from '../../model/ledger.ts';
import { type AssetPlan, type Bound, DARK_SLOT, HOUR_SLOT, NONE, STRIDE, TIME_SLOT, VALUE } from '../compile.ts';
import { resultOf } from '../look.ts';
import type { EngineState } from '../state.ts';
import type { Work } from '../work.ts';
import { type ClassInput, classify, className, classNumber, type Stretch } from './ledger.ts';
import { COMMISSIONING, PARENT_DEAD, PLANNED, PROVEN, RecentInputs } from './recent-inputs.ts';

/** A sample that is late by no more than this corrects the ledger; a later one is for history only. */
export const LATENESS_MS = 600_000;

/** The site's sun and hour are followed this finely where the past is told anew. */
const SITE_STEP_MS = 60_000;

/**
 * A sample older than what is known of its slot: it had `value` from its stamp until the next thing that is known of it,
 * at the latest until `untilMs`. Corrects the ledger.
 */
export function takeLate(work: Work, slot: number, fromMs: number, untilMs: number, value: number): void {
  const { state } = work;
  const asset = followsFrom(work, slot);
  if (!asset) return;
  const recent = recentOf(state, asset);
  const now = state.points[slot * STRIDE + VALUE] as number;
  const from = Math.floor(fromMs);
  const until = Math.floor(Math.min(untilMs, recent.nextChangeMs(slot, from) ?? untilMs));
  if (from < recent.horizonMs || Object.is(recent.valueAt(slot, from, now), value)) return;
  if (!(from < until)) return;
  recent.insert(slot, from, until, value, now);
  tellAnew(work, asset, from, until);
}

/** What a slot is known to have been in [fromMs, untilMs) had not been believed; now it is. Corrects the ledger. */
export function takeBackfill(work: Work, slot: number, fromMs: number, untilMs: number): void {
  const asset = followsFrom(work, slot);
  if (!asset) return;
  const from = Math.max(Math.floor(fromMs), recentOf(work.state, asset).horizonMs);
  if (work.state.logMs - from <= LATENESS_MS) tellAnew(work, asset, from, Math.floor(untilMs));
}

/** The asset whose class follows from a slot. */
function followsFrom({ plan }: Work, slot: number): AssetPlan | undefined {
  const asset = plan.assets[plan.owner[slot] as number];
  return asset?.asset && ((plan.ownMask[slot] as number) & asset.classMask) !== 0 ? asset : undefined;
}

function recentOf(state: EngineState, asset: AssetPlan): RecentInputs {
  const known = state.recent[asset.index];
  if (known) return known;
  const made = new RecentInputs();
  state.recent[asset.index] = made;
  return made;
}

/**
 * Tells an asset's classes in [fromMs, untilMs) anew, by what its inputs are known to have been then, and corrects the
 * ledger where they differ. Calls nobody: what is over when it is heard of rings no phone. Only the asset itself is
 * corrected, not its children. What was excluded, or planned, stays so unless it is provably up.
 */
function tellAnew(work: Work, asset: AssetPlan, fromMs: number, untilMs: number): void {
  const { state, plan } = work;
  const until = Math.min(untilMs, Math.floor(state.logMs));
  const moments = [fromMs, ...momentsOf(asset, recentOf(state, asset), fromMs, until), until];
  for (let n = 0; n + 1 < moments.length; n++) {
    const [start, end] = [moments[n] as number, moments[n + 1] as number];
    for (const track of [asset.index, ...asset.tracks.map((of) => of.track)]) {
      const told = classThen(state, asset, track, start);
      const changed = state.ledger.rewrite(track, start, end, plan.calendar, (classNo) =>
        classNo === classNumber.planned && told !== classNumber.up ? classNo : told,
      );
      if (track !== asset.index) continue;
      for (const stretch of changed) work.changes.push(correctionOf(work, asset, stretch, 'late'));
    }
  }
}

/** A correction of the ledger as a change: a stretch of the past that is of another class after all. */
export function correctionOf(
  { state }: Work,
  asset: AssetPlan,
  { fromMs, toMs, classNo }: Stretch,
  cause: 'late' | 'excluded',
): LedgerChange {
  const [next] = state.ledger.stretches(asset.index, toMs, toMs + 1);
  const after = next?.classNo ?? (state.ledger.classes[asset.index] as number);
  return {
    kind: 'ledger',
    asset: asset.key,
    class: className(classNo),
    fromMs,
    correction: { cause, toMs, after: className(after) },
  };
}

function momentsOf(asset: AssetPlan, recent: RecentInputs, fromMs: number, untilMs: number): number[] {
  const moments = new Set(recent.momentsWithin(fromMs, untilMs));
  const readsSite = asset.expressions.some(({ slots }) =>
    slots.some((at) => at === DARK_SLOT * STRIDE || at === HOUR_SLOT * STRIDE || at === TIME_SLOT * STRIDE),
  );
  if (readsSite) for (let ms = fromMs + SITE_STEP_MS; ms < untilMs; ms += SITE_STEP_MS) moments.add(ms);
  return [...moments].sort((a, b) => a - b);
}

/** The class of one of an asset's tracks at an earlier moment, by what its inputs were then. */
function classThen(state: EngineState, asset: AssetPlan, track: number, atMs: number): number {
  const { points, plan } = state;
  const recent = state.recent[asset.index];
  if (!plan || !recent) return state.ledger.classes[track] as number;
  const patched = new Map<number, number>();
  const put = (slot: number, value: number) => {
    const at = slot * STRIDE + VALUE;
    if (!patched.has(at)) patched.set(at, points[at] as number);
    points[at] = value;
  };
  for (const slot of recent.slotsSince(atMs)) {
    if (slot >= 0) put(slot, recent.valueAt(slot, atMs, points[slot * STRIDE + VALUE] as number));
  }
  put(DARK_SLOT, plan.calendar.dark(atMs) ? 1 : 0);
  put(HOUR_SLOT, plan.calendar.hour(atMs));
  put(TIME_SLOT, atMs);
  const told = (place: number) => {
    if (place === NONE) return 1;
    const { evaluate, slots } = asset.expressions[place] as Bound;
    return evaluate(points, slots);
  };
  const own = asset.tracks.find((candidate) => candidate.track === track);
  const provenThen =
    asset.windows.length > 0
      ? recent.valueAt(PROVEN, atMs, resultOf(state, asset, asset.proven, 1))
      : told(asset.proven);
  const input: ClassInput = {
    required: told(own ? own.due : asset.required),
    up: told(own ? own.good : asset.up),
    proven: own ? 1 : provenThen,
    parentDead: recent.valueAt(PARENT_DEAD, atMs, state.underDead[asset.index] as number) === 1,
    commissioning: recent.valueAt(COMMISSIONING, atMs, state.commissioning[asset.index] as number) === 1,
    planned: recent.valueAt(PLANNED, atMs, (state.plannedUntilMs[asset.index] as number) > 0 ? 1 : 0) === 1,
    downBefore: state.downBefore[asset.index] === 1,
  };
  for (const [at, value] of patched) points[at] = value;
  return classify(input);
}
