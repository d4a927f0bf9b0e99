import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { resolveAddress } from '../../adapters/modbus/address.ts';
import { modbusProtocol } from '../../adapters/modbus/protocol.ts';
import type { Adapter, LinkPoint } from '../../model/adapter.ts';
import { systemClock } from '../../model/clock.ts';
import type { Finding, ScanAnswer, ScanEvent, ScanOptions } from '../../model/probe.ts';
import { untoldWire } from '../../model/untold-wire.ts';
import { METER_UNIT, setMeter } from '../support/cabinet-site.ts';
import { ModbusDevice } from '../support/modbus-device.ts';
import { describeWithServer, type ModbusTables, startPymodbus } from '../support/servers.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 5000;

let device: ModbusDevice;
let adapter: Adapter;
let timeOuts: number;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  device = await ModbusDevice.start();
  setMeter(device);
  timeOuts = 0;
  adapter = modbusProtocol.create({
    key: 'cabinet',
    settings: { endpoint: device.endpoint, timeout: '150ms', poll: '50ms' },
    points: [voltage()],
    clock: systemClock(),
    log: { info: () => undefined, warn: () => undefined },
    wire: {
      ...untoldWire,
      timedOut: () => {
        timeOuts += 1;
      },
    },
  });
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await device.kill();
});

function voltage(): LinkPoint<Extract<ReturnType<typeof resolveAddress>, { ok: true }>['value']> {
  const context = { asset: 'meter-1', point: 'voltage', kind: 'double', index: 0 } as const;
  const resolved = resolveAddress({ register: 40161, scale: 0.1 }, { unit: METER_UNIT }, context);
  if (!resolved.ok) throw new Error('the place of the test is none');
  return { number: 1, key: 'meter-1/voltage', kind: 'double', address: resolved.value };
}

/** Holds the link as the supervisor does, until the test is over. */
async function run(): Promise<void> {
  const stop = new AbortController();
  const taken = { taken: Promise.resolve({ kept: true }), kept: Promise.resolve() };
  const over = adapter
    .run(
      () => taken,
      stop.signal,
      () => undefined,
    )
    .catch(() => undefined);
  ends.push(() => {
    stop.abort();
    return over;
  });
  await until('the link polls', WITHIN_MS, () => device.requests.length > 2);
}

async function read(where: string, part: { count?: number; wide?: boolean } = {}): Promise<Finding> {
  const answer = await adapter.probe?.({ where, ...part }, new AbortController().signal);
  if (!answer?.ok) throw new Error(answer?.text.en ?? 'the adapter cannot read');
  return answer.finding;
}

const mappedValue = ({ tables }: Finding) => tables.find(({ key }) => key === 'points')?.rows[0]?.[3];
const columnOf = ({ tables }: Finding, key: string, column: string) => {
  const table = tables.find((candidate) => candidate.key === key);
  const at = table?.columns.findIndex((candidate) => candidate.key === column) ?? -1;
  return table?.rows.map((row) => row[at]);
};

