import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Estate } from '../support/estate.ts';
import { until } from '../support/until.ts';

/** Site seconds per real second: delays of half a minute pass in three seconds. */
const RATE = 10;

/** Real ms for an alarm to come or go: the longest delay of a profile at that rate, and the way through all processes. */
const WITHIN_MS = 45_000;

let estate: Estate;

beforeAll(async () => {
  estate = await Estate.start(RATE);
  // The lamps that are dark at the opening are alarms of their own; what a fault adds is counted from here.
  await until(
    'the dark lamps are told',
    WITHIN_MS,
    async () => (await estate.alarms()).filter(isDarkLamp).length === 14,
  );
  await until('the phone has heard of them', WITHIN_MS, async () => (await estate.notices()).some(isDarkLamp));
});

function isDarkLamp({ text }: { text: { en: string } }): boolean {
  return text.en === 'Street lamp out';
}

afterAll(() => estate.end());

describe('the opening', () => {
  test('is the night walk’s: 53 of 67 street lamps, 234 of 371 corridor lamps', async () => {
    const street = await estate.system('streetlight');
    expect(street.rates[0]).toMatchObject({
      value: 53 / 67,
      low: 53 / 67,
      high: 53 / 67,
      coverage: 1,
      verdict: 'missed',
      short: 11,
    });
    const floors = await estate.system('floor-light');
    expect(floors.rates[0]).toMatchObject({ value: 234 / 371, verdict: 'met' });
    expect(floors.rates[1]?.worst?.group).toMatch(/^B\d\/F\d+$/);
  });

  test('has every system with its keys, every link up and every asset known', async () => {
    const systems = await estate.systems();
    expect(systems.map(({ key }) => key).sort()).toEqual([
      'access-control',
      'cctv',
      'fire-pump',
      'floor-light',
      'intercom',
      'lift',
      'streetlight',
    ]);
    expect(systems.every(({ counts }) => counts.unknown === 0)).toBe(true);
    expect((await estate.links()).map(({ state }) => state)).toEqual(Array(7).fill('up'));
  });

  test('the dark lamps came to the phone as one message, not as fourteen', async () => {
    const notices = (await estate.notices()).filter(isDarkLamp);
    expect(notices.reduce((sum, notice) => sum + 1 + notice.alsoCount, 0)).toBe(14);
    expect(notices.length).toBeLessThan(6);
  });
});

/** Fault, asset, alarm that it must give, its priority, and the class of the asset meanwhile. */
const cases = [
  ['trapped-passenger', 'lift-2', 'lift-2', 'passenger-trapped', 1, 'down'],
  ['feeder-trip', 'feeder-2', 'feeder-2', 'feeder-trip', 2, 'down'],
  ['lamp-out', undefined, undefined, 'lamp-out', 4, 'down'],
  ['camera-lost', 'camera-05', 'camera-05', 'camera-lost', 4, 'down'],
  ['door-forced', 'door-3', 'door-3', 'door-forced', 2, undefined],
  ['fire-pump-fail-to-start', 'fire-pump-2', 'fire-pump-2', 'fail-to-start', 1, 'down'],
  ['intercom-lost', 'intercom-4', 'intercom-4', 'intercom-lost', 2, 'down'],
  ['controller-unplugged', 'fire-pump-1', 'link:fire-pump-1', 'controller-lost', 2, undefined],
] as const;

/** Alarms that stay until somebody has reset them, though their condition is gone. */
const latching: ReadonlySet<string> = new Set(['passenger-trapped', 'fail-to-start']);

describe.each(cases)('%s', (name, asset, alarmAsset, alarm, priority, classMeanwhile) => {
  test('is one alarm, on the API and on the phone, and is gone again after', async () => {
    const alarmsBefore = new Set((await estate.alarms()).map(({ activationId }) => activationId));
    const noticesBefore = new Set((await estate.notices()).map(({ id }) => id));
    const news = async () => (await estate.alarms()).filter(({ activationId }) => !alarmsBefore.has(activationId));

    const fault = await estate.fault(name, asset);
    const expectedAsset = alarmAsset ?? fault.asset;
    const raised = await until(`${name} is an alarm`, WITHIN_MS, async () => (await news())[0]);
    expect(raised).toMatchObject({ asset: expectedAsset, alarm, priority, state: 'unacknowledged' });
    const notice = await until(`${name} is on the phone`, WITHIN_MS, async () =>
      (await estate.notices()).find(({ id }) => !noticesBefore.has(id)),
    );
    expect(notice).toMatchObject({ kind: 'raised', asset: { key: expectedAsset }, priority, simulated: true });
    if (classMeanwhile) {
      await until(
        `${fault.asset} is ${classMeanwhile}`,
        WITHIN_MS,
        async () => (await estate.asset(fault.asset)).class === classMeanwhile,
      );
    }

    const taken = await estate.acknowledge(raised.activationId, 'zhang-san');
    expect(taken).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'zhang-san' });
    await estate.mend(fault);
    if (latching.has(alarm)) await estate.resetWhenGone(raised.activationId, WITHIN_MS);
    await until(`${name} is over`, WITHIN_MS, async () => (await news()).length === 0);
    const all = (await estate.notices()).filter(({ id }) => !noticesBefore.has(id));
    await until('the phone hears that it is over', WITHIN_MS, async () =>
      (await estate.notices()).some(({ id, kind }) => !noticesBefore.has(id) && kind === 'returned'),
    );
    // One cause, one message, whatever it took with it.
    expect(all.filter(({ kind }) => kind === 'raised')).toHaveLength(1);
  });
});

