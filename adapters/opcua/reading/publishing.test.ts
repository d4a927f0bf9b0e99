import { expect, test } from 'vitest';
import { silentAfter } from './publishing.ts';

test.each([
  ['three keep-alives', 4_000, 12_000],
  ['not less than a server may be busy', 10, 5_000],
  ['not hours, whatever a server grants', 86_400_000, 600_000],
  ['what is no number is no excuse', Number.NaN, 600_000],
])('a subscription is silent after %s', (_what, keepAliveMs, ms) => {
  expect(silentAfter(keepAliveMs)).toBe(ms);
});
