import { setTimeout as delay } from 'node:timers/promises';
import { Value } from 'typebox/value';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { type ProtocolKey, protocolOf } from '../../adapters/registry.ts';
import type { LinkPoint, Protocol } from '../../model/adapter.ts';
import { simulatedClock } from '../../model/clock.ts';
import type { ValueKind } from '../../model/point.ts';
import { AdapterRun, type Ending } from '../support/adapter-run.ts';
import { lonelyRuns } from '../support/lonely-runs.ts';
import { LAB_REFRESH_MS, type Lab, type LabPoint, type LabServer, type LabValue } from './adapter-lab.ts';
import { labs } from './adapter-labs.ts';

/** Real ms within which a value that the device has must have been emitted; generous, as tests share processors. */
const ARRIVES_WITHIN_MS = 8000;
/** Real ms within which a connection that was torn down must be noticed: at once, and not by its silence. */
const HUNG_UP_WITHIN_MS = 3000;
/** Random bytes that come in a device's place; each seed gives others. */
const RUBBISH_SEEDS = [1, 2, 3, 4, 5];
/** How long, in refreshes of the device, a run is watched for what must not happen. */
const WATCHED_REFRESHES = 6;

/**
 * What every adapter must do, whatever its protocol, on the real devices of its labs. Called once from
 * `adapter-PROTOCOL.test.ts`.
 *
 * @param which the labs of this file, where those of a protocol are too many for one
 */
export async function adapterContract(key: ProtocolKey, which: (lab: Lab) => boolean = () => true): Promise<void> {
  const protocol = protocolOf(key);
  if (protocol === undefined) throw new RangeError(`no protocol ${key}`);
  for (const lab of (await labs[key]()).filter(which)) {
    describe(`${key}: ${lab.name}`, () => {
      describeAddresses(protocol, lab);
      describeRun(protocol, lab);
    });
  }
}

function describeAddresses(protocol: Protocol, lab: Lab): void {
  test('schemas accept what the lab writes, and refuse unknown keys', () => {
    expect(Value.Errors(protocol.assetAddressSchema, lab.assetAddress)).toEqual([]);
    for (const { name, mapPoint } of lab.points) {
      expect(Value.Errors(protocol.mapPointSchema, mapPoint), name).toEqual([]);
      expect(Value.Check(protocol.mapPointSchema, { ...(mapPoint as object), nonsense: 1 }), name).toBe(false);
    }
  });

  test('every point has an address, and none conflicts with another', () => {
    const points = lab.points.map(({ name }, index) => ({
      key: `lab/${name}`,
      address: linkPoints(protocol, lab)[index]?.address,
    }));
    expect(protocol.conflicts(points)).toEqual([]);
  });

  test('the same place twice is a conflict of the later point', () => {
    const [first] = linkPoints(protocol, lab);
    if (first === undefined) throw new Error('the lab has no points');
    const twice = [first, { ...first, key: 'lab/again' }];
    expect(protocol.conflicts(twice).map((problem) => problem.path[0])).toEqual([1]);
  });

  test.each(lab.impossible.map((one) => [one.why, one] as const))('an impossible address is told: %s', (_, one) => {
    const result = protocol.resolve(one.mapPoint, lab.assetAddress, context('impossible', one.kind));
    expect(result.ok).toBe(false);
    const problems = result.ok ? [] : result.problems;
    expect(problems.length).toBeGreaterThan(0);
    for (const { text } of problems) expect(text.zh !== '' && text.en !== '').toBe(true);
  });
}

