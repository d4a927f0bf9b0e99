import { expect, test } from 'vitest';
import { parseScan } from './scan-options.ts';

test('browse, which nobody types as an option, is refused as such', () => {
  expect(parseScan({ points: 'true' })).toMatchObject({
    ok: false,
    text: { zh: expect.stringMatching(/browse.*scan/), en: expect.stringMatching(/browse.*scan/) },
  });
  expect(parseScan({ topic: '#' })).toMatchObject({ ok: false, text: { en: expect.stringContaining('--topic') } });
});
