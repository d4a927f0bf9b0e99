import { StatusCodes } from 'node-opcua';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { opcuaProtocol } from '../../adapters/opcua/protocol.ts';
import type { OpcuaAddress } from '../../adapters/opcua/schema.ts';
import type { Adapter, LinkPoint } from '../../model/adapter.ts';
import { systemClock } from '../../model/clock.ts';
import type { Finding, ScanEvent, ScanOptions } from '../../model/probe.ts';
import { untoldWire } from '../../model/untold-wire.ts';
import { until } from '../support/until.ts';
import { type OpcuaLabServer, removeCertificates, startServer } from './labs/opcua.ts';

const WITHIN_MS = 10_000;
const namespace = 'urn:lab:plant';

const points: readonly LinkPoint<OpcuaAddress>[] = [
  { number: 1, key: 'lab/pressure', kind: 'double', address: { namespace, node: 'i=1001', scale: 0.1 } },
  { number: 2, key: 'lab/phase', kind: 'double', address: { namespace, node: 's=lab.Phases', index: 1 } },
  { number: 3, key: 'lab/nowhere', kind: 'double', address: { namespace: 'urn:other', node: 's=x' } },
];

let server: OpcuaLabServer;
let adapter: Adapter;

beforeAll(async () => {
  server = await startServer();
  adapter = adapterAt(server.port);
});

afterAll(async () => {
  await server.stop();
  removeCertificates();
});

function adapterAt(port: number): Adapter {
  return opcuaProtocol.create({
    key: 'plant',
    settings: { endpoint: `opc.tcp://127.0.0.1:${port}/UA`, refresh: '500ms' },
    points,
    clock: systemClock(),
    log: { info: () => undefined, warn: () => undefined },
    wire: untoldWire,
  });
}

async function read(where: string, of = adapter): Promise<Finding> {
  const answer = await of.probe?.({ where }, new AbortController().signal);
  if (!answer?.ok) throw new Error(answer?.text.en ?? 'the adapter cannot read');
  return answer.finding;
}

async function scan(options: ScanOptions, signal = new AbortController().signal) {
  const rows = new Map<string, readonly unknown[]>();
  const take = (event: ScanEvent) => {
    if (event.kind === 'row') rows.set(event.key, event.cells);
  };
  const answer = await adapter.scan?.({ pace: '0ms', ...options }, signal, take);
  return { answer, rows };
}

const factOf = ({ facts }: Finding, key: string) => facts.find((fact) => fact.key === key)?.value;
const tableOf = ({ tables }: Finding, key: string) => tables.find((table) => table.key === key)?.rows;

