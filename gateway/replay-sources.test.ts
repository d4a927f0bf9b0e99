import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RecordedSite, siteOf, writeSite } from '../test/support/recorded-site.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { firstSite, lastSite, openSources } from './replay-sources.ts';

test.each([
  ['without a snapshot', false],
  ['with a snapshot of the time before', true],
])('finds the site file that the log ends with, %s', async (_, snapshot) => {
  const folder = tempFolder();
  const [before, after] = ['1s', '3s'].map((darkDelay, number) =>
    siteOf(writeSite(join(folder, `site-${number}`), { darkDelay })),
  );
  if (!before || !after) throw new Error('no sites');
  const recorded = new RecordedSite(join(folder, 'data'), before);
  await recorded.open();
  await recorded.pass(5);
  if (snapshot) await recorded.snapshot();
  await recorded.put({ kind: 'site', site: after });
  await recorded.pass(5);
  // Nothing is saved on the way out.
  await recorded.drop();
  const sources = openSources(join(folder, 'data'));
  expect((await firstSite(sources))?.hash).toBe(before.hash);
  expect((await lastSite(sources))?.hash).toBe(after.hash);
  await sources.close();
});
