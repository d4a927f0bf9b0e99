/** Ms between two moments at which a zone's offset may change at least: all changes are at a quarter of an hour. */
const OFFSET_STEP_MS = 900_000;
/** Beyond these times, which a Date cannot hold with every offset, the ms themselves are written. */
const MAX_STAMP_MS = 8.64e15 - 86_400_000;

/**
 * Gives a function that writes epoch ms as ISO 8601 with a zone's offset, `2026-06-15T20:30:00.000+08:00`; times that no
 * Date holds stay numbers. Times that follow each other closely are quick.
 */
export function stampFormat(timeZone: string): (ms: number) => string {
  const offsetName = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  let step = Number.NaN;
  let offsetMs = 0;
  let offset = '';
  return (ms) => {
    if (!(Math.abs(ms) <= MAX_STAMP_MS)) return String(ms);
    const thisStep = Math.floor(ms / OFFSET_STEP_MS);
    if (thisStep !== step) {
      step = thisStep;
      const name = offsetName.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? '';
      const [, sign = '+', hours = '00', minutes = '00'] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
      offset = `${sign}${hours}:${minutes}`;
      offsetMs = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
    }
    return `${new Date(ms + offsetMs).toISOString().slice(0, -1)}${offset}`;
  };
}
