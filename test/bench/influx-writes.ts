import { Agent, request } from 'node:http';
import { influxHistory } from '../../gateway/history/influx.ts';
import type { SampleBlock } from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';
import { BatchBuilder } from '../../model/sample.ts';
import type { Figure, Measuring } from '../support/measurement.ts';
import { startInfluxd } from '../support/servers.ts';
import { processorSeconds } from './process-usage.ts';

const POINTS = 2000;
const BATCH_SAMPLES = 20_000;
const BATCHES = 60;
/** Measured in turn, so that what else the machine does meets both; the median of each counts. */
const ROUNDS = 3;
/** Writes at a time where the home does not say how many it wants. */
const AT_A_TIME = 1;

/** What our sink writes to InfluxDB, beside the same lines, encoded before, posted straight to the same influxd. */
export async function measureInfluxWrites({ progress, signal }: Measuring): Promise<Figure[]> {
  const influxd = await startInfluxd();
  try {
    const points = Array.from({ length: POINTS }, (_, index) => pointOf(index + 1));
    const ours: number[] = [];
    const straight: number[] = [];
    let cores = 0;
    for (let round = 0; round < ROUNDS && !signal.aborted; round++) {
      const blocks = Array.from({ length: BATCHES }, (_, turn) => blockOf(turn, round));
      const bodies = blocks.map((block) => Buffer.from(linesOf(block)));
      const home = influxHistory({
        url: influxd.url,
        database: `ours-${round}`,
        lookup: (number) => points[number - 1],
      });
      const { writesInFlight } = home as { writesInFlight?: number };
      const atATime = writesInFlight ?? AT_A_TIME;
      // The first write makes the database, which belongs to no rate.
      await written(home.writeSamples([blockOf(BATCHES, round)], signal));
      const before = process.cpuUsage();
      const startMs = performance.now();
      await inParallel(blocks, atATime, (block) => written(home.writeSamples([block], signal)));
      ours.push((BATCHES * BATCH_SAMPLES) / (performance.now() - startMs));
      const used = process.cpuUsage(before);
      cores = (used.user + used.system) / 1000 / (performance.now() - startMs);
      await home.close();
      straight.push((await postStraight(influxd.url, `straight-${round}`, bodies, atATime)) / 1000);
      progress(
        `influx: ${shown(ours)} k samples/s through the sink, ${shown(straight)} k straight, ${atATime} at a time`,
      );
    }
    const value = median(ours) * 1000;
    const reference = median(straight) * 1000;
    const name = 'InfluxDB, writes through the sink';
    return [
      {
        name,
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

/** Samples per second. */
async function postStraight(
  url: string,
  database: string,
  bodies: readonly Buffer[],
  atATime: number,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: atATime });
  try {
    await post(agent, `${url}/query?q=${encodeURIComponent(`CREATE DATABASE "${database}"`)}`, Buffer.alloc(0));
    const startMs = performance.now();
    await inParallel(bodies, atATime, (body) => post(agent, `${url}/write?db=${database}&precision=ns`, body));
    return ((bodies.length * BATCH_SAMPLES) / (performance.now() - startMs)) * 1000;
  } finally {
    agent.destroy();
  }
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

async function written(writing: ReturnType<ReturnType<typeof influxHistory>['writeSamples']>): Promise<void> {
  const outcome = await writing;
  if (outcome.outcome !== 'done') throw new Error(`the sink did not take a batch: ${outcome.reason}`);
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

/** The least that says the same in line protocol: our own rows, with value and quality. */
function linesOf({ batch, firstOrdinal }: SampleBlock): string {
  let text = '';
  for (let row = 0; row < batch.length; row++) {
    const ns = `${batch.sourceMs[row]}${String((firstOrdinal + row) % 1_000_000).padStart(6, '0')}`;
    text += `electricity,asset=meter-${batch.point[row]},point=power value=${batch.value[row]},quality=0i ${ns}\n`;
  }
  return text;
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function shown(values: readonly number[]): string {
  return values.map((value) => Math.round(value)).join(', ');
}
