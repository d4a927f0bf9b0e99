import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Activation, AlarmEvent, Priority } from '../../model/alarm.ts';
import { linkAssetKey } from '../../model/asset-key.ts';
import type { Channel, Notice } from '../../model/channel.ts';
import type { Outcome, PlacedChange } from '../../model/history.ts';
import type { Site } from '../../model/site.ts';
import { raisedAlarm } from '../../test/support/raised-alarm.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { until } from '../../test/support/until.ts';
import { Outbox } from '../engine/outbox.ts';
import { StateDb } from '../engine/state-db.ts';
import type { StateWork } from '../engine/state-messages.ts';
import { applyWork } from '../engine/state-work.ts';
import { type Duty, startDuty } from './duty.ts';
import { noticesFor } from './notices.ts';

/** Real ms for the worker to have done what is to be done. */
const WITHIN_MS = 10_000;

const text = { zh: '文', en: 'text' };
const webhook = { kind: 'webhook', settings: {} };
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
  people: [
    { key: 'zhang', name: text, upToPriority: 4, channels: [webhook] },
    { key: 'li', name: text, upToPriority: 2, channels: [] },
  ],
  planned: [],
  campaigns: [],
  hash: 'x',
};

let stateDb: StateDb;
let outbox: Outbox;
let duty: Duty;
let sent: Notice[];
let tried: Notice[];
let answer: (notice: Notice) => Outcome | Promise<Outcome>;
let people: Site['people'];
let usable: boolean;
let seq = 0;

beforeEach(() => {
  stateDb = new StateDb(tempFolder());
  const world = {
    stored: (id: string) => stateDb.entry(id),
    activation: (activationId: string) => stateDb.activation(activationId),
    write(work: StateWork, done: () => void) {
      applyWork(stateDb, work);
      done();
    },
  };
  outbox = new Outbox(world, stateDb.pendingOutbox());
  sent = [];
  tried = [];
  answer = () => ({ outcome: 'done' });
  people = site.people;
  usable = true;
  start();
});

function start(): void {
  const channel: Channel = {
    async send(notice) {
      tried.push(notice);
      const outcome = await answer(notice);
      if (outcome.outcome === 'done') sent.push(notice);
      return outcome;
    },
  };
  duty = startDuty({
    outbox,
    site: () => ({ ...site, people }),
    channelsOf: () => [usable ? channel : undefined],
    acknowledgeUrl: (activationId) => `http://x/a/${activationId}`,
    simulated: true,
    logger: { info: () => undefined, warn: () => undefined },
  });
}

afterEach(async () => {
  await duty.close();
  stateDb.close();
});

/** What the engine does with changes: stores them and the notices that they ask for, then wakes the worker. */
function happen(event: AlarmEvent, activations: readonly Activation[]): void {
  seq++;
  const changes = activations.map(
    (activation, ordinal): PlacedChange => ({
      logSeq: seq,
      ordinal,
      change: { kind: 'alarm', event, atMs: 0, activation },
    }),
  );
  const rows = changes.flatMap(({ change }) => noticesFor(change, { ...site, people }));
  stateDb.commit(seq, changes, rows);
  outbox.take(rows);
  outbox.placed(rows);
  duty.wake();
}

function activation(
  asset: string,
  priority: Priority,
  state: Activation['state'] = 'unacknowledged',
  more: Partial<Activation> = {},
): Activation {
  return raisedAlarm({ activationId: `${asset}.fault.1.0`, asset, priority, state, ...more });
}

const settled = () => until('nothing is owed', WITHIN_MS, () => stateDb.outboxCounts().pending === 0);

test('tells whom it concerns, once, and then that it is over', async () => {
  happen('raised', [activation('lift', 1)]);
  await settled();
  happen('raised', [activation('lift', 1)]);
  happen('returned', [activation('lift', 1, 'returned-unacknowledged')]);
  await settled();
  expect(sent.map(({ kind, person, asset }) => `${kind} ${person} ${asset.key}`)).toEqual([
    'raised zhang lift',
    'returned zhang lift',
  ]);
});

