import { DataType } from 'node-opcua';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { opcuaProtocol } from '../../adapters/opcua/protocol.ts';
import { resolveOpcua } from '../../adapters/opcua/resolve.ts';
import type { OpcuaMapPoint } from '../../adapters/opcua/schema.ts';
import { simulatedClock } from '../../model/clock.ts';
import type { ValueKind } from '../../model/point.ts';
import { AdapterRun } from '../support/adapter-run.ts';
import { type OpcuaPlant, PLANT, startPlant } from '../support/opcua-plant.ts';

let plant: OpcuaPlant;

beforeAll(async () => {
  plant = await startPlant();
});
afterAll(() => plant.stop());

type Wanted = Readonly<Record<string, readonly [kind: ValueKind, mapPoint: OpcuaMapPoint]>>;

/** Points of the plant, through the same `expand` and `resolve` as those of a map. */
function begin(wanted: Wanted): AdapterRun {
  const startMs = Date.now();
  const points = Object.entries(wanted).flatMap(([entry, [kind, mapPoint]]) =>
    (opcuaProtocol.expand?.(entry, mapPoint) ?? []).map(([name, own]) => {
      const resolved = resolveOpcua(own, { namespace: PLANT }, { asset: 'lab', point: name, kind, index: 0 });
      if (!resolved.ok) throw new Error(resolved.problems[0]?.text.en);
      return { key: `lab/${name}`, kind, address: resolved.value };
    }),
  );
  const run = new AdapterRun(opcuaProtocol, {
    key: 'plant',
    settings: { endpoint: plant.endpoint, sampling: '50ms', publishing: '50ms', refresh: '200ms' },
    points: points.map((point, number) => ({ ...point, number: number + 1 })),
    clock: simulatedClock(startMs, 1, startMs),
    log: { info: () => undefined, warn: () => undefined },
  });
  onTestFinished(async () => {
    await run.abort();
    expect(run.violations).toEqual([]);
  });
  return run;
}

/** What each point is: its value where it is good, else why not. */
async function values(wanted: Wanted): Promise<Record<string, unknown>> {
  const run = begin(wanted);
  const names = Object.entries(wanted).flatMap(([entry, [, mapPoint]]) =>
    (opcuaProtocol.expand?.(entry, mapPoint) ?? []).map(([name]) => name),
  );
  await run.until('all are read', () => names.every((name) => run.latest(name) !== undefined));
  return Object.fromEntries(
    names.map((name) => {
      const { quality, value, reason } = run.latest(name) ?? {};
      return [name, quality === 'good' ? value : reason];
    }),
  );
}

const node = (name: string, more: Partial<OpcuaMapPoint> = {}): OpcuaMapPoint => ({ node: `s=${name}`, ...more });

test('every built-in type, as a server sends it', async () => {
  expect(
    await values({
      boolean: ['bool', node('Boolean')],
      sbyte: ['double', node('SByte')],
      byte: ['double', node('Byte', { scale: 0.1 })],
      int16: ['double', node('Int16')],
      uint16: ['enum', node('UInt16')],
      int32: ['double', node('Int32')],
      uint32: ['bitset', node('UInt32')],
      int64: ['double', node('Int64')],
      uint64: ['double', node('UInt64')],
      asBool: ['bool', node('Byte', { type: 'bool' })],
      float: ['double', node('Float')],
      double: ['double', node('Double')],
      string: ['text', node('String')],
      seconds: ['double', node('DateTime')],
      time: ['text', node('DateTime')],
      guid: ['text', node('Guid')],
      bytes: ['text', node('ByteString')],
      xml: ['text', node('XmlElement')],
      nodeId: ['text', node('NodeId')],
      expanded: ['text', node('ExpandedNodeId')],
      status: ['text', node('StatusCode')],
      qualified: ['text', node('QualifiedName')],
      localized: ['text', node('LocalizedText')],
      notText: ['text', node('Double')],
      notNumber: ['double', node('String')],
    }),
  ).toEqual({
    boolean: 1,
    sbyte: -8,
    byte: 20,
    int16: -300,
    uint16: 40_000,
    int32: -70_000,
    uint32: 3_000_000_000,
    int64: -10,
    uint64: 2 ** 32,
    asBool: 1,
    float: 0.5,
    double: 1.25,
    string: '门',
    seconds: Date.parse('2026-06-15T12:30:00.250Z') / 1000,
    time: '2026-06-15T12:30:00.250Z',
    guid: '09087E75-8E5E-499B-954F-F2A9603DB28A',
    bytes: '01fe',
    xml: '<a/>',
    nodeId: 'ns=1;s=Lift',
    expanded: 'ns=1;i=7',
    status: 'BadSensorFailure',
    qualified: 'Speed',
    localized: '开',
    notText: 'wrong-type',
    notNumber: 'wrong-type',
  });
});

