import { afterAll, beforeAll, expect, test } from 'vitest';
import { opcuaProtocol } from '../../adapters/opcua/protocol.ts';
import { BrowsedPoints } from '../../gateway/point-list/browsed-points.ts';
import { systemClock } from '../../model/clock.ts';
import { untoldWire } from '../../model/untold-wire.ts';
import { type OpcuaPlant, PLANT, startPlant } from '../support/opcua-plant.ts';

let plant: OpcuaPlant;

beforeAll(async () => {
  plant = await startPlant(40);
});
afterAll(() => plant.stop());

/** What `browse` is told; it is interrupted once so many points were found. */
async function browse(node: string | undefined, interruptAfter = Number.POSITIVE_INFINITY) {
  const adapter = opcuaProtocol.create({
    key: 'plant',
    settings: { endpoint: plant.endpoint },
    points: [],
    clock: systemClock(),
    log: { info: () => undefined, warn: () => undefined },
    wire: untoldWire,
  });
  const found = new BrowsedPoints((text) => text);
  const stop = new AbortController();
  const options = { points: 'true', pace: '0ms', ...(node && { from: `nsu=${PLANT};s=${node}` }) };
  let rows = 0;
  const answer = await adapter.scan?.(options, stop.signal, (event) => {
    found.take(event);
    if (event.kind === 'row') rows += 1;
    if (rows >= interruptAfter) stop.abort();
  });
  if (!answer?.ok) throw new Error(answer?.text.en);
  expect(answer.end.trouble).toBeNull();
  const of = (key: string) => found.points.find(({ asset, point }) => `${asset}/${point}` === key);
  return { end: answer.end, points: found.points, of };
}

test('what a server says of its variables: kind, unit, range, states, elements and members', async () => {
  const { of, end } = await browse(undefined);
  const pressure = { kind: 'double', engineeringUnit: 'bar', low: '0', high: '16', assetName: '一号泵' };
  expect(of('pump-1/pressure')).toMatchObject({
    ...pressure,
    mapPoint: { node: 's={asset}.Pressure', namespace: PLANT },
  });
  expect(of('pump-1/pressure')?.pointName).toContain('outlet pressure');
  expect(of('pump-1/step')).toMatchObject({ kind: 'enum', states: { 0: 'Idle', 1: 'Filling', 2: 'Draining' } });
  expect(of('pump-1/running')).toMatchObject({ kind: 'enum', states: { 0: 'stopped', 1: 'running' } });
  expect(of('Types/mode')).toMatchObject({ kind: 'enum', states: { 1: 'Automatic', 4: 'By hand' } });
  expect(of('Types/state')).toMatchObject({ kind: 'enum', states: { 0: 'Stopped', 1: 'Running', 2: 'Fault' } });
  expect(of('Types/boolean')).toMatchObject({ kind: 'bool', states: {} });
  expect(of('Types/dateTime')?.kind).toBe('text');
  expect(of('Types/doubles2')?.mapPoint).toMatchObject({ node: 's=Doubles', index: 1 });
  expect(of('Types/matrix2x3')?.mapPoint).toMatchObject({ node: 's=Matrix', index: [1, 2] });
  const member = { node: 's=Drive', member: 'Axes[1].State' };
  expect(of('Types/driveAxes2State')).toMatchObject({ kind: 'enum', mapPoint: member, states: { 2: 'Fault' } });
  expect(of('Types/drives2MainSpeed')?.mapPoint).toMatchObject({ node: 's=Drives', index: 1, member: 'Main.Speed' });
  // Of what the server does not describe there is no point, which is said; nothing of the server itself is there.
  expect(of('Types/secret')).toBeUndefined();
  expect(JSON.stringify(end.notes)).toContain('1 variables have no value now');
  expect(end).toMatchObject({ complete: true, outcome: 'answered' });
});

test('below one node only; an object of its own is the asset; a variable is one point', async () => {
  const pump = await browse('pump-2');
  expect(new Set(pump.points.map(({ asset }) => asset))).toEqual(new Set(['pump-2']));
  const variable = await browse('pump-2.Phases');
  expect(variable.points.map(({ point }) => point)).toEqual(['phases1', 'phases2', 'phases3']);
});

test('ended early, it keeps what was found', async () => {
  const all = await browse('Many');
  expect(all.points).toHaveLength(200);
  const part = await browse('Many', 50);
  expect(part.points.length).toBeGreaterThanOrEqual(50);
  expect(part.points.length).toBeLessThan(200);
  expect(part.end.complete).toBe(false);
});

test('a node to begin at that the server does not have is told', async () => {
  const { points, end } = await browse('Pumpz');
  expect([points, end.complete]).toEqual([[], false]);
  expect(end.notes[0]).toMatchObject({
    zh: expect.stringContaining('s=Pumpz'),
    en: expect.stringContaining('s=Pumpz'),
  });
});