test('urgent alarms come one by one, the others of a kind as one notice that names them', async () => {
  happen('raised', [activation('lift-1', 2), activation('lift-2', 2)]);
  await settled();
  expect(sent).toHaveLength(2);
  sent = [];
  happen(
    'raised',
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((lamp) => activation(lamp, 4)),
  );
  await settled();
  expect(sent).toMatchObject([{ asset: { key: 'a' }, alsoCount: 7 }]);
  expect(sent[0]?.also).toHaveLength(5);
  expect(stateDb.outboxCounts()).toEqual({ pending: 0, sent: 10, refused: 0, stale: 0 });
});

test('two hundred links that one switch took down are a few notices, not two hundred calls', async () => {
  const links = Array.from({ length: 200 }, (_, n) => linkAssetKey(`line-${n}`));
  happen(
    'raised',
    links.map((link) => activation(link, 2)),
  );
  await settled();
  expect(sent.length).toBeLessThanOrEqual(2);
  expect(sent.reduce((count, { alsoCount }) => count + 1 + alsoCount, 0)).toBe(links.length);
  expect(sent[0]?.also.length, 'some by name').toBeGreaterThan(0);
  expect(stateDb.outboxCounts()).toEqual({ pending: 0, sent: 200, refused: 0, stale: 0 });
});

test('what a channel cannot take now is tried again, with the same id', async () => {
  const ids: string[] = [];
  answer = ({ id }) => {
    ids.push(id);
    return ids.length < 3 ? { outcome: 'retry', afterMs: 0, reason: 'busy' } : { outcome: 'done' };
  };
  happen('raised', [activation('lift', 1)]);
  await settled();
  expect(new Set(ids).size).toBe(1);
  expect(ids).toHaveLength(3);
  expect(duty.retries).toBe(2);
});

test('what a channel refuses for good is not tried again, and says why', async () => {
  answer = () => ({ outcome: 'refused', reason: 'HTTP 404' });
  happen('raised', [activation('lift', 1)]);
  await settled();
  expect(stateDb.entry('lift.fault.1.0~raised~zhang~0')).toMatchObject({ state: 'refused', lastError: 'HTTP 404' });
});

test('nobody is called for what was taken, or over, before the call went out', async () => {
  answer = () => ({ outcome: 'retry', afterMs: 0, reason: 'busy' });
  happen('raised', [activation('taken', 1), activation('over', 2)]);
  await until('both were tried', WITHIN_MS, () => duty.retries >= 2);
  answer = () => ({ outcome: 'done' });
  happen('acknowledged', [activation('taken', 1, 'acknowledged')]);
  happen('returned', [activation('over', 2, 'returned-unacknowledged')]);
  await settled();
  expect(sent).toEqual([]);
  expect(stateDb.outboxCounts()).toMatchObject({ stale: 3 });
});

test('a channel that throws is a fault of that channel only, and gives no settings away', async () => {
  answer = () => {
    throw new Error('cannot post to https://phone/send?key=SECRET');
  };
  happen('raised', [activation('lift', 1)]);
  await until('it was tried', WITHIN_MS, () => duty.retries === 1);
  const entry = stateDb.entry('lift.fault.1.0~raised~zhang~0');
  expect(entry).toMatchObject({ state: 'pending', attempts: 1, lastError: expect.stringContaining('duty.test.ts') });
  expect(entry?.lastError).not.toContain('SECRET');
});

test('an alarm is not lost to settings that cannot be used: it goes out once they can', async () => {
  usable = false;
  happen('raised', [activation('lift', 1)]);
  await until('it was tried', WITHIN_MS, () => duty.retries === 1);
  const id = 'lift.fault.1.0~raised~zhang~0';
  expect(stateDb.entry(id)).toMatchObject({ state: 'pending', lastError: 'channel has no usable settings' });
});

test('a heap of notices that fail does not hold up an urgent one', async () => {
  answer = (notice) =>
    notice.priority === 1 ? { outcome: 'done' } : { outcome: 'retry', afterMs: 60_000, reason: 'busy' };
  happen(
    'raised',
    Array.from({ length: 400 }, (_, n) => ({ ...activation(`camera-${n}`, 4), alarm: `fault-${n}` })),
  );
  await until('many were tried', WITHIN_MS, () => duty.retries >= 200);
  happen('raised', [activation('lift', 1)]);
  await until('the urgent one is out', WITHIN_MS, () => sent.length === 1);
  expect(sent[0]).toMatchObject({ priority: 1 });
});

