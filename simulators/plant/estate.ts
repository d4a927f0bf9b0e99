/** What stands in Lamplight Garden, as `docs/demo-estate.md` counts it. */
export const estate = {
  latitude: 23.1,
  longitude: 113.32,
  /** The estate's zone has no summer time, so that an offset is enough. */
  utcOffsetMs: 8 * 3_600_000,
  lifts: [
    { key: 'lift-1', floors: 16 },
    { key: 'lift-2', floors: 16 },
    { key: 'lift-3', floors: 26 },
    { key: 'lift-4', floors: 26 },
    { key: 'lift-5', floors: 26 },
    { key: 'lift-6', floors: 9 },
  ],
  doors: numbered('door-', 8, 1),
  recorder: 'nvr-1',
  cameras: numbered('camera-', 24, 2),
  firePumps: ['fire-pump-1', 'fire-pump-2'],
  intercoms: numbered('intercom-', 6, 1),
  feeders: [
    { key: 'feeder-1', lamps: 23, dark: 2 },
    { key: 'feeder-2', lamps: 31, dark: 3 },
    { key: 'feeder-3', lamps: 13, dark: 9 },
  ],
  buildings: [
    { key: 'building-1', dark: 37, floors: floors('b1-f', 16, 2, () => 8) },
    { key: 'building-2', dark: 93, floors: floors('b2-f', 26, 2, (floor) => (floor === 26 ? 6 : 8)) },
    { key: 'building-3', dark: 7, floors: floors('b3-f', 9, 1, (floor) => (floor === 1 ? 5 : 4)) },
  ],
} as const;

function numbered(prefix: string, count: number, digits: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => prefix + String(i + 1).padStart(digits, '0'));
}

function floors(prefix: string, count: number, digits: number, lampsOn: (floor: number) => number) {
  return numbered(prefix, count, digits).map((key, i) => ({ key, lamps: lampsOn(i + 1) }));
}

/** Hour of the day at the estate, 0 to 24 with fraction. */
export function hourOfDay(epochMs: number): number {
  return ((((epochMs + estate.utcOffsetMs) / 3_600_000) % 24) + 24) % 24;
}
