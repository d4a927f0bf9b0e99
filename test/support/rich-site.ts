import type { Profile, Site } from '../../model/site.ts';
import { alarm, asset, text } from './timeline.ts';

const fast = (kind: 'bool' | 'double') => ({ kind, name: text('point'), staleAfterMs: 45_000 }) as const;

const feeder: Profile = {
  key: 'feeder',
  name: text('feeder'),
  points: { closed: fast('bool') },
  up: 'closed',
  childrenDead: '!closed',
  alarms: [alarm('trip', { priority: 2, when: '!closed', causesChildren: true, onDelayMs: 1000 })],
};

const lamp: Profile = {
  key: 'lamp',
  name: text('lamp'),
  points: { power: fast('double') },
  up: 'power > 5',
  required: 'site.dark',
  alarms: [
    alarm('lamp-out', { priority: 4, when: 'site.dark && power <= 5', onDelayMs: 2000 }),
    alarm('unsteady', { priority: 4, when: "changes(power, '10min') > 3", returnWhen: "changes(power, '10min') < 2" }),
    alarm('data-lost', { priority: 4, onDelayMs: 5000 }),
  ],
};

const pump: Profile = {
  key: 'pump',
  name: text('pump'),
  points: { failed: fast('bool'), testing: fast('bool'), level: fast('double') },
  up: '!failed',
  proven: 'since(testing) < 3600',
  alarms: [
    alarm('failed', { priority: 1, when: 'failed', latching: true, testWhen: 'testing', onDelayMs: 1000 }),
    alarm('high', {
      priority: 2,
      when: "avg(level, '2min') > 1.5 || held(level > 2, '30s')",
      returnWhen: 'level < 1.2',
      suppressWhen: 'testing',
      reAlarmMs: 600_000,
    }),
    alarm('filling', { priority: 3, when: "delta(level, '1min') > 1", masks: ['high'] }),
  ],
};

/** A site in which every part of the engine has something to do, for tests of what holds whatever happens. */
export const richSite: Site = {
  key: 'rich',
  name: text('rich'),
  timeZone: 'Asia/Shanghai',
  latitude: 23.1,
  longitude: 113.3,
  systems: [
    {
      key: 'streetlight',
      name: text('street lights'),
      rates: [
        { key: 'lit', name: text('lit'), profile: 'lamp', window: 'live', counted: true, target: 0.95 },
        {
          key: 'night',
          name: text('night'),
          profile: 'lamp',
          window: 'night',
          counted: false,
          target: 0.95,
          alarm: true,
        },
        {
          key: 'month',
          name: text('month'),
          window: 'month',
          counted: false,
          target: 0.9,
          coverageTarget: 0.8,
          per: 'contractor',
        },
        {
          key: 'bright',
          name: text('bright'),
          profile: 'lamp',
          window: 'campaign',
          campaign: 'june',
          counted: false,
          target: 0.5,
          good: 'power > 30',
          due: 'site.dark',
          per: 'group',
        },
      ],
    },
  ],
  links: [
    { key: 'cabinet', name: text('cabinet'), protocol: 'modbus', settings: {} },
    { key: 'bus', name: text('bus'), protocol: 'mqtt', settings: {} },
  ],
  assets: [
    { ...asset('feeder', feeder, 'cabinet'), contractor: 'han' },
    ...['lamp-1', 'lamp-2', 'lamp-3'].map((key) => ({
      ...asset(key, lamp, 'bus', 'feeder'),
      group: key === 'lamp-3' ? 'south' : 'north',
      warrantyUntil: '2026-07-16',
    })),
    // Due already; those of the lamps are at midnight.
    { ...asset('pump', pump, 'cabinet'), warrantyUntil: '2026-07-15' },
    { ...asset('new', pump, 'cabinet'), commissioning: true },
  ],
  profiles: { feeder, lamp, pump },
  people: [],
  planned: [
    {
      key: 'cleaning',
      name: text('cleaning'),
      assets: ['feeder'],
      start: '2026-06-15T21:10',
      durationMs: 1_800_000,
      rule: 'FREQ=DAILY',
    },
  ],
  campaigns: [{ key: 'june', name: text('June'), from: '2026-06-10', to: '2026-06-20' }],
  hash: 'rich',
};
