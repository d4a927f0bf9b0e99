import type { ClassTimes } from './class-stretches.ts';
import type { Occurrence, RunResult } from './run-account.ts';

/** An alarm that both runs have, at other times or told otherwise. */
export interface OccurrencePair {
  readonly recorded: Occurrence;
  readonly changed: Occurrence;
}

/** An asset's time by class; null where the run's site does not know the asset. */
export interface ClassTimesPair {
  readonly asset: string;
  readonly recorded: ClassTimes | null;
  readonly changed: ClassTimes | null;
}

/** What is not the same in two runs over one span. */
export interface SideBySide {
  readonly onlyRecorded: readonly Occurrence[];
  readonly onlyChanged: readonly Occurrence[];
  readonly different: readonly OccurrencePair[];
  /** Alarms that are the same in both. */
  readonly same: number;
  /** Assets whose time by class differs. */
  readonly classTimes: readonly ClassTimesPair[];
}

/** What makes two occurrences of one alarm differ. */
export const comparedFields = [
  'raisedMs',
  'returnedMs',
  'acknowledgedMs',
  'priority',
  'silence',
  'annunciations',
] as const satisfies readonly (keyof Occurrence)[];

/**
 * Puts two runs side by side. Two occurrences of an alarm are the same one where their conditions stood at the same
 * time, at least in part: a longer delay raises it later, another limit makes it begin at another time.
 */
export function sideBySide(recorded: RunResult, changed: RunResult): SideBySide {
  const onlyRecorded: Occurrence[] = [];
  const onlyChanged: Occurrence[] = [];
  const different: OccurrencePair[] = [];
  let same = 0;
  const [ofRecorded, ofChanged] = [byAlarm(recorded.occurrences), byAlarm(changed.occurrences)];
  for (const alarm of new Set([...ofRecorded.keys(), ...ofChanged.keys()])) {
    const pairs = pairUp(ofRecorded.get(alarm) ?? [], ofChanged.get(alarm) ?? []);
    onlyRecorded.push(...pairs.onlyFirst);
    onlyChanged.push(...pairs.onlySecond);
    for (const [first, second] of pairs.both) {
      if (comparedFields.every((field) => first[field] === second[field])) same++;
      else different.push({ recorded: first, changed: second });
    }
  }
  return {
    onlyRecorded: onlyRecorded.sort(byRaised),
    onlyChanged: onlyChanged.sort(byRaised),
    different: different.sort((a, b) => byRaised(a.recorded, b.recorded)),
    same,
    classTimes: differentTimes(recorded.classTimes, changed.classTimes),
  };
}

function byAlarm(occurrences: readonly Occurrence[]): Map<string, Occurrence[]> {
  const groups = new Map<string, Occurrence[]>();
  for (const occurrence of occurrences) {
    const key = JSON.stringify([occurrence.asset, occurrence.alarm]);
    const group = groups.get(key);
    if (group) group.push(occurrence);
    else groups.set(key, [occurrence]);
  }
  return groups;
}

/** Both lists are in the order of their begins. */
function pairUp(first: readonly Occurrence[], second: readonly Occurrence[]) {
  const both: [Occurrence, Occurrence][] = [];
  const onlyFirst: Occurrence[] = [];
  const onlySecond: Occurrence[] = [];
  let [i, j] = [0, 0];
  while (i < first.length && j < second.length) {
    const [a, b] = [first[i] as Occurrence, second[j] as Occurrence];
    if (endMs(a) < b.sinceMs) {
      onlyFirst.push(a);
      i++;
    } else if (endMs(b) < a.sinceMs) {
      onlySecond.push(b);
      j++;
    } else {
      both.push([a, b]);
      i++;
      j++;
    }
  }
  return { both, onlyFirst: [...onlyFirst, ...first.slice(i)], onlySecond: [...onlySecond, ...second.slice(j)] };
}

function endMs({ returnedMs }: Occurrence): number {
  return returnedMs ?? Number.POSITIVE_INFINITY;
}

function byRaised(a: Occurrence, b: Occurrence): number {
  return a.raisedMs - b.raisedMs || (a.asset < b.asset ? -1 : a.asset > b.asset ? 1 : 0);
}

function differentTimes(
  recorded: ReadonlyMap<string, ClassTimes>,
  changed: ReadonlyMap<string, ClassTimes>,
): ClassTimesPair[] {
  return [...new Set([...recorded.keys(), ...changed.keys()])]
    .map((asset) => ({ asset, recorded: recorded.get(asset) ?? null, changed: changed.get(asset) ?? null }))
    .filter((pair) => !isSameTimes(pair.recorded, pair.changed));
}

function isSameTimes(a: ClassTimes | null, b: ClassTimes | null): boolean {
  if (a === null || b === null) return a === b;
  return (Object.keys(a) as (keyof ClassTimes)[]).every((name) => a[name] === b[name]);
}
