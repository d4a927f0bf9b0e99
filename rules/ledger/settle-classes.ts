import { type AssetPlan, NONE } from '../compile.ts';
import { type Look, lastKnown, resultOf } from '../look.ts';
import type { Work } from '../work.ts';
import { type ClassInput, classify, className, classNumber, observedClass } from './ledger.ts';

/**
 * Settles the class of an asset, and of the rates that it is a track of, by what its expressions say now. Gives the
 * class that was observed, planned work and proof left aside: alarms go by it.
 */
export function settleClasses(work: Work, look: Look): number {
  const { asset } = look;
  const { state } = work;
  const index = asset.index;
  const input = classInput(work, look, asset.required, asset.up, asset.proven);
  const observed = observedClass(input);
  // What was down when planned work began stays down until it is up again, however long the work goes on.
  // Silence is no proof that it was up.
  if (observed === classNumber.up || observed === classNumber.notRequired) state.downBefore[index] = 0;
  const downBefore = state.downBefore[index] === 1;
  settleTrack(work, look, index, { ...input, downBefore }, [asset.required, asset.up, asset.proven], true);
  for (const { track, due, good } of asset.tracks) {
    const wasDown =
      state.ledger.classes[track] === classNumber.down &&
      (state.ledger.sinceMs[track] as number) < (state.plannedFromMs[index] as number);
    const own = { ...classInput(work, look, due, good, NONE), downBefore: wasDown };
    settleTrack(work, look, track, own, [due, good], false);
  }
  // Data is there, of a standby whose proof is overdue: what is missing is the test, which has an alarm of its own.
  return observedClass({ ...input, proven: 1 });
}

function classInput(work: Work, look: Look, required: number, up: number, proven: number): ClassInput {
  const { state } = work;
  const { asset, parentDead } = look;
  return {
    required: resultOf(state, asset, required, 1),
    up: resultOf(state, asset, up, 1),
    proven: resultOf(state, asset, proven, 1),
    parentDead,
    commissioning: state.commissioning[asset.index] === 1,
    planned: (state.plannedUntilMs[asset.index] as number) > 0,
    downBefore: false,
  };
}

function settleTrack(
  work: Work,
  look: Look,
  track: number,
  input: ClassInput,
  places: readonly number[],
  isLedger: boolean,
): void {
  const { ledger, logMs, plannedFromMs } = work.state;
  const { asset, eventMs } = look;
  const classNo = classify(input);
  const before = ledger.classes[track] as number;
  if (classNo === before) return;
  const isSilent = observedClass(input) === classNumber.unknown;
  // Planned work lasts until it ends, however long ago the last reply was.
  let fromMs = isSilent && before !== classNumber.planned ? unknownSince(work, look, before, places) : eventMs;
  if (classNo === classNumber.planned) fromMs = Math.max(fromMs, plannedFromMs[asset.index] as number);
  // What a device says of itself once it answers again proves nothing about the time in which nobody heard it: unknown
  // ends as up when the answer came, whatever stamp it carries. A fault of that time counts from its own stamp.
  if ((before === classNumber.unknown || before === classNumber.planned) && classNo === classNumber.up) fromMs = logMs;
  ledger.set(track, classNo, Math.min(fromMs, logMs), work.plan.calendar);
  if (!isLedger) return;
  work.changes.push({
    kind: 'ledger',
    asset: asset.key,
    class: className(classNo),
    fromMs: ledger.sinceMs[track] as number,
  });
}

/**
 * Since when a track that cannot be told any more could not be told: since the last good reply of what is missing now
 * if that is what its class followed from, otherwise since what it did follow from ended.
 */
function unknownSince(work: Work, look: Look, before: number, places: readonly number[]): number {
  const { asset, eventMs, wasUnderDead } = look;
  const expressions = (of: AssetPlan, which: readonly number[]) =>
    which.flatMap((place) => of.expressions[place] ?? []);
  if (before === classNumber.notRequired) return lastKnown(work.state, eventMs, expressions(asset, places.slice(0, 1)));
  if (!wasUnderDead) return lastKnown(work.state, eventMs, expressions(asset, places));
  // It was down because of a parent: until that was no longer true, or no longer known.
  let sinceMs = eventMs;
  for (let index = asset.parent; index >= 0; ) {
    const parent = work.plan.assets[index] as AssetPlan;
    sinceMs = Math.min(sinceMs, lastKnown(work.state, eventMs, expressions(parent, [parent.childrenDead])));
    index = parent.parent;
  }
  return sinceMs;
}
