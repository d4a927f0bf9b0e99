import { deepStrictEqual, ok } from 'node:assert/strict';
import fc from 'fast-check';
import type { Action } from '../../model/log.ts';
import type { Site } from '../../model/site.ts';
import { openActivations } from '../../rules/alarms/activation.ts';
import { alarmHealth } from '../../rules/alarms/alarm-health.ts';
import { rateDetail, systemFigures } from '../../rules/rates/figures.ts';
import { restoreSnapshot, type Snapshot, takeSnapshot } from '../../rules/snapshot.ts';
import { richSite } from './rich-site.ts';
import { plan, START_MS, Timeline, text } from './timeline.ts';

const pointKeys = richSite.assets.flatMap(({ points }) => points.map(({ key }) => key));
const assetKeys = richSite.assets.map(({ key }) => key);
const ruleKeys = ['gateway:self', 'link:bus', 'rate:streetlight:lit', 'rate:streetlight:night'];
const alarmKeys = [
  'trip',
  'lamp-out',
  'unsteady',
  'data-lost',
  'failed',
  'high',
  'filling',
  'below-target',
  'warranty-due',
  'disk-not-written',
];

/** What one history holds at most. */
const MAX_EVENTS = 60;

/** Something that can happen at a site; numbers are places and shares, so that every one of them can happen always. */
type Event = {
  readonly kind: (typeof kinds)[number] | 'site';
  readonly a: number;
  readonly b: number;
  readonly c: number;
};

/** By weight: a kind that stands here more often happens more often. */
const kinds = [
  ...['sample', 'sample', 'sample', 'late', 'late', 'late', 'batch', 'well', 'well', 'pass', 'pass', 'pass'],
  ...['jump', 'link', 'restart', 'act', 'act', 'act', 'health'],
] as const;
// Not fc.double, which is even over bit patterns: nearly all of its numbers are next to nothing.
const share = fc.nat({ max: 999_999 }).map((parts) => parts / 1_000_000);
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.record({ kind: fc.constantFrom(...kinds), a: share, b: share, c: share }),
  { minLength: 1, maxLength: MAX_EVENTS, size: 'max' },
);

/** The same, and now and then another site file. */
const eventsAndSites: fc.Arbitrary<Event[]> = fc.array(
  fc.record({ kind: fc.constantFrom<Event['kind'][]>(...kinds, 'site'), a: share, b: share, c: share }),
  { minLength: 1, maxLength: MAX_EVENTS, size: 'max' },
);

/** What the site file can become: an asset less, one with another name, other alarms, planned work that is dropped. */
const sites: readonly Site[] = [
  richSite,
  { ...richSite, hash: 'fewer', assets: richSite.assets.filter(({ key }) => key !== 'lamp-2') },
  {
    ...richSite,
    hash: 'other-dates',
    assets: richSite.assets.map((asset) => (asset.warrantyUntil ? { ...asset, warrantyUntil: '2026-08-20' } : asset)),
    systems: richSite.systems.map((system) => ({ ...system, rates: system.rates.toReversed() })),
  },
  { ...richSite, hash: 'signed', assets: richSite.assets.map(({ commissioning: _, ...rest }) => rest) },
  {
    ...richSite,
    hash: 'other-alarms',
    planned: [],
    profiles: Object.fromEntries(
      Object.entries(richSite.profiles).map(([key, profile]) => [
        key,
        { ...profile, alarms: profile.alarms.toReversed() },
      ]),
    ),
  },
];

const pick = <T>(from: readonly T[], place: number): T => from[Math.floor(place * from.length)] as T;

/** A value that the point could have. */
function valueFor(key: string, place: number): number {
  if (key.endsWith('power')) return pick([0, 3, 60, 60, Number.NaN], place);
  if (key.endsWith('level')) return pick([0.5, 1.4, 1.8, 2.5, Number.NaN], place);
  return pick([0, 1, 1, Number.NaN], place);
}

function one(point: number, value: number): Record<string, number> {
  const key = pick([...pointKeys, 'pump/failed', 'pump/level', 'feeder/closed'], point);
  return { [key]: valueFor(key, value) };
}

/** What every point says while all is well. */
const well = Object.fromEntries(
  pointKeys.map((key) => [key, key.endsWith('power') ? 60 : key.endsWith('closed') ? 1 : 0]),
);

/** A site at which all has been well for some minutes, and the pumps were tested. */
function began(): Timeline {
  const line = new Timeline(richSite);
  line.report({ ...well, 'pump/testing': 1, 'new/testing': 1 });
  line.run(150, well);
  return line;
}

