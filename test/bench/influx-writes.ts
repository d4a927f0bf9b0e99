import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { FieldNames } from '../../gateway/history/field-names.ts';
import { influxHistory } from '../../gateway/history/influx.ts';
import { INFLUX_WRITES_IN_FLIGHT } from '../../gateway/history/influx-messages.ts';
import { encodeSamples, headOf } from '../../gateway/history/line-protocol.ts';
import { LineWriter } from '../../gateway/history/lines.ts';
import type { SampleBlock } from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';
import { BatchBuilder } from '../../model/sample.ts';
import type { Figure, Measuring } from '../support/measurement.ts';
import { startInfluxd } from '../support/servers.ts';
import { processorSeconds } from './process-usage.ts';

const POINTS = 2000;
const BATCH_SAMPLES = 20_000;
const BATCHES = 60;
/** Written before each measurement: the database and what the runtime has compiled are then there, on both sides. */
const WARM_UP_BATCHES = 10;
/** Measured in turn, each the first by turns, so that what else the machine does meets both; the median of each counts. */
const ROUNDS = 5;
/** Connections that are tried for what is posted straight; it gets what suits it best. */
const CONNECTIONS = [2, 4, 8];

/**
 * What our sink writes to InfluxDB, beside the same bytes, encoded before, posted straight to the same influxd: bodies
 * of a batch each, as the sink sends them once it has found out that the server is fast.
 */
export async function measureInfluxWrites({ progress, signal }: Measuring): Promise<Figure[]> {
  const influxd = await startInfluxd();
  try {
    const { url } = influxd;
    const ours: number[] = [];
    const straight: number[] = [];
    let cores = 0;
    const connections = await bestConnections(url, signal);
    for (let round = 0; round < ROUNDS && !signal.aborted; round++) {
      const blocks = blocksOf(round);
      const throughSink = async () => {
        const measured = await writeThroughSink(url, blocks, signal);
        ours.push(measured.perSecond);
        ({ cores } = measured);
      };
      const posted = async () => straight.push(await postStraight(url, blocks.map(bodyOf), connections));
      for (const measure of round % 2 === 0 ? [throughSink, posted] : [posted, throughSink]) await measure();
      progress(
        `influx: ${shown(ours)} k samples/s through the sink, ${shown(straight)} k straight over ${connections} connections`,
      );
    }
    const value = median(ours);
    const reference = median(straight);
    return [
      {
        name: 'InfluxDB, writes through the sink',
        value: Math.round(value),
        unit: 'samples/s',
        reference: Math.round(reference),
        ratio: value / reference,
        cpuCores: cores,
      },
      { name: 'influxd, in all', value: processorSeconds(influxd.pid), unit: 's of processor time' },
    ];
  } finally {
    await influxd.remove();
  }
}

async function bestConnections(url: string, signal: AbortSignal): Promise<number> {
  const bodies = blocksOf(0).map(bodyOf);
  let best = { connections: 1, perSecond: 0 };
  for (const connections of CONNECTIONS) {
    if (signal.aborted) break;
    const perSecond = await postStraight(url, bodies, connections);
    if (perSecond > best.perSecond) best = { connections, perSecond };
  }
  return best.connections;
}

async function writeThroughSink(
  url: string,
  blocks: readonly SampleBlock[],
  signal: AbortSignal,
): Promise<{ readonly perSecond: number; readonly cores: number }> {
  const database = freshName();
  const home = influxHistory({ url, database, lookup: (number) => points[number - 1] });
  const write = async (block: SampleBlock) => {
    const outcome = await home.writeSamples([block], signal);
    if (outcome.outcome !== 'done') throw new Error(`the sink did not take a batch: ${outcome.reason}`);
  };
  try {
    await inParallel(blocks.slice(0, WARM_UP_BATCHES), INFLUX_WRITES_IN_FLIGHT, write);
    const before = process.cpuUsage();
    const startMs = performance.now();
    await inParallel(blocks.slice(WARM_UP_BATCHES), INFLUX_WRITES_IN_FLIGHT, write);
    const tookMs = performance.now() - startMs;
    const used = process.cpuUsage(before);
    return {
      perSecond: ((BATCHES * BATCH_SAMPLES) / tookMs) * 1000,
      cores: (used.user + used.system) / 1000 / tookMs,
    };
  } finally {
    await home.close();
    await query(url, `DROP DATABASE "${database}"`);
  }
}