test('alarms that come and go while the channel is down leave nothing behind, and a new one goes out', async () => {
  answer = () => ({ outcome: 'retry', afterMs: 60_000, reason: 'down' });
  const lamps = (state: Activation['state']) =>
    Array.from({ length: 300 }, (_, n) => ({ ...activation(`lamp-${n}`, 4, state), alarm: `fault-${n}` }));
  happen('raised', lamps('unacknowledged'));
  await until('each was tried', WITHIN_MS, () => duty.retries === 300);
  happen('returned', lamps('returned-unacknowledged'));
  answer = () => ({ outcome: 'done' });
  happen('raised', [activation('camera', 4)]);
  await settled();
  expect(sent).toMatchObject([{ kind: 'raised', asset: { key: 'camera' } }]);
  expect(stateDb.outboxCounts()).toEqual({ pending: 0, sent: 1, refused: 0, stale: 600 });
});

test('what is on its way, with the returns that wait for it, hides nothing that comes after', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  answer = async ({ asset }) => {
    if (asset.key.startsWith('lamp')) await promise;
    return { outcome: 'done' };
  };
  const lamps = (state: Activation['state']) =>
    Array.from({ length: 200 }, (_, n) => activation(`lamp-${n}`, 4, state));
  happen('raised', lamps('unacknowledged'));
  await until('the lamps are on their way', WITHIN_MS, () => tried.length === 1);
  happen('returned', lamps('returned-unacknowledged'));
  happen('raised', [{ ...activation('camera', 4), alarm: 'lost' }]);
  await until('the camera is told', WITHIN_MS, () => sent.length === 1);
  resolve();
  await settled();
  expect(sent.map(({ kind, asset, alsoCount }) => `${kind} ${asset.key} ${alsoCount}`)).toEqual([
    'raised camera 0',
    'raised lamp-0 199',
    'returned lamp-0 199',
  ]);
});

test('a phone that hangs holds up neither another one nor, with lesser alarms, an alarm of priority 1', async () => {
  people = [...site.people, { key: 'wang', name: text, upToPriority: 4, channels: [webhook] }];
  const { promise, resolve } = Promise.withResolvers<void>();
  answer = async ({ person, priority }) => {
    if (person === 'zhang' && priority > 1) await promise;
    return { outcome: 'done' };
  };
  happen(
    'raised',
    Array.from({ length: 300 }, (_, n) => activation(`lift-${n}`, 2)),
  );
  await until('the other phone has all', WITHIN_MS, () => sent.length === 300);
  happen('raised', [activation('fire', 1)]);
  await until('both have the fire', WITHIN_MS, () => sent.length === 302);
  resolve();
  await settled();
  expect(sent).toHaveLength(602);
});

test('a notice that stands for many is tried again as one', async () => {
  answer = () => (tried.length < 3 ? { outcome: 'retry', afterMs: 0, reason: 'busy' } : { outcome: 'done' });
  happen(
    'raised',
    Array.from({ length: 30 }, (_, n) => activation(`lamp-${n}`, 4)),
  );
  await settled();
  expect(tried.map(({ id, alsoCount }) => `${id} ${alsoCount}`)).toEqual(
    Array.from({ length: 3 }, () => 'lamp-0.fault.1.0~raised~zhang~0 29'),
  );
});

test('a notice that was put off is put off over a restart, but not over a clock that was set back', async () => {
  answer = ({ asset }) =>
    asset.key === 'lift' ? { outcome: 'retry', afterMs: 60_000, reason: 'busy' } : { outcome: 'done' };
  happen('raised', [activation('lift', 1)]);
  await until('it was tried', WITHIN_MS, () => duty.retries === 1);
  await duty.close();
  start();
  happen('raised', [activation('lamp', 4)]);
  await until('another one is out', WITHIN_MS, () => sent.length === 1);
  expect(tried.map(({ asset }) => asset.key)).toEqual(['lift', 'lamp']);
  answer = () => ({ outcome: 'done' });
  outbox.putOff(['lift.fault.1.0~raised~zhang~0'], 'busy', Date.now() + 86_400_000);
  duty.wake();
  await settled();
});

