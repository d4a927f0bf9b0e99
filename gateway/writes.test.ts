import { pino } from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { protocols } from '../adapters/registry.ts';
import type { Adapter, WriteOutcome } from '../model/adapter.ts';
import type { Action } from '../model/log.ts';
import type { Site } from '../model/site.ts';
import { loadSiteText } from './site/load-site.ts';
import { WRITES_PER_MINUTE, Writes } from './writes.ts';

const siteText = `
site: { key: s, name: { zh: 站, en: Site }, timeZone: Asia/Shanghai, latitude: 23.1, longitude: 113.3 }
links:
  - { key: a, name: { zh: 一, en: A }, protocol: modbus, endpoint: 'tcp://127.0.0.1:1502' }
  - { key: b, name: { zh: 二, en: B }, protocol: modbus, endpoint: 'tcp://127.0.0.1:1503' }
systems: [{ key: light, name: { zh: 灯, en: Light }, rates: [] }]
assets:
  - { key: 'fan-{n}', each: { n: 1..2 }, name: { zh: 扇, en: Fan }, profile: fan, system: light, link: a, map: drive, address: { unit: '{n}' }, writable: [speed] }
  - { key: fan-3, name: { zh: 扇, en: Fan }, profile: fan, system: light, link: b, map: drive, address: { unit: 3 }, writable: [speed] }
  - { key: fan-4, name: { zh: 扇, en: Fan }, profile: fan, system: light, link: b, map: drive, address: { unit: 4 } }
`;
const folder = new URL('../test/cases/site/writable-mistakes/', import.meta.url).pathname;

function load(): Site {
  const result = loadSiteText(siteText, { environment: {}, folder });
  if (!result.ok) throw new Error(result.problems[0]?.text.en);
  return result.site;
}

const done: WriteOutcome = { outcome: 'done', before: 10, after: 20 };
const by = { by: '张三', reason: 'too loud' };

let site: Site;
let recorded: Action[];
let sent: string[];
/** What the adapters answer. */
let answer: () => Promise<WriteOutcome>;
let adapter: Adapter | undefined;
let writes: Writes;

beforeEach(() => {
  site = load();
  recorded = [];
  sent = [];
  answer = async () => done;
  adapter = {
    run: async () => undefined,
    write: (point, value) => {
      sent.push(`${point} ${value}`);
      return answer();
    },
  };
  writes = new Writes({
    site: () => site,
    protocols,
    held: (key) => (key === 'none' ? undefined : { adapter, over: new AbortController().signal }),
    record: async (action) => recorded.push(action),
    logger: pino({ level: 'silent' }),
  });
});

const speedOf = (asset: string, value = 20) => writes.write({ asset, point: 'speed', value, ...by });

test('a write stands in the log before it is sent, and once more with what became of it', async () => {
  let before = 0;
  answer = async () => {
    before = recorded.length;
    return done;
  };
  expect(await speedOf('fan-1')).toEqual({ kind: 'done', logSeq: 1, before: 10, after: 20 });
  expect(before).toBe(1);
  expect(sent).toEqual(['fan-1/speed 20']);
  const { reason } = by;
  expect(recorded).toEqual([
    { type: 'write', by: '张三', asset: 'fan-1', point: 'fan-1/speed', value: 20, reason },
    { type: 'written', by: '张三', asset: 'fan-1', writeSeq: 1, outcome: 'done', before: 10, after: 20, why: null },
  ]);
});

test('what the device or the adapter says is answered, and noted', async () => {
  const why = { zh: '读回不同', en: 'read back differs' };
  answer = async () => ({ outcome: 'failed', why, before: 10, after: 10 });
  expect(await speedOf('fan-1')).toEqual({ kind: 'failed', why });
  expect(recorded[1]).toMatchObject({ type: 'written', outcome: 'failed', before: 10, after: 10, why });
  answer = async () => ({ outcome: 'refused', why });
  expect(await speedOf('fan-1')).toEqual({ kind: 'refused', why });
  expect(recorded[3]).toMatchObject({ type: 'written', outcome: 'refused', before: null, after: null, why });
  answer = async () => Promise.reject(new Error('a bug'));
  expect(await speedOf('fan-1')).toMatchObject({ kind: 'failed', why: { en: 'internal error of the adapter' } });
  expect(recorded[5]).toMatchObject({ type: 'written', outcome: 'failed' });
});