function happen(line: Timeline, { kind, a, b, c }: Event): void {
  switch (kind) {
    case 'sample':
      return void line.report(one(a, b), line.nowMs - Math.floor(c * 2000));
    case 'late':
      return void line.report(one(a, b), line.nowMs - Math.floor(c * c * 660_000) + 5000);
    case 'batch':
      return void line.report(Object.fromEntries(pointKeys.map((key, n) => [key, valueFor(key, (a + n * b) % 1)])));
    case 'well':
      return line.run(1 + Math.floor(a * 120), well);
    case 'site':
      return void line.put({ kind: 'site', site: pick(sites, a) });
    case 'link':
      return void line.put({
        kind: 'link',
        link: pick(['bus', 'cabinet'], a),
        up: b > 0.4,
        atMs: line.nowMs,
        reason: b > 0.4 ? null : text('cut'),
      });
    case 'pass':
      return line.run(1 + Math.floor(a * 60), b > 0.3 ? one(c, b) : {});
    case 'health':
      return void line.put({
        kind: 'health',
        figures: {
          logFailing: a > 0.5 ? 1 : 0,
          stateFailing: 0,
          historyBehindMin: pick([0, 5, 12, Number.NaN], b),
          logLostSamples: pick([0, 3, 40], c),
          ofALaterVersion: 1,
        },
      });
    case 'jump':
      line.nowMs += Math.floor(a ** 6 * 30_000_000);
      return void line.put({ kind: 'tick' });
    case 'restart':
      line.nowMs += Math.floor(a ** 6 * 60_000_000);
      return void line.put({ kind: 'start', version: 'test' });
    case 'act':
      return void line.put({ kind: 'action', action: actionOf(line, a, b, c) });
  }
}

/** Any action, on anything, whether it can be taken or not: the engine leaves out what is refused. */
function actionOf(line: Timeline, a: number, b: number, c: number): Action {
  const asset = pick([...assetKeys, ...ruleKeys, 'pump', 'pump'], b);
  const activationId = pick(openActivations(line.state), b)?.activationId ?? 'none';
  const alarm = pick(alarmKeys, c);
  const ahead = line.nowMs + Math.floor(c * 7_200_000);
  const back = line.nowMs - Math.floor(c * 7_200_000);
  const by = 'x';
  const reason = 'because';
  return pick<Action>(
    [
      { by, type: 'acknowledge', activationId },
      { by, type: 'acknowledge', activationId },
      { by, type: 'reset', activationId },
      { by, type: 'shelve', asset, alarm, untilMs: c > 0.5 ? ahead : null, reason },
      { by, type: 'unshelve', asset, alarm },
      { by, type: 'take-out-of-service', asset, reason },
      { by, type: 'return-to-service', asset },
      { by, type: 'plan', asset, fromMs: ahead, toMs: ahead + 600_000, reason },
      { by, type: 'cancel-plan', asset, fromMs: line.state.decisions.plans[0]?.fromMs ?? 0 },
      { by, type: 'exclude', asset, fromMs: back, toMs: back + Math.floor(c * 600_000), reason },
      { by, type: 'sign-off', points: ['new/failed', pick(['new/testing', 'new/level'], c)] },
      { by, type: 'open-job', asset, untilMs: ahead },
      { by, type: 'close-job', asset },
    ],
    a,
  );
}

function picture(line: Timeline): unknown {
  const { state } = line;
  return {
    open: openActivations(state),
    figures: systemFigures(state, plan(state), 0, line.nowMs),
    groups: [0, 1, 2, 3].map((rateNo) => rateDetail(state, plan(state), 0, rateNo, line.nowMs)?.groups),
    health: alarmHealth(state.health, openActivations(state), line.nowMs),
    times: assetKeys.filter((key) => plan(state).assetIndex.has(key)).map((key) => line.times(key)),
    decisions: state.decisions,
    counters: state.counters,
  };
}

