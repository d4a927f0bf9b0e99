import type { PlacedFigure, RunReport, Span } from './compare-sites.ts';
import type { SideBySide } from './side-by-side.ts';

/** One run by itself, for machines. */
export function runJson({ occurrences, classTimes, figures }: RunReport, { fromMs, toMs }: Span): object {
  return {
    mode: 'run',
    approximate: true,
    fromMs,
    toMs,
    alarms: occurrences,
    classTimes: [...classTimes].map(([asset, times]) => ({ asset, times })),
    rates: figures.map(figureJson),
  };
}

export interface ComparisonFacts extends Span {
  readonly approximate: boolean;
  /** Site files of the log that the changed run left out. */
  readonly sitesLeftOut: number;
}

/** Two runs side by side, for machines. */
export function sideBySideJson(
  { classTimes, ...alarms }: SideBySide,
  recorded: readonly PlacedFigure[],
  changed: readonly PlacedFigure[],
  { fromMs, toMs, approximate, sitesLeftOut }: ComparisonFacts,
): object {
  const rates = { recorded: recorded.map(figureJson), changed: changed.map(figureJson) };
  return { mode: 'compare', approximate, fromMs, toMs, sitesLeftOut, alarms, classTimes, rates };
}

function figureJson({ system, figure }: PlacedFigure): object {
  return { system, ...figure };
}