test('elements of arrays and matrices, one by one and expanded', async () => {
  expect(
    await values({
      phase: ['double', node('Doubles', { count: 3 })],
      second: ['double', node('Doubles', { index: 1 })],
      beyond: ['double', node('Doubles', { index: 3 })],
      whole: ['double', node('Doubles')],
      flags: ['bitset', node('Flags')],
      corner: ['double', node('Matrix', { index: [1, 2] })],
      row: ['double', node('Matrix', { index: [1, 0], count: 2 })],
      number: ['double', node('Variants', { index: 0 })],
      word: ['text', node('Variants', { index: 1 })],
    }),
  ).toEqual({
    ...{ phase1: 230, phase2: 231, phase3: 232, second: 231, beyond: 'missing-field', whole: 'wrong-type' },
    ...{ flags: 5, corner: 12, row1: 10, row2: 11, number: 7, word: 'x' },
  });
});

test('members of structures that the server describes, at the first read', async () => {
  expect(
    await values({
      speed: ['double', node('Drive', { member: 'Main.Speed' })],
      state: ['enum', node('Drive', { member: 'Axes[1].State' })],
      started: ['text', node('Drive', { member: 'Main.Started' })],
      serial: ['double', node('Drive', { member: 'Serial' })],
      warm: ['double', node('Drive', { member: 'Temperatures[1]' })],
      label: ['text', node('Drive', { member: 'Label' })],
      ready: ['bool', node('Drive', { member: 'Ready' })],
      each: ['double', node('Drives', { member: 'Axes[0].Speed', count: 2 })],
      nowhere: ['double', node('Drive', { member: 'Mian.Speed' })],
      whole: ['double', node('Drive')],
    }),
  ).toEqual({
    ...{ speed: 3, state: 1, started: '2026-06-15T00:00:00.000Z', serial: 2 ** 32 + 5, warm: 21.5, label: '主泵' },
    ...{ ready: 1, each1: 1, each2: 1, nowhere: 'missing-field', whole: 'wrong-type' },
  });
});

test('a structure that the server does not describe makes its own points bad, and no others', async () => {
  const run = begin({
    secret: ['double', node('Secret', { member: 'Speed' })],
    speed: ['double', node('Drive', { member: 'Main.Speed' })],
    level: ['double', node('Double')],
  });
  await run.until('all are read', () => ['secret', 'speed', 'level'].every((name) => run.latest(name) !== undefined));
  expect(run.latest('secret')).toMatchObject({ quality: 'bad', reason: 'unparsable-payload' });
  expect(run.latest('secret')?.detail).toMatch(/does not describe type ns=\d+;i=\d+/);
  expect(run.latest('speed')).toMatchObject({ quality: 'good', value: 3 });
  plant.set('s=Double', { dataType: DataType.Double, value: 2.5 });
  await run.until('changes go on', () => run.latest('level')?.value === 2.5);
  plant.set('s=Double', { dataType: DataType.Double, value: 1.25 });
  expect(run.ending).toBeUndefined();
});