function describeRun(protocol: Protocol, lab: Lab): void {
  const runs: AdapterRun[] = [];
  const begin = (server: LabServer, settings = server.settings, more: LinkPoint<unknown>[] = []) => {
    const startMs = Date.now();
    const run = new AdapterRun(
      protocol,
      {
        key: 'lab',
        settings,
        points: [...linkPoints(protocol, lab), ...more],
        clock: simulatedClock(startMs, lab.clockRate ?? 1, startMs),
        log: { info: () => undefined, warn: () => undefined },
        ...(server.folder !== undefined && { folder: server.folder }),
      },
      isPossible(lab),
    );
    runs.push(run);
    return run;
  };
  const startServer = async () => {
    const server = await lab.start();
    onTestFinished(() => server.stop());
    return server;
  };
  const allAt = (which: 'initial' | 'changed') => (run: AdapterRun) => () =>
    lab.points.every((point) => holds(run, point, point[which]));
  const readsAll = (run: AdapterRun, which: 'initial' | 'changed' = 'initial') =>
    run.until(`every point is good and at its ${which} value`, allAt(which)(run), ARRIVES_WITHIN_MS);
  const noticed = (run: AdapterRun, withinMs = lab.noticedWithinMs): Promise<Ending> =>
    run.until('the run ends', () => run.ending !== undefined, withinMs).then(() => run.ended);

  afterEach(async () => {
    for (const run of runs.splice(0)) {
      run.openGate();
      await run.abort();
      expect(run.violations).toEqual([]);
    }
  });

  test('settings of the lab pass the schema', async () => {
    const server = await startServer();
    expect(Value.Errors(protocol.settingsSchema, server.settings)).toEqual([]);
    expect(Value.Check(protocol.settingsSchema, { ...(server.settings as object), nonsense: 1 })).toBe(false);
  });

  test('every point is read, with sound times, and the link is up', async () => {
    const server = await startServer();
    const startMs = Date.now();
    const run = begin(server);
    await readsAll(run);
    expect(run.ups).toBe(1);
    const nowMs = startMs + (Date.now() - startMs + 1) * (lab.clockRate ?? 1);
    for (const { name } of lab.points) {
      const seen = run.latest(name);
      expect(seen?.receivedMs, name).toBeGreaterThanOrEqual(startMs);
      expect(seen?.receivedMs, name).toBeLessThanOrEqual(nowMs);
    }
  });

  test('what changes at the device arrives', async () => {
    const server = await startServer();
    const run = begin(server);
    await readsAll(run);
    for (const point of lab.points) await server.set(point.name, point.changed);
    await readsAll(run, 'changed');
    for (const point of lab.points) await server.set(point.name, point.initial);
    await readsAll(run, 'initial');
  });

  test('rubbish at one point makes that point bad, the others go on, and it comes back', async () => {
    const server = await startServer();
    const run = begin(server);
    await readsAll(run);
    const victim = lab.points[0];
    if (victim === undefined) throw new Error('the lab has no points');
    const others = lab.points.filter((point) => !shareFate(point, victim));
    await server.rubbish(victim.name);
    await run.until('the point is bad', () => run.latest(victim.name)?.quality === 'bad', ARRIVES_WITHIN_MS);
    expect(run.latest(victim.name)?.value).toBeNull();
    expect(lab.rubbishReasons).toContain(run.latest(victim.name)?.reason);
    for (const point of others) await server.set(point.name, point.changed);
    await run.until(
      'the other points are good and new',
      () => others.every((point) => holds(run, point, point.changed)),
      ARRIVES_WITHIN_MS,
    );
    expect(run.latest(victim.name)?.quality).toBe('bad');
    await server.mend(victim.name);
    await run.until('the point is good again', () => holds(run, victim, victim.initial), ARRIVES_WITHIN_MS);
    expect(run.ending).toBeUndefined();
  });

  test.skipIf(lab.missing === null)('a point that the device does not have is bad, the others are read', async () => {
    const { missing } = lab;
    if (missing === null) return;
    const server = await startServer();
    const address = addressOf(protocol, lab, 'missing', missing.kind, missing.mapPoint);
    const point = { number: 1000, key: 'lab/missing', kind: missing.kind, address };
    const run = begin(server, server.settings, [point]);
    await readsAll(run);
    await run.until('the missing point is bad', () => run.latest('missing')?.quality === 'bad', ARRIVES_WITHIN_MS);
    expect(missing.reasons).toContain(run.latest('missing')?.reason);
  });

  test('a device that falls silent, is half-open in either direction, or answers too late', async () => {
    const spoil = async ([what, begins, ends]: WayOfSilence) => {
      const server = await startServer();
      const run = begin(server);
      await readsAll(run);
      await begins(server);
      if (lab.whenSilent === 'lost') {
        expect(await noticed(run), what).toMatchObject({ how: 'lost', reason: { zh: /./, en: /./ } });
        for (const { name } of lab.points)
          if (run.latest(name)?.quality !== 'good') expect(run.latest(name)?.value, what).toBeNull();
        expect(run.wire.facts().timeouts, `${what}: is told as what it is`).toBeGreaterThan(0);
        // The other side of a frozen wire cannot see that we have left.
        if (what !== 'silent') await untilZero(() => server.connections());
      }
      await ends(server);
      for (const point of lab.points) await server.set(point.name, point.changed);
      await readsAll(lab.whenSilent === 'lost' ? begin(server) : run, 'changed');
    };
    // At once, as most of the time is that of waiting for what does not come.
    await Promise.all(waysOfSilence(lab).map(spoil));
  });

  test('a device that answers late, but not too late, is read as if it did not', async () => {
    const server = await startServer();
    const run = begin(server);
    await readsAll(run);
    server.wire?.delay(lab.patientMs);
    for (const which of ['changed', 'initial'] as const) {
      const setMs = performance.now();
      for (const point of lab.points) await server.set(point.name, point[which]);
      await readsAll(run, which);
      // Timers may fire a moment early.
      expect(performance.now() - setMs, 'it was late indeed').toBeGreaterThan(lab.patientMs - 5);
    }
    expect(run.ending).toBeUndefined();
    expect(run.ups).toBe(1);
    for (const { name } of lab.points) expect(run.latest(name), name).toMatchObject({ quality: 'good' });
  });

  test('rubbish in the place of the device: no good value, no crash, and all is well once the device is back', async () => {
    const server = await startServer();
    if (server.wire === null) return;
    const begun = begin(server);
    await readsAll(begun);
    for (const seed of RUBBISH_SEEDS) {
      server.wire.babble(seed);
      if (lab.whenSilent === 'quiet') continue;
      if (begun.ending === undefined) expect(await noticed(begun)).toMatchObject({ how: 'lost' });
      const run = begin(server);
      await noticed(run);
      expect(await run.ended).toMatchObject({ how: /lost|refused/, reason: { zh: /./, en: /./ } });
      expect([run.goodSamples, run.ups], `seed ${seed}`).toEqual([0, 0]);
    }
    if (lab.whenSilent === 'lost') server.wire.heal();
    for (const point of lab.points) await server.set(point.name, point.changed);
    await readsAll(lab.whenSilent === 'lost' ? begin(server) : begun, 'changed');
  });

  test('a device that dies and comes back', async () => {
    const server = await startServer();
    const run = begin(server);
    await readsAll(run);
    await server.kill();
    if (lab.whenKilled === 'lost') expect(await noticed(run, HUNG_UP_WITHIN_MS)).toMatchObject({ how: 'lost' });
    await server.revive();
    for (const point of lab.points) await server.set(point.name, point.changed);
    await readsAll(lab.whenKilled === 'lost' ? begin(server) : run, 'changed');
  });

  test.skipIf(lab.whenKilled === 'quiet')(
    'a device that is not there: the link is lost, and was never up',
    async () => {
      const server = await startServer();
      await server.kill();
      const run = begin(server);
      expect(await noticed(run)).toMatchObject({ how: 'lost' });
      expect(run.ups).toBe(0);
    },
  );

  test('two links share nothing: the fate of one device is not that of the other', async () => {
    const [server, other] = await Promise.all([startServer(), startServer()]);
    const run = begin(server);
    const otherRun = begin(other);
    for (const point of lab.points) await other.set(point.name, point.changed);
    await Promise.all([readsAll(run), readsAll(otherRun, 'changed')]);
    await server.kill();
    if (lab.whenKilled === 'lost') await noticed(run);
    for (const point of lab.points) await other.set(point.name, point.initial);
    await readsAll(otherRun, 'initial');
    await server.revive();
    const again = lab.whenKilled === 'lost' ? begin(server) : run;
    for (const point of lab.points) await server.set(point.name, point.changed);
    await Promise.all([readsAll(again, 'changed'), readsAll(otherRun, 'initial')]);
    expect(otherRun.ending).toBeUndefined();
    expect(otherRun.ups).toBe(1);
    expect(otherRun.wire.facts().timeouts).toBe(0);
  });

  test('settings that cannot work are refused', async () => {
    const server = await startServer();
    const refused = lab.refusedSettings(server.settings);
    if (refused === null) return;
    const run = begin(server, refused);
    await run.until('the run ends', () => run.ending !== undefined);
    expect(await run.ended).toMatchObject({ how: 'refused' });
  });

  test('an abort ends the run, and leaves no connection and no sample behind', async () => {
    const server = await startServer();
    const run = begin(server);
    await readsAll(run);
    expect(await run.abort()).toEqual({ how: 'resolved' });
    for (const point of lab.points) await server.set(point.name, point.changed);
    await untilZero(() => server.connections());
    expect(run.violations).toEqual([]);
  });

  test('nothing is left of a run in its process: no handle, no timer', async () => {
    const server = await startServer();
    const told = await lonelyRuns({
      protocol: protocol.key,
      settings: server.settings,
      ...(server.folder !== undefined && { folder: server.folder }),
      points: linkPoints(protocol, lab),
      clockRate: lab.clockRate ?? 1,
    });
    expect(told).toEqual({ goodPoints: lab.points.length, left: [] });
    await untilZero(() => server.connections());
  });

  test('an abort before there is a connection ends the run too', async () => {
    const server = await startServer();
    expect(await begin(server).abort()).toEqual({ how: 'resolved' });
    await untilZero(() => server.connections());
  });

  test('while the log is slow, no more than so many batches are under way; then it goes on', async () => {
    const server = await startServer();
    const run = begin(server);
    await readsAll(run);
    run.mostInFlight = 0;
    run.closeGate();
    for (let i = 0; i < WATCHED_REFRESHES; i++) {
      for (const point of lab.points) await server.set(point.name, i % 2 === 0 ? point.changed : point.initial);
      await delay(LAB_REFRESH_MS);
    }
    expect(run.mostInFlight).toBeGreaterThan(0);
    expect(run.mostInFlight).toBeLessThanOrEqual(lab.emitsInFlight);
    for (const point of lab.points) await server.set(point.name, point.changed);
    run.openGate();
    await readsAll(run.ending === undefined ? run : begin(server), 'changed');
  });

  test('an abort while the log is stuck ends the run', async () => {
    const server = await startServer();
    const run = begin(server);
    run.closeGate();
    await run.until('a batch is under way', () => run.mostInFlight > 0, ARRIVES_WITHIN_MS);
    expect(await run.abort()).toEqual({ how: 'resolved' });
    await untilZero(() => server.connections());
  });

  test('while the disk fails new values are seen all the same', async () => {
    const server = await startServer();
    const run = begin(server);
    await readsAll(run);
    run.failDisk();
    for (const point of lab.points) await server.set(point.name, point.changed);
    await readsAll(run, 'changed');
    for (const point of lab.points) await server.set(point.name, point.initial);
    await readsAll(run, 'initial');
    run.mendDisk();
  });

  test('a log that cannot write does not break the adapter for good', async () => {
    const server = await startServer();
    const run = begin(server);
    await readsAll(run);
    run.failNextEmit(new Error('disk full'));
    for (const point of lab.points) await server.set(point.name, point.changed);
    await run.until(
      'the run ends, or goes on with new values',
      () => run.ending !== undefined || allAt('changed')(run)(),
      ARRIVES_WITHIN_MS,
    );
    if (run.ending === undefined) return;
    await untilZero(() => server.connections());
    await readsAll(begin(server), 'changed');
  });
}