/** Samples per second. */
async function postStraight(url: string, bodies: readonly Buffer[], connections: number): Promise<number> {
  const database = freshName();
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const write = (body: Buffer) => post(agent, `${url}/write?db=${database}&precision=ns`, body);
  try {
    await query(url, `CREATE DATABASE "${database}"`);
    await inParallel(bodies.slice(0, WARM_UP_BATCHES), connections, write);
    const startMs = performance.now();
    await inParallel(bodies.slice(WARM_UP_BATCHES), connections, write);
    return ((BATCHES * BATCH_SAMPLES) / (performance.now() - startMs)) * 1000;
  } finally {
    agent.destroy();
    await query(url, `DROP DATABASE "${database}"`);
  }
}

/** A database that is dropped goes on for a while, and no other should be called like it meanwhile. */
function freshName(): string {
  return `bench-${randomUUID()}`;
}

async function query(url: string, text: string): Promise<void> {
  const response = await fetch(`${url}/query?q=${encodeURIComponent(text)}`, { method: 'POST' });
  if (!response.ok) throw new Error(`influxd: ${await response.text()}`);
  await response.body?.cancel();
}

function post(agent: Agent, url: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', agent, headers: { 'content-length': body.length } }, (response) => {
      response.resume();
      response.once('end', () => {
        if ((response.statusCode ?? 500) < 300) resolve();
        else reject(new Error(`influxd answers ${response.statusCode}`));
      });
    });
    asked.once('error', reject);
    asked.end(body);
  });
}

/** Works through the items in order, so many at a time. */
async function inParallel<Item>(
  items: readonly Item[],
  atATime: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
}

function blocksOf(round: number): SampleBlock[] {
  return Array.from({ length: WARM_UP_BATCHES + BATCHES }, (_, turn) => blockOf(turn, round));
}

function blockOf(turn: number, round: number): SampleBlock {
  const builder = new BatchBuilder(BATCH_SAMPLES);
  const firstMs = Date.UTC(2026, 5, 15) + turn * 10_000;
  for (let row = 0; row < BATCH_SAMPLES; row++) {
    const ms = firstMs + Math.floor(row / POINTS) * 1000;
    builder.good((row % POINTS) + 1, ms, ms, worth(turn, row) + round);
  }
  return { logSeq: turn + 1, firstOrdinal: turn * BATCH_SAMPLES, batch: builder.take() };
}

function worth(turn: number, row: number): number {
  return Math.round((228 + ((row * 7 + turn * 3) % 400) / 100) * 10) / 10;
}

/** The very bytes that the sink makes of it. */
function bodyOf(block: SampleBlock): Buffer {
  const writer = new LineWriter();
  encodeSamples([block], (number) => heads[number - 1], { unknownPoint: 0, impossibleTime: 0 }, writer);
  return Buffer.from(writer.lines.bytes);
}

function pointOf(number: number): PointInfo {
  return {
    number,
    key: `meter-${number}/power`,
    asset: `meter-${number}`,
    point: 'power',
    system: 'electricity',
    kind: 'double',
  };
}

const points = Array.from({ length: POINTS }, (_, index) => pointOf(index + 1));
const names = new FieldNames();
/** Each block is encoded once, so that places of samples are the same as in a home that is new. */
const heads = points.map((point) => headOf(point, names));

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function shown(values: readonly number[]): string {
  return values.map((value) => Math.round(value / 1000)).join(', ');
}
