import fc from 'fast-check';
import { test } from 'vitest';
import { properties } from '../test/support/whatever-happens.ts';

/** Generated histories take longer than other tests of rules, the more so beside others. */
const TIMEOUT_MS = 60_000;

// A small share; `npm run soak -- rules` tries as many as it is told.
test.each(properties)('$name', { timeout: TIMEOUT_MS }, ({ property, runs }) => {
  // Making a broken history smaller can take minutes: seed and path are printed, `npm run soak -- rules` has the time.
  fc.assert(property, { numRuns: runs, endOnFailure: true });
});