type WayOfSilence = readonly [
  what: string,
  begins: (server: LabServer) => Promise<void> | void,
  ends: (server: LabServer) => Promise<void> | void,
];

/** In how many ways a device can say nothing while its connections stand. */
function waysOfSilence({ impatientMs }: Lab): WayOfSilence[] {
  const heal = (server: LabServer) => server.wire?.heal();
  return [
    ['silent', (server) => server.silence(), (server) => server.speak()],
    ['half-open, what we send is lost', (server) => server.wire?.swallow('to-device'), heal],
    ['half-open, what it sends is lost', (server) => server.wire?.swallow('to-adapter'), heal],
    ...(impatientMs === null
      ? []
      : [['too late', (server: LabServer) => server.wire?.delay(impatientMs), heal] satisfies WayOfSilence]),
  ];
}

/** Values that the device of the lab ever has, at the points that it has. */
function isPossible({ points }: Lab): (name: string, value: number | string) => boolean {
  return (name, value) => {
    const point = points.find((candidate) => candidate.name === name);
    return point === undefined || [point.initial, point.changed].some((one) => isSame(point.kind, one, value));
  };
}

function linkPoints(protocol: Protocol, lab: Lab): LinkPoint<unknown>[] {
  return lab.points.map(({ name, kind, states, mapPoint }, index) => ({
    number: index + 1,
    key: `lab/${name}`,
    kind,
    ...(states === undefined ? {} : { states }),
    address: addressOf(protocol, lab, name, kind, mapPoint),
  }));
}

