import { expect, test } from 'vitest';
import { BatchBuilder } from '../../model/sample.ts';
import { splitBatch } from './split-batch.ts';

test('parts hold the same samples in the same order, texts and details with them', () => {
  const builder = new BatchBuilder();
  for (let i = 0; i < 7; i++) {
    if (i % 3 === 0) builder.text(i, i, i, `text ${i}`);
    else if (i % 3 === 1) builder.bad(i, i, i, 'timeout', `detail ${i}`);
    else builder.good(i, i, i, i * 10);
  }
  const batch = builder.take();
  const parts = splitBatch(batch, 3);
  expect(parts.map((part) => part.length)).toEqual([3, 3, 1]);
  const seen = parts.flatMap((part) =>
    Array.from(part.point, (point, row) => ({
      point,
      value: part.value[row],
      quality: part.quality[row],
      text: part.texts.get(row),
      detail: part.details.get(row),
    })),
  );
  expect(seen.map((sample) => sample.point)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  const none = undefined;
  expect(seen.map((sample) => sample.text)).toEqual(['text 0', none, none, 'text 3', none, none, 'text 6']);
  expect(seen.map((sample) => sample.detail)).toEqual([none, 'detail 1', none, none, 'detail 4', none, none]);
  expect(seen[2]?.value).toBe(20);
});

test('a short batch is left as it is', () => {
  const builder = new BatchBuilder();
  builder.good(1, 1, 1, 1);
  const batch = builder.take();
  expect(splitBatch(batch, 1)).toEqual([batch]);
  expect(splitBatch(batch, 1)[0]).toBe(batch);
});