/** What holds at a site whatever happens there; `runs` is how many histories `npm test` tries of it. */
export const properties: readonly {
  readonly name: string;
  readonly property: fc.IProperty<unknown>;
  readonly runs: number;
}[] = [
  {
    name: 'the five classes of every asset add up to the time that has passed, in sums and in stretches',
    runs: 40,
    property: fc.property(events, (happenings) => {
      const line = began();
      for (const event of happenings) happen(line, event);
      const { ledger } = line.state;
      const { calendar, assets, rateTracks } = plan(line.state);
      const [first, last] = [calendar.halfDay(START_MS).index, calendar.halfDay(line.nowMs).index];
      for (let track = 0; track < assets.length + rateTracks.length; track++) {
        const sums = ledger.times.total(track, first, last, new Float64Array(5));
        const closed = sums.reduce((sum, ms) => sum + ms, 0);
        deepStrictEqual(closed + line.nowMs - (ledger.sinceMs[track] as number), line.nowMs - START_MS);
        const stretches = ledger.stretches(track, START_MS, line.nowMs);
        deepStrictEqual(
          stretches.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0),
          line.nowMs - START_MS,
        );
        const ofStretches = [0, 0, 0, 0, 0];
        for (const { classNo, fromMs, toMs } of stretches)
          ofStretches[classNo] = (ofStretches[classNo] ?? 0) + toMs - fromMs;
        const present = ledger.classes[track] as number;
        sums[present] = (sums[present] as number) + line.nowMs - (ledger.sinceMs[track] as number);
        deepStrictEqual(ofStretches, [...sums]);
      }
    }) as fc.IProperty<unknown>,
  },
  {
    name: 'low ≤ value ≤ high and strict ≤ value, of every rate and group; no figure where nothing is known',
    runs: 40,
    property: fc.property(events, (happenings) => {
      const line = began();
      for (const event of happenings) happen(line, event);
      const all = [0, 1, 2, 3].flatMap((rateNo) => {
        const detail = rateDetail(line.state, plan(line.state), 0, rateNo, line.nowMs);
        return detail ? [detail.rate, ...detail.groups] : [];
      });
      for (const { value, low, high, strict, coverage, verdict } of all) {
        if (value !== null) ok((low ?? 0) <= value && value <= (high ?? 1));
        if (value !== null && strict !== null) ok(strict <= value);
        if (coverage !== null) ok(coverage >= 0 && coverage <= 1);
        deepStrictEqual(verdict === 'none', low === null);
      }
    }) as fc.IProperty<unknown>,
  },
  {
    name: 'a snapshot at any record, and the tail after it, give the same changes, alarms and figures as the live run, across site files',
    runs: 30,
    property: fc.property(
      eventsAndSites,
      fc.array(fc.nat({ max: MAX_EVENTS - 1 }), { minLength: 1, maxLength: 5 }),
      (happenings, crashes) => {
        const live = began();
        const crashed = began();
        happenings.forEach((event, place) => {
          if (crashes.includes(place)) {
            const restored = restoreSnapshot(JSON.parse(JSON.stringify(takeSnapshot(crashed.state))) as Snapshot);
            if (!restored) throw new Error('no state');
            crashed.state = restored;
          }
          happen(live, event);
          happen(crashed, event);
        });
        deepStrictEqual(crashed.changes, live.changes);
        deepStrictEqual(picture(crashed), picture(live));
      },
    ) as fc.IProperty<unknown>,
  },
  {
    name: 'no alarm stays once its condition is gone and its delays are over, but those that latch',
    runs: 12,
    property: fc.property(events, (happenings) => {
      const line = began();
      for (const event of happenings) happen(line, event);
      for (const link of ['bus', 'cabinet']) line.put({ kind: 'link', link, up: true, atMs: line.nowMs, reason: null });
      // Long enough for the longest window and for chattering to be over.
      for (let minute = 0; minute < 25; minute++) {
        line.nowMs += 30_000;
        line.report(well);
        line.put({
          kind: 'health',
          figures: { logFailing: 0, stateFailing: 0, historyBehindMin: 0, logLostSamples: 40 },
        });
        line.put({ kind: 'tick' });
      }
      line.run(180, well);
      // A window that is lost stays so until it ends, and a warranty until it is over.
      const open = openActivations(line.state).filter(({ alarm }) => !['target-lost', 'warranty-due'].includes(alarm));
      const standing = open.filter(({ state, alarm }) =>
        alarm === 'failed' ? state === 'acknowledged' : state !== 'returned-unacknowledged',
      );
      deepStrictEqual(standing, []);
    }) as fc.IProperty<unknown>,
  },
  {
    name: 'life safety is silent for nobody: a priority 1 alarm that is raised has called, or is in commissioning',
    runs: 40,
    property: fc.property(events, (happenings) => {
      const line = began();
      for (const event of happenings) happen(line, event);
      for (const change of line.changes) {
        if (change.kind !== 'alarm' || change.activation.priority !== 1) continue;
        const { silence, annunciations } = change.activation;
        ok(silence === 'commissioning' || annunciations > 0 || change.event === 'normal');
        ok(silence === null || silence === 'commissioning');
      }
    }) as fc.IProperty<unknown>,
  },
];
