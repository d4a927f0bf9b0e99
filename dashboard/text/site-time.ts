const MINUTE_MS = 60_000;

/** A moment as an input of type `datetime-local` writes it, in the site's zone: `2026-06-15T20:30`. */
export function siteTimeInput(ms: number, timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' })
    .format(ms)
    .replace(' ', 'T');
}

/**
 * Epoch ms of what such an input holds, read as time of the site, whatever the browser's own zone is; undefined for what
 * is no time. Of an hour that comes twice it is one, and one that is left out counts as the one after.
 */
export function siteTimeMs(text: string, timeZone: string): number | undefined {
  const wallMs = Date.parse(`${text}Z`);
  if (Number.isNaN(wallMs)) return undefined;
  const offsetMs = (ms: number) =>
    Date.parse(`${siteTimeInput(ms, timeZone)}Z`) - Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  // The offset at the wall time read as UTC is that of at most a day away; at what follows from it, it is the right one.
  return wallMs - offsetMs(wallMs - offsetMs(wallMs));
}