test('a link that does not run, and a protocol that does not write', async () => {
  adapter = { run: async () => undefined };
  expect(await speedOf('fan-1')).toMatchObject({ kind: 'refused', why: { en: expect.stringContaining('protocol') } });
  adapter = undefined;
  expect(await speedOf('fan-1')).toMatchObject({ kind: 'refused', why: { en: 'this link does not run' } });
});

test('nothing is sent that could not be recorded', async () => {
  const broken = new Writes({
    site: () => site,
    protocols,
    held: () => ({ adapter, over: new AbortController().signal }),
    record: () => Promise.reject(new Error('the disk is full')),
    logger: pino({ level: 'silent' }),
  });
  expect(await broken.write({ asset: 'fan-1', point: 'speed', value: 1, ...by })).toEqual({ kind: 'log-failed' });
  expect(sent).toEqual([]);
});

test('points that there are not, and those that the site file does not allow', async () => {
  expect(await speedOf('fan-9')).toEqual({ kind: 'unknown-point' });
  expect(await writes.write({ asset: 'fan-1', point: 'sped', value: 1, ...by })).toEqual({ kind: 'unknown-point' });
  expect(await speedOf('fan-4')).toMatchObject({ kind: 'refused', why: { en: expect.stringContaining('site file') } });
  const running = await writes.write({ asset: 'fan-1', point: 'running', value: 1, ...by });
  expect(running).toMatchObject({ kind: 'refused' });
  expect([sent, recorded]).toEqual([[], []]);
});

test('fire equipment is refused at the moment of writing too, whatever the site says of it', async () => {
  // As it would stand after a mistake in the check of site files: allowed, and of a system of fire equipment.
  const forbidden = { ...site, systems: site.systems.map((system) => ({ ...system, fireSafety: true as const })) };
  expect(await speedOf('fan-1')).toMatchObject({ kind: 'done' });
  site = forbidden;
  expect(await speedOf('fan-1')).toMatchObject({
    kind: 'refused',
    why: { zh: '消防设备只监视，不控制', en: 'fire equipment is observed, never controlled' },
  });
  const fan = { ...load().profiles.fan, fireSafety: true as const } as Site['profiles'][string];
  site = { ...load(), profiles: { fan } };
  expect(await speedOf('fan-1')).toMatchObject({ kind: 'refused' });
  const [first, ...others] = load().assets;
  if (first === undefined) throw new Error('no asset');
  site = { ...load(), assets: [{ ...first, profile: 'fire' }, ...others], profiles: { ...load().profiles, fire: fan } };
  expect(await speedOf('fan-1')).toMatchObject({ kind: 'refused' });
  expect(await speedOf('fan-2'), 'its neighbour, another unit').toMatchObject({ kind: 'done' });
  expect(sent).toEqual(['fan-1/speed 20', 'fan-2/speed 20']);
});

test('one at a time on a link; other links are not concerned', async () => {
  const first = Promise.withResolvers<WriteOutcome>();
  answer = () => first.promise;
  const slow = speedOf('fan-1');
  expect(await speedOf('fan-2')).toMatchObject({
    kind: 'refused',
    why: { en: expect.stringContaining('another value') },
  });
  answer = async () => done;
  expect(await speedOf('fan-3')).toMatchObject({ kind: 'done' });
  first.resolve(done);
  expect(await slow).toMatchObject({ kind: 'done' });
  expect(await speedOf('fan-2')).toMatchObject({ kind: 'done' });
});

test('so many a minute on a link, and no more', async () => {
  for (let n = 0; n < WRITES_PER_MINUTE; n++)
    expect(await speedOf(`fan-${1 + (n % 2)}`, n)).toMatchObject({ kind: 'done' });
  expect(await speedOf('fan-1')).toEqual({ kind: 'too-many' });
  expect(await speedOf('fan-3')).toMatchObject({ kind: 'done' });
  expect(sent).toHaveLength(WRITES_PER_MINUTE + 1);
});