describe('a read', () => {
  test('goes over the connection that the link holds, between its polls', async () => {
    await run();
    const polled = device.requests.length;
    const finding = await read('40161@7');
    expect(finding.outcome).toBe('answered');
    expect(mappedValue(finding)).toBe('230.5');
    await until('polling goes on', WITHIN_MS, () => device.requests.length > polled + 5);
    expect(device.connectionsMade).toBe(1);
  });

  test('is no fault of the link: a unit that is not there counts for nothing in its facts', async () => {
    device.silentUnits.add(8);
    await run();
    expect((await read('40161@8')).outcome).toBe('silent');
    expect(timeOuts).toBe(0);
  });

  test('opens a connection of its own where the link holds none, and closes it', async () => {
    expect(mappedValue(await read('meter-1/voltage'))).toBe('230.5');
    expect(device.connectionsMade).toBe(1);
    await until('it is closed', WITHIN_MS, () => device.connections === 0);
  });

  test('asks for the neighbours along, in one request where the device gives them', async () => {
    device.set(METER_UNIT, 'holding', 159, 7);
    device.requests = [];
    const finding = await read('holding:160@7');
    expect(device.requests).toEqual([{ unit: METER_UNIT, table: 'holding', address: 159, count: 4 }]);
    expect(columnOf(finding, 'entries', 'value')).toEqual(['7', '2305', '16706', '2']);
  });

  test('gives what can be had of a place beside a hole, and says what cannot', async () => {
    const finding = await read('holding:164@7');
    expect(finding.outcome).toBe('answered');
    expect(columnOf(finding, 'entries', 'value')).toEqual([
      '1',
      '1',
      { zh: expect.stringContaining('异常码 2'), en: expect.stringContaining('exception 2') },
      { zh: expect.stringContaining('异常码 2'), en: expect.stringContaining('exception 2') },
    ]);
  });

  test('a place that the device refuses: the neighbour that can be read is named', async () => {
    const finding = await read('holding:159@7', { count: 1 });
    expect(finding.outcome).toBe('refused');
    expect(finding.trouble?.what.en).toContain('exception 2');
    expect(finding.trouble?.next[0]?.en).toContain('holding:160@7');
  });

  test('a unit behind a gateway that is not there, and one that keeps silent', async () => {
    device.unitExceptions.set(9, 11);
    device.silentUnits.add(8);
    const missing = await read('40161@9');
    expect(missing.outcome).toBe('refused');
    expect(missing.trouble?.next[0]?.en).toContain('scan cabinet --units 1-247');
    const silent = await read('40161@8');
    expect(silent.outcome).toBe('silent');
    expect(silent.trouble?.next[0]?.en).toContain('unit 8');
  });

  test.each(['garbage', 'short', 'wrong-unit'] as const)(
    'a reply that is no answer to it is told as such: %s',
    async (fault) => {
      device.fault(METER_UNIT, 'holding', 160, fault);
      const finding = await read('40161@7');
      expect(['refused', 'silent']).toContain(finding.outcome);
      expect(finding.trouble).not.toBeNull();
    },
  );

  test('nobody at the address: why, and what to look at', async () => {
    await device.kill();
    const finding = await read('40161@7');
    expect(finding.outcome).toBe('unreachable');
    expect(finding.trouble?.what.en).toContain('ECONNREFUSED');
    expect(finding.tables).toEqual([]);
    await device.revive();
  });

  test('bits have addresses and neighbours, and no decodings', async () => {
    const finding = await read('10004@7');
    expect(columnOf(finding, 'entries', 'bit')).toEqual(['—', '1', '—']);
    expect(finding.tables.map(({ key }) => key)).toEqual(['entries']);
  });

  test('ends soon when whoever asked is gone', async () => {
    device.silent = true;
    const stop = new AbortController();
    const startMs = performance.now();
    const answer = adapter.probe?.({ where: '40161@7' }, stop.signal);
    await until('it was asked', WITHIN_MS, () => device.requests.length > 0);
    stop.abort();
    expect((await answer)?.ok).toBe(true);
    expect(performance.now() - startMs).toBeLessThan(2000);
    await until('nothing of it is left', WITHIN_MS, () => device.connections === 0);
  });

  test.each([0, 124])('%i entries are refused before anything is asked', async (count) => {
    expect(await adapter.probe?.({ where: '40161@7', count }, new AbortController().signal)).toMatchObject({
      ok: false,
    });
    expect(device.connectionsMade).toBe(0);
  });
});

