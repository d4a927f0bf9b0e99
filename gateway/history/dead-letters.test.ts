import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { DeadLetters } from './dead-letters.ts';

const T = Date.UTC(2026, 10, 24, 11);
const letter = (line: string) => ({ reason: 'HTTP 400: no', line });
const textOf = (dir: string) => {
  const files = readdirSync(dir).sort();
  return files.map((file) => readFileSync(join(dir, file), 'utf8'));
};

test('keeps each letter as one line that can be read and sent again', async () => {
  const dir = join(tempFolder(), 'letters');
  const letters = new DeadLetters(dir);
  await letters.add([], T);
  await letters.add([letter('a b="two\nlines" 1')], T);
  await new DeadLetters(dir).add([letter('c d=1 2')], T + 5);
  expect(readdirSync(dir)).toEqual(['2026-11-24T11-00-00-000Z.jsonl']);
  expect(
    textOf(dir)[0]
      ?.trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { time: '2026-11-24T11:00:00.000Z', reason: 'HTTP 400: no', line: 'a b="two\nlines" 1' },
    { time: '2026-11-24T11:00:00.005Z', reason: 'HTTP 400: no', line: 'c d=1 2' },
  ]);
});

test('is bounded: the oldest file goes first, also over a restart, and what is not ours stays', async () => {
  const dir = tempFolder();
  writeFileSync(join(dir, 'notes.txt'), 'kept');
  let turn = 0;
  for (const _restart of [1, 2]) {
    const letters = new DeadLetters(dir, 4000);
    for (let count = 0; count < 50; count++) {
      await letters.add([letter(`m value=${turn} ${'x'.repeat(100)}`)], T + turn);
      turn++;
    }
  }
  const all = textOf(dir).join('');
  expect(all.length).toBeLessThan(4000 + 200);
  expect(all).toContain('value=99 ');
  expect(all).not.toContain('value=50 ');
  expect(all).toContain('kept');
});

test('is bounded also after the clock was set back', async () => {
  const dir = tempFolder();
  const letters = new DeadLetters(dir, 4000);
  for (let count = 0; count < 100; count++) {
    await letters.add([letter(`m value=${count} ${'x'.repeat(100)}`)], T - count * 60_000);
  }
  const all = textOf(dir).join('');
  expect(all.length).toBeLessThan(4000 + 200);
  expect(all).toContain('value=99 ');
});
