import modbusSerial from 'modbus-serial';
import type { ModbusAddress } from '../../adapters/modbus/address.ts';
import { modbusProtocol } from '../../adapters/modbus/protocol.ts';
import type { LinkPoint, Wire } from '../../model/adapter.ts';
import { systemClock } from '../../model/clock.ts';
import { untoldWire } from '../../model/untold-wire.ts';
import { Child } from '../support/child.ts';
import type { Figure, Measuring } from '../support/measurement.ts';

const REGISTERS = 125;
/** Links, each with so many requests in a poll: enough to keep busy until the next, which comes 10 ms later at the soonest. */
const LOADS = [
  { links: 1, blocks: 200 },
  { links: 10, blocks: 40 },
];
/** Real ms of one measurement; each is made so often, by turns with the library's. */
const MEASURED_MS = 2500;
const ROUNDS = 3;
const WARM_UP_MS = 700;

/** The load of a large building: 5,000 points per second, on ten links. */
const STEADY_LINKS = 10;
const STEADY_BLOCKS = 4;
const STEADY_MS = 10_000;

interface Counted {
  readonly requestsPerS: number;
  readonly registersPerS: number;
  /** Processor time of this process ÷ elapsed time. */
  readonly cores: number;
}

interface Totals {
  requests: number;
  registers: number;
}

/**
 * Requests and registers per second over one and over ten links, read as fast as it goes, decoded to samples, beside the
 * bare `modbus-serial` client making the same requests of the same device; and what 5,000 points per second cost.
 */
export async function measureModbus({ progress, signal }: Measuring): Promise<Figure[]> {
  const device = new Child('test/bench/modbus-responder.ts', []);
  try {
    const { port } = await device.ready<{ port: number }>();
    const figures: Figure[] = [];
    for (const { links, blocks } of LOADS) {
      if (signal.aborted) return figures;
      progress(`modbus: ${links} ${links === 1 ? 'link' : 'links'}`);
      figures.push(...(await sideBySide(links, blocks, port)));
    }
    if (signal.aborted) return figures;
    progress('modbus: 5,000 points per second');
    figures.push(await steady(port));
    return figures;
  } finally {
    await device.end();
  }
}

async function sideBySide(links: number, blocks: number, port: number): Promise<Figure[]> {
  const ours: Counted[] = [];
  const bare: Counted[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(await countBare(links, port, blocks));
    ours.push(await countOurs(links, port, blocks, '10ms', MEASURED_MS));
  }
  const name = `modbus, ${links} ${links === 1 ? 'link' : 'links'}`;
  const figure = (unit: string, of: (one: Counted) => number): Figure => {
    const [value, reference] = [best(ours, of), best(bare, of)];
    return { name, value: Math.round(value), unit, reference: Math.round(reference), ratio: round2(value / reference) };
  };
  const [fastest = ours[0]] = ours.toSorted((a, b) => b.requestsPerS - a.requestsPerS);
  return [
    { ...figure('requests/s', (one) => one.requestsPerS), cpuCores: round2(fastest?.cores ?? 0) },
    figure('registers/s', (one) => one.registersPerS),
  ];
}

/** Other work on the machine only ever takes speed away. */
function best(counted: readonly Counted[], of: (one: Counted) => number): number {
  return Math.max(...counted.map(of));
}

async function steady(port: number): Promise<Figure> {
  const counted = await countOurs(STEADY_LINKS, port, STEADY_BLOCKS, '1s', STEADY_MS);
  return {
    name: 'modbus, 10 links, 5,000 points at 1 s',
    value: Math.round(counted.registersPerS),
    unit: 'samples/s',
    cpuCores: round2(counted.cores),
  };
}

async function countOurs(links: number, port: number, blocks: number, poll: string, forMs: number): Promise<Counted> {
  const totals: Totals = { requests: 0, registers: 0 };
  const wire: Wire = {
    ...untoldWire,
    answered: () => {
      totals.requests += 1;
    },
    failed: (reason) => {
      throw new Error(reason.en);
    },
  };
  const stop = new AbortController();
  const taken = Promise.resolve({ kept: true });
  const runs = Array.from({ length: links }, (_, link) =>
    modbusProtocol
      .create({
        key: `link-${link}`,
        settings: { endpoint: `tcp://127.0.0.1:${port}`, poll, timeout: '5s' },
        points: pointsOf(blocks),
        clock: systemClock(),
        log: { info: () => undefined, warn: () => undefined },
        wire,
      })
      .run(
        (batch) => {
          totals.registers += batch.length;
          return { taken, kept: taken };
        },
        stop.signal,
        () => undefined,
      ),
  );
  try {
    return await Promise.race([
      count(totals, forMs),
      Promise.all(runs).then(() => Promise.reject(new Error('it ended'))),
    ]);
  } finally {
    stop.abort();
    await Promise.all(runs);
  }
}

/** Each block is one request, each register a point. */
function pointsOf(blocks: number): LinkPoint<ModbusAddress>[] {
  return Array.from({ length: blocks * REGISTERS }, (_, address) => {
    const context = { asset: 'a', point: `p${address}`, kind: 'double', index: 0 } as const;
    const resolved = modbusProtocol.resolve({ table: 'holding', address, scale: 0.1 }, { unit: 1 }, context);
    if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
    return { number: address + 1, key: `a/p${address}`, kind: 'double', address: resolved.value };
  });
}

/** As the library is meant to be used: one request after the other on each connection, awaited. */
async function countBare(links: number, port: number, blocks: number): Promise<Counted> {
  const totals: Totals = { requests: 0, registers: 0 };
  const clients = Array.from({ length: links }, () => new modbusSerial.default());
  await Promise.all(clients.map((client) => client.connectTCP('127.0.0.1', { port })));
  let over = false;
  const readAll = clients.map(async (client) => {
    client.setID(1);
    client.setTimeout(5000);
    for (let block = 0; !over; block = (block + 1) % blocks) {
      const { data } = await client.readHoldingRegisters(block * REGISTERS, REGISTERS);
      totals.requests += 1;
      totals.registers += data.length;
    }
  });
  try {
    return await count(totals, MEASURED_MS);
  } finally {
    over = true;
    await Promise.all(readAll);
    await Promise.all(clients.map((client) => new Promise<void>((closed) => client.close(() => closed()))));
  }
}

async function count(totals: Totals, forMs: number): Promise<Counted> {
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const before = { ...totals };
  const startMs = performance.now();
  const usage = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, forMs));
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(usage);
  return {
    requestsPerS: (totals.requests - before.requests) / seconds,
    registersPerS: (totals.registers - before.registers) / seconds,
    cores: (user + system) / 1e6 / seconds,
  };
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