describe('a scan', () => {
  interface Scanned {
    readonly answer: ScanAnswer | undefined;
    /** Rows by table, each row's cells in English. */
    readonly rows: Readonly<Record<string, readonly (readonly string[])[]>>;
  }

  async function scan(
    options: ScanOptions,
    signal = new AbortController().signal,
    tell: (event: ScanEvent) => void = () => undefined,
  ): Promise<Scanned> {
    const tables = new Map<string, Map<string, readonly string[]>>([
      ['units', new Map()],
      ['blocks', new Map()],
    ]);
    const answer = await adapter.scan?.({ pace: '0ms', timeout: '60ms', ...options }, signal, (event) => {
      tell(event);
      if (event.kind !== 'row') return;
      const cells = event.cells.map((cell) => (typeof cell === 'string' ? cell : cell.en));
      tables.get(event.table)?.set(event.key, cells);
    });
    const rows = Object.fromEntries([...tables].map(([key, found]) => [key, [...found.values()]]));
    return { answer, rows };
  }

  test('finds the units that answer, also by a refusal, and what can be read of them', async () => {
    device.set(3, 'input', 0, ...Array.from({ length: 200 }, (_, i) => i));
    for (const unit of [1, 2, 4, 6, 8]) device.silentUnits.add(unit);
    device.unitExceptions.set(5, 11);
    const { answer, rows } = await scan({ units: '1-8', to: '300' });
    expect(answer).toMatchObject({ ok: true, end: { complete: true, outcome: 'answered', trouble: null } });
    expect(rows.units).toEqual([
      ['3', 'answers (address 0: exception 2)', 'readable', '0'],
      ['7', 'answers (address 0: exception 2)', 'answers (address 0: exception 2)', '1'],
    ]);
    expect(rows.blocks).toEqual([
      ['3', 'input', '0–199', '30001–30200', '200', '0000 0001 0002 0003 …', '0', ''],
      ['7', 'holding', '160–164', '40161–40165', '5', '0901 4142 0002 0001 …', '1', ''],
    ]);
  });

  test('goes between the polls, over the connection that the link holds', async () => {
    await run();
    const { rows } = await scan({ units: '7', tables: 'holding', to: '300' });
    expect(rows.blocks).toHaveLength(1);
    expect(device.connectionsMade).toBe(1);
    const asked = device.requests.findLastIndex(({ address }) => address === 300);
    const polls = device.requests.slice(0, asked).filter(({ address, count }) => address === 160 && count === 1);
    expect(polls.length).toBeGreaterThan(3);
  });

  test('leaves the polls half of the time while nobody answers it', async () => {
    const pollMs = 50;
    const units = [11, 12, 13, 14];
    for (const unit of units) device.set(unit, 'holding', 0, 1);
    for (let unit = 20; unit < 30; unit++) device.silentUnits.add(unit);
    const points = units.map((unit, number) => {
      const context = { asset: 'a', point: 'p', kind: 'double', index: 0 } as const;
      const resolved = resolveAddress({ table: 'holding', address: 0 }, { unit }, context);
      if (!resolved.ok) throw new Error('the place of the test is none');
      return { number, key: `a/${unit}`, kind: 'double', address: resolved.value } as const;
    });
    const settings = { endpoint: device.endpoint, timeout: '150ms', poll: `${pollMs}ms` };
    const log = { info: () => undefined, warn: () => undefined };
    adapter = modbusProtocol.create({ key: 'cabinet', settings, points, clock: systemClock(), log, wire: untoldWire });
    await run();
    device.requests = [];
    const startMs = performance.now();
    await scan({ units: '20-29', tables: 'holding', timeout: '100ms' });
    const polls = (performance.now() - startMs) / pollMs;
    const asked = device.requests.filter(({ unit }) => unit === units[0]).length;
    expect(asked / polls).toBeGreaterThan(0.35);
  });

  test('finds how much a device gives at once, and bits', async () => {
    device.maxCount = 10;
    device.set(METER_UNIT, 'coil', 0, 1, 0, 1);
    device.set(METER_UNIT, 'holding', 165, ...Array.from({ length: 20 }, () => 1));
    const { rows } = await scan({ units: '7', tables: 'holding,coil', to: '200' });
    expect(rows.blocks?.map((cells) => [cells[1], cells[2], cells[5], cells[7]])).toEqual([
      ['holding', '160–184', '0901 4142 0002 0001 …', 'at most 10 at once'],
      ['coil', '0–2', '101', ''],
    ]);
  });

  test('knows a device that keeps silent where it should refuse, and gives it up in the end', async () => {
    for (let address = 165; address < 400; address++) device.fault(METER_UNIT, 'holding', address, 'silent');
    for (let address = 165; address < 400; address++) device.set(METER_UNIT, 'holding', address, 0);
    const { answer, rows } = await scan({ units: '7', tables: 'holding', from: '160', to: '300', timeout: '20ms' });
    expect(rows.blocks?.map((cells) => cells[2])).toEqual(['160–164']);
    expect(answer).toMatchObject({ end: { complete: false } });
    expect(JSON.stringify(answer)).toContain('keeps silent about addresses');
  });

  test('a unit that dies under way ends its table, and is told', async () => {
    device.set(METER_UNIT, 'holding', 300, 1);
    const { answer, rows } = await scan(
      { units: '7', tables: 'holding', from: '160', to: '320' },
      undefined,
      (event) => {
        if (event.kind === 'row' && event.table === 'blocks') device.silentUnits.add(METER_UNIT);
      },
    );
    expect(rows.blocks).toHaveLength(1);
    expect(JSON.stringify(answer)).toContain('no answer from holding:');
  });

  test('looks through so many units only where a device answers to all of them', async () => {
    const { answer, rows } = await scan({ units: '1-40', tables: 'holding', from: '160', to: '165' });
    expect(rows.units).toHaveLength(40);
    // That of the site file is among them.
    expect(rows.blocks?.map((cells) => cells[0])).toEqual(['7']);
    expect(JSON.stringify(answer)).toContain('40 units answer; blocks were looked for on 16');
  });

  test('is over in time, and when whoever asked is gone', async () => {
    device.silent = true;
    const late = await scan({ for: '1s', timeout: '300ms' });
    expect(late.answer).toMatchObject({ end: { complete: false } });
    expect(JSON.stringify(late.answer)).toContain('not everything was looked through');
    const stop = new AbortController();
    const startMs = performance.now();
    const gone = scan({}, stop.signal);
    setTimeout(() => stop.abort(), 100);
    expect((await gone).answer).toMatchObject({ end: { complete: false } });
    expect(performance.now() - startMs).toBeLessThan(2000);
  });

  test('nobody answers: what to try', async () => {
    device.silent = true;
    const { answer } = await scan({ units: '1-2', timeout: '30ms' });
    expect(answer).toMatchObject({ end: { complete: true, outcome: 'silent' } });
    expect(JSON.stringify(answer)).toContain('no unit answered');
  });

  test.each([
    [{ units: '0-256' }, '--units'],
    [{ units: '5-1' }, '--units'],
    [{ tables: 'holding,registers' }, '--tables'],
    [{ from: '10', to: '5' }, '--from'],
    [{ to: '65536' }, '--from'],
    [{ timeout: '1' }, '--timeout'],
    [{ depth: '3' }, '--depth'],
  ])('%j is refused before anything is asked', async (options, part) => {
    const { answer } = await scan(options);
    expect(answer).toMatchObject({ ok: false, text: { en: expect.stringContaining(part) } });
    expect(device.connectionsMade).toBe(0);
  });
});