test('an alarm that was silenced before the call went out calls nobody, and calls once when it is annunciated again', async () => {
  answer = () => ({ outcome: 'retry', afterMs: 60_000, reason: 'down' });
  happen('raised', [activation('lift', 2)]);
  await until('it was tried', WITHIN_MS, () => duty.retries === 1);
  happen('silenced', [activation('lift', 2, 'unacknowledged', { silence: 'shelved' })]);
  // The call comes due again while the alarm is shelved.
  outbox.putOff(['lift.fault.1.0~raised~zhang~0'], 'down', 0);
  answer = () => ({ outcome: 'done' });
  duty.wake();
  await settled();
  expect(sent).toEqual([]);
  expect(stateDb.outboxCounts()).toMatchObject({ stale: 1, sent: 0 });
  happen('annunciated', [activation('lift', 2, 'unacknowledged', { annunciations: 2 })]);
  await settled();
  expect(sent.map(({ id, kind }) => `${id} ${kind}`)).toEqual(['lift.fault.1.0~raised.2~zhang~0 raised']);
});

test('a call that waits is dropped for the one that came after it', async () => {
  answer = () => ({ outcome: 'retry', afterMs: 60_000, reason: 'down' });
  happen('raised', [activation('lift', 2)]);
  await until('it was tried', WITHIN_MS, () => duty.retries === 1);
  answer = () => ({ outcome: 'done' });
  happen('annunciated', [activation('lift', 2, 'unacknowledged', { annunciations: 2 })]);
  outbox.putOff(['lift.fault.1.0~raised~zhang~0'], 'down', 0);
  duty.wake();
  await settled();
  expect(sent.map(({ id }) => id)).toEqual(['lift.fault.1.0~raised.2~zhang~0']);
});

test('whoever was told by any call hears of the end, although the alarm is silent by then; nobody else does', async () => {
  people = [...site.people, { key: 'wang', name: text, upToPriority: 4, channels: [webhook] }];
  const first = { firstTold: 'zhang' };
  happen('raised', [activation('lift', 1, 'unacknowledged', first)]);
  await settled();
  answer = () => ({ outcome: 'refused', reason: 'HTTP 404' });
  happen('annunciated', [activation('door', 3, 'unacknowledged', { annunciations: 1 })]);
  await settled();
  answer = () => ({ outcome: 'done' });
  happen('annunciated', [activation('door', 3, 'unacknowledged', { annunciations: 2 })]);
  await settled();
  sent = [];
  happen('returned', [
    activation('lift', 1, 'returned-unacknowledged', { ...first, silence: 'out-of-service' }),
    activation('door', 3, 'returned-unacknowledged', { silence: 'shelved', annunciations: 5 }),
  ]);
  await settled();
  expect(sent.map(({ kind, person, asset }) => `${kind} ${person} ${asset.key}`).sort()).toEqual([
    'returned wang door',
    'returned zhang door',
    'returned zhang lift',
  ]);
});

test('a latched alarm that is over before it was told is told all the same, and its end after it', async () => {
  answer = () => ({ outcome: 'retry', afterMs: 60_000, reason: 'down' });
  happen('raised', [activation('pump', 1)]);
  await until('it was tried', WITHIN_MS, () => duty.retries === 1);
  happen('returned', [activation('pump', 1, 'unacknowledged', { returnedMs: 5 })]);
  const end = 'pump.fault.1.0~returned~zhang~0';
  await until('its end waits', WITHIN_MS, () => stateDb.entry(end)?.attempts === 1);
  expect(stateDb.entry(end)).toMatchObject({ state: 'pending' });
  answer = () => ({ outcome: 'done' });
  outbox.putOff(['pump.fault.1.0~raised~zhang~0'], 'down', 0);
  duty.wake();
  await until('the alarm is told', WITHIN_MS, () => sent.length === 1);
  outbox.putOff([end], 'waits', 0);
  duty.wake();
  await settled();
  expect(sent.map(({ kind, asset }) => `${kind} ${asset.key}`)).toEqual(['raised pump', 'returned pump']);
});

test('a test is told apart from what is none', async () => {
  happen('raised', [
    activation('a', 4),
    activation('b', 4, 'unacknowledged', { test: true }),
    activation('c', 4, 'unacknowledged', { test: true }),
  ]);
  await settled();
  expect(sent.map(({ asset, alsoCount, test }) => [asset.key, alsoCount, test])).toEqual([
    ['a', 0, false],
    ['b', 1, true],
  ]);
});