function addressOf(protocol: Protocol, lab: Lab, name: string, kind: ValueKind, mapPoint: unknown): unknown {
  const resolved = protocol.resolve(mapPoint, lab.assetAddress, context(name, kind));
  if (!resolved.ok) throw new Error(`${name}: ${JSON.stringify(resolved.problems)}`);
  return resolved.value;
}

function context(point: string, kind: ValueKind) {
  return { asset: 'lab', point, kind, index: 0 };
}

function shareFate(a: LabPoint, b: LabPoint): boolean {
  return a === b || (a.together !== undefined && a.together === b.together);
}

function holds(run: AdapterRun, { name, kind }: LabPoint, value: LabValue): boolean {
  const seen = run.latest(name);
  if (seen?.quality !== 'good' || seen.value === null) return false;
  return isSame(kind, value, seen.value);
}

function isSame(kind: ValueKind, value: LabValue, seen: number | string): boolean {
  if (kind === 'double') return Math.abs(Number(seen) - Number(value)) < 1e-4;
  return seen === (typeof value === 'boolean' ? Number(value) : value);
}

/** The other side learns of a closed connection a moment after we closed it. */
async function untilZero(count: () => number): Promise<void> {
  await expect.poll(count, { timeout: 5000, interval: 20 }).toBe(0);
}
