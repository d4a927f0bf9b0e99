const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
  ['ms', 1],
];

const SPAN = /^[+-]?(\d+(\.\d+)?(d|h|min|s|ms))+$/;

/** Milliseconds of a span of time as a case writes it: `30s`, `+1h30min`, `-300s`. Throws where it is none. */
export function spanMs(text: string): number {
  if (!SPAN.test(text)) throw new Error(`“${text}” is no span of time such as +1h30min`);
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(d|h|min|ms|s)/g)) {
    total += Number(number) * (UNITS.find(([name]) => name === unit)?.[1] ?? Number.NaN);
  }
  return Math.round(text.startsWith('-') ? -total : total);
}

/** A span of time in its one form, with sign, largest units first: `+1h30min`. */
export function spanText(ms: number): string {
  let rest = Math.abs(ms);
  let text = '';
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return `${ms < 0 ? '-' : '+'}${text === '' ? '0s' : text}`;
}

/** Epoch ms of a moment as a case writes it: a span from `startMs`, or an ISO time with its offset from UTC. */
export function momentMs(text: string, startMs: number): number {
  if (SPAN.test(text)) return startMs + spanMs(text);
  const ms = /T.*(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new Error(`“${text}” is neither a span such as +30s nor a time such as 2026-06-15T21:00+08:00`);
  return ms;
}
