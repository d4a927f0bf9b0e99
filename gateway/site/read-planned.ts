import { parseDuration } from '../../model/duration.ts';
import type { PlannedWork } from '../../model/site.ts';
import { nearest } from '../../rules/expressions/expression.ts';
import { checkOccurrences, readLocalTime } from '../../rules/time/planned.ts';
import { checkRule } from '../../rules/time/recurrence.ts';
import type { Expansion, Member } from './expand-assets.ts';
import { mistakes, shownDuration, withSuggestion } from './problem.ts';
import { KeyLines, type Reporter } from './reporter.ts';
import { type Keys, nearKeys } from './resolve-assets.ts';
import { type AssetChoice, PlannedEntry } from './site-file.ts';
import type { Path } from './yaml-source.ts';

/** Bound on the entries of planned work of one site. */
export const MAX_PLANNED = 500;
/** Bounds on how long planned work takes. */
const LEAST_DURATION = '1min';
const MOST_DURATION = '14d';

/** What planned work refers to. */
export interface PlannedContext {
  readonly reporter: Reporter;
  readonly expansion: Expansion;
  readonly systems: Keys<unknown>;
  /** Undefined where the file names none that there is. */
  readonly timeZone: string | undefined;
}

/** Reads `planned`, with every asset that each entry covers by its key; those that are sound. */
export function readPlanned(entries: readonly unknown[], context: PlannedContext): PlannedWork[] {
  const { reporter, expansion } = context;
  const works: PlannedWork[] = [];
  const lines = new KeyLines({ zh: '计划作业', en: 'planned work' }, reporter);
  const byKey = new Map(expansion.members.map((member) => [member.key, member]));
  if (entries.length > MAX_PLANNED) reporter.atValue(['planned'], mistakes.tooManyEntries(MAX_PLANNED));
  for (const [index, data] of entries.slice(0, MAX_PLANNED).entries()) {
    const path = ['planned', index];
    if (!reporter.shape(PlannedEntry, data, path)) continue;
    const { key, name, assets, start, duration, rule } = data as PlannedEntry;
    const isNew = lines.isNew(key, [...path, 'key']);
    const covered = assets.flatMap((item, itemIndex) => {
      const itemPath = [...path, 'assets', itemIndex];
      if (typeof item !== 'string') return chosen(item, itemPath, context);
      if (!byKey.has(item) && expansion.complete) {
        const finding = mistakes.unknownAsset(item);
        reporter.atValue(itemPath, withSuggestion(finding, nearest(item, nearKeys(item, byKey))));
      }
      return [item];
    });
    const isTimeGood = checkTimes(data as PlannedEntry, path, reporter);
    const durationMs = parseDuration(duration) ?? 0;
    const work = { key, name, assets: [...new Set(covered)], start, durationMs, ...(rule !== undefined && { rule }) };
    if (isNew) works.push(work);
    if (isTimeGood && context.timeZone !== undefined) checkTogether(work, duration, context.timeZone, path, reporter);
  }
  return works;
}

/** Keys of the assets to which all of a choice applies. */
function chosen(choice: AssetChoice, path: Path, { reporter, expansion, systems }: PlannedContext): string[] {
  const { system } = choice;
  const wanted = Object.entries(choice).map(([name, value]) => ({
    name: name as keyof AssetChoice,
    value: String(value),
  }));
  if (wanted.length === 0) {
    reporter.atValue(path, mistakes.needsOneOf(['system', 'group', 'building']));
    return [];
  }
  if (system !== undefined && !systems.byKey.has(system)) {
    if (!systems.complete) return [];
    const suggestion = nearest(system, [...systems.byKey.keys()]);
    reporter.atValue([...path, 'system'], withSuggestion(mistakes.unknownSystem(system), suggestion));
    return [];
  }
  const { members } = expansion;
  const found = members.filter((member) => wanted.every(({ name, value }) => traitOf(member, name) === value));
  // An entry with a mistake may be the one that is meant.
  const isCertain = expansion.complete && members.every((member) => member.wellFormed);
  if (found.length === 0 && isCertain) reportNoMatch(wanted, path, members, reporter);
  return found.map((member) => member.key);
}

function traitOf(member: Member, name: keyof AssetChoice): string | undefined {
  switch (name) {
    case 'system':
      return member.entry.system;
    case 'group':
      return member.group;
    case 'building':
      return member.location.building;
  }
}

function reportNoMatch(
  wanted: readonly { readonly name: keyof AssetChoice; readonly value: string }[],
  path: Path,
  members: readonly Member[],
  reporter: Reporter,
): void {
  for (const { name, value } of wanted) {
    const known = new Set(members.flatMap((member) => traitOf(member, name) ?? []));
    if (known.has(value)) continue;
    const finding = mistakes.noAssetMatches(`${name}: ${value}`);
    // Numbers of buildings are all near each other.
    const suggestion = value.length > 2 ? nearest(value, [...known]) : undefined;
    reporter.atValue([...path, name], withSuggestion(finding, suggestion));
    return;
  }
  const all = wanted.map(({ name, value }) => `${name}: ${value}`).join(', ');
  reporter.atValue(path, mistakes.noAssetMatches(`{ ${all} }`));
}

/** Start, duration and rule, each by itself; true where all are good. */
function checkTimes({ start, duration, rule }: PlannedEntry, path: Path, reporter: Reporter): boolean {
  const isStart = readLocalTime(start) !== undefined;
  if (!isStart) {
    const finding = mistakes.badLocalTime(start);
    reporter.atValue([...path, 'start'], withSuggestion(finding, localTimeMeant(start)));
  }
  const durationMs = parseDuration(duration) ?? 0;
  const isDuration = durationMs >= durationOf(LEAST_DURATION) && durationMs <= durationOf(MOST_DURATION);
  if (!isDuration) {
    const finding = mistakes.badPlannedDuration(duration, LEAST_DURATION, MOST_DURATION);
    reporter.atValue([...path, 'duration'], finding);
  }
  const problem = rule === undefined ? undefined : checkRule(rule);
  if (problem !== undefined) {
    const finding = problem.kind === 'too-often' ? mistakes.ruleTooOften(problem.text) : mistakes.badRule(problem.text);
    reporter.inText([...path, 'rule'], problem.offset, withSuggestion(finding, problem.suggestion));
  }
  return isStart && isDuration && problem === undefined;
}

function durationOf(text: string): number {
  return parseDuration(text) ?? Number.NaN;
}

function checkTogether(work: PlannedWork, duration: string, timeZone: string, path: Path, reporter: Reporter): void {
  const problem = checkOccurrences(work, timeZone);
  switch (problem?.kind) {
    case undefined:
      return;
    case 'never':
      reporter.atValue([...path, 'rule'], mistakes.neverPlanned());
      return;
    case 'start-not-in-rule':
      reporter.atValue([...path, 'start'], { ...mistakes.startNotInRule(work.start), suggestion: problem.first });
      return;
    case 'overlap': {
      const every = shownDuration(problem.everyMs);
      reporter.atValue([...path, 'duration'], mistakes.plannedOverlap(duration, every));
    }
  }
}

/** The local time that was probably meant: written otherwise, but without a zone, which would make it another one. */
function localTimeMeant(text: string): string | undefined {
  const match = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[T ]+(\d{1,2}):(\d{2})(?::00)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const [year, month, day, hour, minute] = match.slice(1).map((digits) => digits.padStart(2, '0'));
  const candidate = `${year}-${month}-${day}T${hour}:${minute}`;
  return readLocalTime(candidate) === undefined ? undefined : candidate;
}
