import { expect, test } from 'vitest';
import { momentFormat } from './moment.ts';
import { startProgress } from './progress.ts';

function told(isTTY: boolean): string[] {
  const written: string[] = [];
  let nowMs = 0;
  const progress = startProgress({
    stream: { isTTY, write: (text: string) => written.push(text) },
    language: 'en',
    formatMs: momentFormat('Asia/Shanghai'),
    toMs: 100_000,
    now: () => nowMs,
  });
  for (let second = 0; second <= 25; second++) {
    nowMs = second * 1000;
    progress.at(second * 10, second * 4000);
  }
  progress.end();
  return written;
}

test('writes a line per ten seconds where nobody watches', () => {
  expect(told(false)).toEqual([
    'replayed up to 1970-01-01T08:00:40.000 (40 %), 100 records\n',
    'replayed up to 1970-01-01T08:01:20.000 (80 %), 200 records\n',
  ]);
});

test('writes one line over and over on a terminal, and takes it away', () => {
  const written = told(true);
  expect(written).toHaveLength(26);
  expect(written[0]).toBe('\r\x1b[Kreplayed up to 1970-01-01T08:00:04.000 (4 %), 10 records');
  expect(written.at(-1)).toBe('\r\x1b[K');
});
