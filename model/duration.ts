const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Regular expression of a duration as people write it in site files and profiles: `500ms`, `1.5s`, `10min`, `2h`, `1d`. */
export const DURATION_PATTERN = '^\\d+(\\.\\d+)?(ms|s|min|h|d)$';

/** Milliseconds of a duration text such as `1.5s`, rounded to whole ones; undefined where it is not one. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|min|h|d)$/.exec(text);
  const unitMs = UNIT_MS[match?.[2] ?? ''];
  if (match === null || unitMs === undefined) return undefined;
  return Math.round(Number(match[1]) * unitMs);
}
