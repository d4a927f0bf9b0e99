import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cuts, flips, type LogTemplate, logTemplate, runDamaged } from '../../test/support/damaged-log.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';

/** A small share; `LAMPLIGHTER_DAMAGE_RUNS` for more. */
const RUNS = Number(process.env.LAMPLIGHTER_DAMAGE_RUNS || 12);

async function made(): Promise<{ template: LogTemplate; folder: () => string }> {
  const dir = tempFolder();
  return { template: await logTemplate(dir), folder: () => mkdtempSync(join(dir, 'run-')) };
}

test('one byte that is not what was written costs little, wherever it is', { timeout: 60_000 + RUNS * 5000 }, async () => {
  const { template, folder } = await made();
  await fc.assert(
    fc.asyncProperty(flips, async (flip) => {
      const { whole, of } = await runDamaged(template, [flip], folder());
      expect(of - whole).toBeLessThan(120);
    }),
    { numRuns: RUNS },
  );
});

test('a log that is cut off and bent in many places still opens and goes on', { timeout: 60_000 + RUNS * 5000 }, async () => {
  const { template, folder } = await made();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(flips, cuts), { minLength: 1, maxLength: 8 }), async (damages) => {
      await runDamaged(template, damages, folder());
    }),
    { numRuns: RUNS },
  );
});