await describeWithServer('pymodbus', 'of a server written by others', () => {
  const tables = (holding: readonly number[]): ModbusTables => ({ coil: [1], discrete: [0], holding, input: [7] });

  test.each(['tcp', 'rtu+tcp'] as const)('a read and a scan over %s', async (mode) => {
    const server = await startPymodbus(
      { mode },
      { 2: tables([2305, 1, 2]), 5: tables(Array.from({ length: 300 }, () => 9)) },
    );
    onTestFinished(() => server.remove());
    const other = modbusProtocol.create({
      key: 'cabinet',
      settings: { endpoint: `${mode}://127.0.0.1:${server.port}`, timeout: '300ms' },
      points: [],
      clock: systemClock(),
      log: { info: () => undefined, warn: () => undefined },
      wire: untoldWire,
    });
    const { signal } = new AbortController();
    const answer = await other.probe?.({ where: '40001@2' }, signal);
    expect(answer).toMatchObject({ ok: true, finding: { outcome: 'answered' } });
    const rows: string[] = [];
    const options = { units: '1-6', to: '400', pace: '0ms', timeout: '150ms', tables: 'holding' };
    const scanned = await other.scan?.(options, signal, (event) => {
      if (event.kind === 'row') rows.push(event.key);
    });
    expect(scanned).toMatchObject({ ok: true, end: { complete: true, outcome: 'answered' } });
    expect([...new Set(rows)]).toEqual(['2', '5', '2 holding 0', '5 holding 0']);
  });
});
