import { describe, expect, it } from 'vitest';
import { siteTimeInput, siteTimeMs } from './site-time.ts';

describe('siteTimeMs', () => {
  it.each([
    ['2026-06-15T20:30', 'Asia/Shanghai', Date.UTC(2026, 5, 15, 12, 30)],
    ['2026-06-01T00:00', 'Asia/Shanghai', Date.UTC(2026, 4, 31, 16)],
    ['2026-07-01T09:00', 'Europe/Berlin', Date.UTC(2026, 6, 1, 7)],
    ['2026-01-01T09:00', 'America/New_York', Date.UTC(2026, 0, 1, 14)],
    // An hour before and after the clocks go forward, and back.
    ['2026-03-29T01:30', 'Europe/Berlin', Date.UTC(2026, 2, 29, 0, 30)],
    ['2026-03-29T03:30', 'Europe/Berlin', Date.UTC(2026, 2, 29, 1, 30)],
    ['2026-10-25T01:30', 'Europe/Berlin', Date.UTC(2026, 9, 24, 23, 30)],
    ['2026-10-25T03:30', 'Europe/Berlin', Date.UTC(2026, 9, 25, 2, 30)],
    ['2026-06-15T20:30', 'Asia/Kolkata', Date.UTC(2026, 5, 15, 15, 0)],
  ])('%s in %s', (text, timeZone, ms) => {
    expect(siteTimeMs(text, timeZone)).toBe(ms);
    expect(siteTimeInput(ms, timeZone)).toBe(text);
  });

  it('reads an hour that is left out as the one after', () => {
    expect(siteTimeMs('2026-03-29T02:30', 'Europe/Berlin')).toBe(Date.UTC(2026, 2, 29, 1, 30));
  });

  it.each(['', 'now', '2026-13-01T00:00'])('%j is no time', (text) => {
    expect(siteTimeMs(text, 'Asia/Shanghai')).toBeUndefined();
  });
});
