import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { openDatabase } from '../storage/open-database.ts';
import { historyMigrations } from './embedded-schema.ts';
import { EmbeddedStore } from './embedded-store.ts';
import { openHistoryForReading } from './read-history.ts';

const HOUR_MS = 3_600_000;
const START_MS = 490_000 * HOUR_MS;

/** A data folder with a sample of two points in each ten minutes of three hours, the first two of them in chunks. */
function filled(): { dir: string; store: EmbeddedStore } {
  const dir = tempFolder();
  const store = new EmbeddedStore(openDatabase(join(dir, 'history', 'history.db'), historyMigrations), {
    retentionMs: 1e12,
    maxBytes: 1e12,
  });
  for (let n = 0; n < 18; n++) {
    const ms = START_MS + n * 600_000;
    store.write({
      point: Uint32Array.of(1, 2),
      ms: Float64Array.of(ms, ms + 1),
      ordinal: Float64Array.of(2 * n, 2 * n + 1),
      value: Float64Array.of(n, Number.NaN),
      quality: Uint8Array.of(0, 0),
      texts: new Map([[1, `text ${n}`]]),
      newestMs: ms,
    });
    while (store.untidy) store.tidy();
  }
  return { dir, store };
}

test('gives every sample once, of chunks and of what is recent, while the store is open', () => {
  const { dir, store } = filled();
  const history = openHistoryForReading(dir);
  if (!history) throw new Error('no history');
  const values: number[] = [];
  const texts: string[] = [];
  // From a quarter past, so that each question reaches over two chunks.
  for (let from = START_MS - 45 * 60_000; from < START_MS + 4 * HOUR_MS; from += HOUR_MS) {
    const found = history.samples([1, 2, 3], from, from + HOUR_MS);
    values.push(...(found.get(1)?.value ?? []));
    texts.push(...(found.get(2)?.texts.values() ?? []));
    expect(found.has(3)).toBe(false);
    for (const { ms } of found.values()) expect(ms.every((at) => at >= from && at < from + HOUR_MS)).toBe(true);
  }
  expect(values).toEqual(Array.from({ length: 18 }, (_, n) => n));
  expect(texts).toEqual(Array.from({ length: 18 }, (_, n) => `text ${n}`));
  expect(history.samples([1], START_MS, START_MS + 600_001).get(1)?.ms).toEqual(
    Float64Array.of(START_MS, START_MS + 600_000),
  );
  expect(() => history.samples([1], START_MS, START_MS + HOUR_MS + 1)).toThrow(RangeError);
  history.close();
  store.close();
});

test('there is none in a folder without one', () => {
  expect(openHistoryForReading(tempFolder())).toBeUndefined();
});
