import fc from 'fast-check';
import type { Figure, Measurement } from '../support/measurement.ts';
import { properties } from '../support/whatever-happens.ts';

/** Histories of each property, unless the first argument says otherwise. */
const HISTORIES = 2000;

/** Real ms that one property may take, with making a broken history smaller. */
const LIMIT_MS = 1_200_000;

/** What holds at a site whatever happens there, over thousands of random histories; throws with the one that breaks it. */
export const run: Measurement = async ({ args, progress, signal }) => {
  const numRuns = Number(args[0] ?? HISTORIES);
  const figures: Figure[] = [];
  for (const { name, property } of properties) {
    if (signal.aborted) break;
    progress(name);
    const start = performance.now();
    fc.assert(property, { numRuns, interruptAfterTimeLimit: LIMIT_MS });
    figures.push({ name, value: numRuns, unit: `histories in ${Math.round((performance.now() - start) / 1000)} s` });
    // Whoever waits may interrupt between two of them.
    await new Promise(setImmediate);
  }
  return figures;
};