describe('a read', () => {
  test('gives value, type, status and times of a node, by index, by URI and by a point’s key', async () => {
    for (const where of ['ns=3;i=1001', 'nsu=urn:lab:plant;i=1001', 'lab/pressure']) {
      const finding = await read(where);
      expect(finding).toMatchObject({ outcome: 'answered', trouble: null });
      expect(factOf(finding, 'node')).toBe('ns=3;i=1001');
      expect(factOf(finding, 'namespace')).toBe('3 = urn:lab:plant');
      expect(factOf(finding, 'type')).toBe('Int16');
      expect(factOf(finding, 'value')).toBe('82');
      expect(factOf(finding, 'status')).toMatchObject({ en: 'good Good (0x00000000)' });
      const sourceMs = Date.parse(String(factOf(finding, 'sourceTime')));
      expect(Math.abs(Date.now() - sourceMs)).toBeLessThan(60_000);
      expect(tableOf(finding, 'points')?.map((cells) => cells.slice(0, 3))).toEqual([
        ['lab/pressure', 'double, × 0.1', expect.stringMatching(/^8\.2/)],
      ]);
    }
    // The sessions of the reads do not stay.
    await until('no session is open', WITHIN_MS, () => server.sessions() === 0);
  });

  test('integers of 64 bits are whole, texts are quoted, and arrays are shown element by element', async () => {
    expect(factOf(await read('ns=3;s=lab.Trips'), 'value')).toBe(String(2 ** 40 + 1));
    expect(factOf(await read('ns=3;s=lab.Message'), 'value')).toBe('"ready"');
    const array = await read('ns=3;s=lab.Phases');
    expect(factOf(array, 'type')).toBe('Double[3]');
    expect(tableOf(array, 'elements')).toEqual([
      ['0', '230', ''],
      ['1', '229.5', 'lab/phase'],
      ['2', '231', ''],
    ]);
  });

  test('uses the session that the link holds', async () => {
    const held = adapterAt(server.port);
    const stop = new AbortController();
    let isUp = false;
    const taken = { taken: Promise.resolve({ kept: true }), kept: Promise.resolve() };
    const over = held.run(
      () => taken,
      stop.signal,
      () => {
        isUp = true;
      },
    );
    onTestFinished(async () => {
      stop.abort();
      await over;
    });
    await until('the link is up', WITHIN_MS, () => isUp);
    // Those of the reads before may still be closing.
    await until('its session is the only one', WITHIN_MS, () => server.sessions() === 1);
    let most = server.sessions();
    const timer = setInterval(() => {
      most = Math.max(most, server.sessions());
    }, 1);
    expect((await read('ns=3;s=lab.Level', held)).outcome).toBe('answered');
    clearInterval(timer);
    expect(most).toBe(1);
    stop.abort();
    await over;
    expect((await read('ns=3;s=lab.Level', held)).outcome).toBe('answered');
  });

  test('a node that is not there, and one that is bad: what, and what to try', async () => {
    const missing = await read('ns=3;s=lab.Nowhere');
    expect(missing.outcome).toBe('refused');
    expect(missing.trouble?.what.en).toContain('BadNodeIdUnknown');
    expect(tableOf(missing, 'namespaces')).toContainEqual(['3', 'urn:lab:plant']);
    const elsewhere = await read('lab/nowhere');
    expect(elsewhere.trouble?.what.en).toContain('does not have the namespace urn:other');
    server.mark('level', StatusCodes.BadSensorFailure);
    expect((await read('ns=3;s=lab.Level')).trouble?.what.en).toContain('BadSensorFailure');
    server.mark('level', StatusCodes.Good);
    expect((await read('i=85')).trouble?.next[0]?.en).toContain('no variable');
  });

  test('nobody at the address', async () => {
    const finding = await read('i=2258', adapterAt(1));
    expect(finding.outcome).toBe('unreachable');
    expect(finding.trouble?.next[0]?.en).toContain('4840');
  });

  test.each(['', 'Level', 'ns=x;s=1', 'ns=3;q=1'])('what is no node id is refused: %j', async (where) => {
    expect(await adapter.probe?.({ where }, new AbortController().signal)).toMatchObject({ ok: false });
  });
});

describe('a scan', () => {
  test('lists the variables with path, type and value, and the namespaces', async () => {
    const { answer, rows } = await scan({});
    expect(answer).toMatchObject({ ok: true, end: { complete: true, outcome: 'answered', trouble: null } });
    expect(rows.get('ns=3;i=1001')).toEqual(['ns=3;i=1001', 'pressure', 'Int16', '1', '82']);
    expect(rows.get('ns=3;s=lab.Phases')).toEqual([
      'ns=3;s=lab.Phases',
      'phase',
      'Double[3]',
      '1',
      '[230, 229.5, 231]',
    ]);
    // The server's description of itself is left out unless asked for.
    expect(rows.has('ns=0;i=2255')).toBe(false);
    expect(JSON.stringify(answer)).toContain('3 = urn:lab:plant');
    await until('no session is open', WITHIN_MS, () => server.sessions() === 0);
  });

  test('says where it went no deeper, and where it was ended', async () => {
    const shallow = await scan({ from: 'i=84', depth: '1' });
    expect(shallow.answer).toMatchObject({ end: { complete: false } });
    expect(JSON.stringify(shallow.answer)).toContain('only 1 levels were looked at');
    const server = await scan({ from: 'i=2253', depth: '2' });
    expect(server.rows.has('ns=0;i=2255')).toBe(true);
    const stop = new AbortController();
    stop.abort();
    expect((await scan({}, stop.signal)).answer).toMatchObject({ end: { complete: false } });
  });

  test.each([
    [{ units: '1' }, '--units'],
    [{ depth: '0' }, '--depth'],
    [{ pace: '1' }, '--pace'],
    [{ from: 'x' }, 'cannot read the node'],
  ])('%j is refused', async (options, part) => {
    expect((await scan(options)).answer).toMatchObject({ ok: false, text: { en: expect.stringContaining(part) } });
  });
});
