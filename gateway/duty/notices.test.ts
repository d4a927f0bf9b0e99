import { expect, test } from 'vitest';
import type { Activation, AlarmEvent } from '../../model/alarm.ts';
import type { Person, Site } from '../../model/site.ts';
import { raisedAlarm } from '../../test/support/raised-alarm.ts';
import { noticesFor } from './notices.ts';

const text = { zh: '文', en: 'text' };
const webhook = { kind: 'webhook', settings: {} };

function person(key: string, more: Partial<Person> = {}): Person {
  return { key, name: { zh: key, en: key }, upToPriority: 4, channels: [webhook], ...more };
}

const people = [
  person('zhang', { name: { zh: '张三', en: 'Zhang San' } }),
  person('li', { channels: [webhook, webhook] }),
  person('wang', { upToPriority: 2 }),
  person('mute', { channels: [] }),
];
const site: Site = {
  key: 'test',
  name: text,
  timeZone: 'Asia/Shanghai',
  latitude: 0,
  longitude: 0,
  systems: [],
  links: [],
  assets: [],
  profiles: {},
  people,
  planned: [],
  campaigns: [],
  hash: 'x',
};

/** Ids of the notices that an event asks for, without the activation's own. */
function ids(event: AlarmEvent, more: Partial<Activation> = {}): string[] {
  const activation = raisedAlarm({ activationId: 'a', alarm: 'stopped', ...more });
  return noticesFor({ kind: 'alarm', event, atMs: 0, activation }, site).map(({ id }) => id.replace(/^a~/, ''));
}

const everybody = ['raised~zhang~0', 'raised~li~0', 'raised~li~1', 'raised~wang~0'];

test('an alarm calls those whom its priority concerns, by each of their channels', () => {
  expect(ids('raised')).toEqual(everybody);
  expect(ids('raised', { priority: 3 })).toEqual(everybody.slice(0, 3));
});

test('an alarm that is silent calls nobody, and nobody hears of its end', () => {
  for (const silence of ['shelved', 'suppressed', 'out-of-service', 'planned', 'commissioning'] as const) {
    expect(ids('raised', { silence, annunciations: 0 })).toEqual([]);
  }
  expect(ids('returned', { silence: 'planned', annunciations: 0 })).toEqual([]);
});

test('each call but the first has an id of its own', () => {
  // Silent when it was raised, so that the first call is a later event.
  expect(ids('annunciated')).toEqual(everybody);
  expect(ids('annunciated', { annunciations: 2, priority: 3 })).toEqual([
    'raised.2~zhang~0',
    'raised.2~li~0',
    'raised.2~li~1',
  ]);
});

test('the end is owed once, to all who can have been told, although the alarm is silent by then', () => {
  const ends = ['returned~zhang~0', 'returned~li~0', 'returned~li~1', 'returned~wang~0'];
  expect(ids('returned', { annunciations: 3 })).toEqual(ends);
  expect(ids('returned', { silence: 'shelved' })).toEqual(ends);
});

test.each(['zhang', '张三', 'Zhang San'])(
  '%s, who opened a job, is called first, the others at the escalation',
  (by) => {
    expect(ids('raised', { firstTold: by })).toEqual(['raised~zhang~0']);
    expect(ids('escalated', { firstTold: by })).toEqual(['raised~li~0', 'raised~li~1', 'raised~wang~0']);
  },
);

test('an alarm that calls afresh calls everybody', () => {
  expect(ids('annunciated', { firstTold: 'zhang' })).toEqual(everybody);
});

test.each([
  ['is not among the people', 'contractor', 1],
  ['cannot be reached', 'mute', 1],
  ['is not concerned', 'wang', 3],
] as const)('where whoever opened a job %s, everybody is called at once', (_, firstTold, priority) => {
  const all = ids('raised', { priority });
  expect(all.length).toBeGreaterThan(2);
  expect(ids('raised', { firstTold, priority })).toEqual(all);
  // The same notices, so that nobody is called twice.
  expect(ids('escalated', { firstTold, priority })).toEqual(all);
});

test.each(['acknowledged', 'silenced', 'unsilenced', 'chattering', 'normal'] as const)('%s tells nobody', (event) => {
  expect(ids(event)).toEqual([]);
});