describe('a feeder that trips', () => {
  test('names its lamps, which are down and give no alarms of their own', async () => {
    const before = (await estate.alarms()).length;
    const fault = await estate.fault('feeder-trip', 'feeder-3');
    const raised = await until('the alarm', WITHIN_MS, async () =>
      (await estate.alarms()).find(({ asset, state }) => asset === 'feeder-3' && state === 'unacknowledged'),
    );
    expect(raised.children).toHaveLength(13);
    await until('its lamps are down', WITHIN_MS, async () => {
      const lamps = (await estate.assets()).filter(({ parent }) => parent === 'feeder-3');
      return lamps.length === 13 && lamps.every((lamp) => lamp.class === 'down');
    });
    await estate.acknowledge(raised.activationId, 'zhang-san');
    await estate.mend(fault);
    await until('all is as before', WITHIN_MS, async () => (await estate.alarms()).length === before);
  });
});

describe('a controller that is cut', () => {
  test('makes its assets unknown, never up, and the figure says so', async () => {
    const fault = await estate.fault('controller-unplugged', 'lifts');
    await until('the lifts are unknown', WITHIN_MS, async () => (await estate.system('lift')).counts.unknown === 6);
    const system = await estate.system('lift');
    expect(system.counts.up).toBe(0);
    expect(system.rates.find(({ key }) => key === 'in-service')).toMatchObject({
      value: null,
      low: 0,
      high: 1,
      coverage: 0,
      verdict: 'undetermined',
    });
    const link = (await estate.links()).find(({ key }) => key === 'lifts');
    expect(link).toMatchObject({ state: 'down' });
    expect(link?.reason?.zh).toMatch(/\p{Script=Han}/u);
    const isLost = async (state: string) =>
      (await estate.alarms()).find((alarm) => alarm.asset === 'link:lifts' && alarm.state === state);
    const raised = await until('the alarm is raised', WITHIN_MS, () => isLost('unacknowledged'));
    expect(raised.children).toEqual(['lift-1', 'lift-2', 'lift-3', 'lift-4', 'lift-5', 'lift-6']);
    await estate.mend(fault);
    await until('the lifts are back', WITHIN_MS, async () => (await estate.system('lift')).counts.up === 6);
    const lost = await until('the alarm is over', WITHIN_MS, () => isLost('returned-unacknowledged'));
    await estate.acknowledge(lost.activationId, 'zhang-san');
  });
});

describe('bad input', () => {
  test.each([
    ['bad-quality', 'lift-3', 'bad', 'bad-status'],
    ['modbus-exception', 'feeder-1', 'bad', 'modbus-exception'],
    ['garbage-payload', 'camera-09', 'bad', 'unparsable-payload'],
  ] as const)('%s makes that point bad, with a reason, and nothing else', async (name, asset, quality, reason) => {
    const fault = await estate.fault(name, asset);
    const point = await until(`${asset} has a bad point`, WITHIN_MS, async () =>
      (await estate.points(asset)).find((candidate) => candidate.quality === quality),
    );
    expect(point).toMatchObject({ value: null, reason: { code: reason } });
    expect(point.reason?.text.zh).toMatch(/\p{Script=Han}/u);
    const others = (await estate.links()).map(({ state }) => state);
    expect(others).toEqual(Array(7).fill('up'));
    await estate.mend(fault);
    await until(`${asset} is well again`, WITHIN_MS, async () =>
      (await estate.points(asset)).every((candidate) => candidate.quality !== quality),
    );
    expect(estate.gateway.ended).toBe(false);
  });
});

describe('the link in a notice', () => {
  test('shows the alarm when it is looked at, and acknowledges when the button is pressed', async () => {
    const fault = await estate.fault('door-forced', 'door-7');
    const notice = await until('the phone has it', WITHIN_MS, async () =>
      (await estate.notices()).find(({ asset, kind }) => asset.key === 'door-7' && kind === 'raised'),
    );
    const state = async () => (await estate.alarms()).find(({ asset }) => asset === 'door-7')?.state;
    const page = await fetch(notice.acknowledgeUrl);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('强行开门');
    expect(await state()).toBe('unacknowledged');
    const pressed = await fetch(notice.acknowledgeUrl, { method: 'POST' });
    expect(pressed.status).toBe(200);
    expect(await state()).toBe('acknowledged');
    const forged = await fetch(notice.acknowledgeUrl.slice(0, -2), { method: 'POST' });
    expect(forged.status).toBe(403);
    await estate.mend(fault);
    await until('it is over', WITHIN_MS, async () => (await state()) === undefined);
  });
});
