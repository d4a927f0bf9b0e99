import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../support/child.ts';
import { gatewayMetrics } from '../support/gateway-metrics.ts';
import { loopDelayOf, loopDelaySince, p99Ms } from '../support/loop-delay.ts';
import type { Figure, Measurement, Measuring } from '../support/measurement.ts';
import { freePort, type RunningServer, startInfluxd, startMosquitto } from '../support/servers.ts';
import { measureLog } from './log-appends.ts';
import { METER_SYSTEM, writeMeterSite } from './meter-site.ts';
import { droppedMessages } from './mosquitto-drops.ts';
import { type Published, publish } from './mqtt-load.ts';
import { installNodeRed, startNodeRed } from './node-red.ts';
import { processorSeconds, residentMb } from './process-usage.ts';

const DATABASE = 'bench';
const CONNECTIONS = 8;
/** QoS 1: messages of one connection that wait for their PUBACK at most. */
const WINDOW = 1000;
/** Real ms at one rate. */
const STEP_MS = 6000;
/** Messages per second of the first step; then so many times more as long as nothing is lost or late, or so many less. */
const FIRST_RATE = 30_000;
const RATE_FACTOR = 1.4;
/** Steps between the best rate that was kept up and the lowest that was not. */
const REFINEMENTS = 2;
/** Real ms after which no further step is begun. */
const SEARCH_MS = 90_000;
/** Real ms after the last message within which all are in InfluxDB, if the rate can be kept up; 500 of them are the batch's. */
const LATE_MS = 1500;
/** Real ms without any further sample in InfluxDB after which what is missing counts as lost. */
const QUIET_MS = 3000;
/** Real ms that the remains of a rate that was too high may take before the next step. */
const REMAINS_MS = 20_000;
const COUNT_EVERY_MS = 100;
/** Share of the offered rate that the generator must have got rid of. */
const KEPT_PACE = 0.99;
/**
 * Mosquitto's own bounds would drop what one fast subscriber has not taken yet. It drops it beyond these, too, for in
 * each turn it reads one packet of each connection: of eight publishers as many messages, of the subscriber one PUBACK.
 */
const MOSQUITTO = 'max_inflight_messages 2000\nmax_queued_messages 200000\nsys_interval 1\n';

type Qos = 0 | 1;

/** What takes samples from a broker to InfluxDB, as a process. */
interface Pipeline {
  readonly name: string;
  readonly process: Child;
  readonly brokerPort: number;
  /** p99 of the event loop's delay since the last call, ms; undefined where it does not tell. */
  loopDelayMs(): Promise<number | undefined>;
  /** How often the link has come back since the start: a broker then sends again whose PUBACK it has not read. */
  reconnects(): Promise<number>;
  /** Messages that a broker between generator and pipeline has dropped since its start. */
  dropped(): Promise<number>;
  end(): Promise<void>;
}

interface Step {
  readonly offered: number;
  readonly published: Published;
  readonly arrived: number;
  readonly lateMs: number;
  readonly cores: number;
  readonly influxdCores: number;
  readonly rssMb: number;
  readonly influxdRssMb: number;
  readonly loopDelayMs: number | undefined;
  /** Of the step only, as {@link Pipeline} has them. */
  readonly reconnects: number;
  readonly dropped: number;
}

/**
 * How fast the log commits, and how many samples per second go from MQTT through log and rules into InfluxDB with none
 * lost. Arguments name the parts to measure: `log`, `embedded`, `external`, `node-red`; all of them if there are none.
 * `--profile=DIR` keeps CPU profiles of the gateway there.
 */
export const run: Measurement = async (measuring) => {
  const parts = measuring.args.filter((arg) => !arg.startsWith('--'));
  const wanted = (part: string) => parts.length === 0 || parts.includes(part);
  const figures: Figure[] = [];
  if (wanted('log')) figures.push(...(await measureLog(measuring)));
  for (const qos of [0, 1] as const) {
    if (wanted('embedded') && !measuring.signal.aborted) {
      figures.push(...(await endToEnd(measuring, qos, (influxd) => startGateway(measuring, influxd, undefined))));
    }
    if (!(wanted('external') || wanted('node-red')) || measuring.signal.aborted) continue;
    figures.push(...(await besideNodeRed(measuring, qos, wanted)));
  }
  return figures;
};

/** The gateway and Node-RED at one and the same broker, each with an influxd of its own that is as empty. */
async function besideNodeRed(measuring: Measuring, qos: Qos, wanted: (part: string) => boolean): Promise<Figure[]> {
  const mosquitto = await startMosquitto(MOSQUITTO);
  try {
    const nodeRed = wanted('node-red') ? await measureNodeRed(measuring, qos, mosquitto) : [];
    if (!wanted('external') || measuring.signal.aborted) return nodeRed;
    const ours = await endToEnd(measuring, qos, (influxd) => startGateway(measuring, influxd, mosquitto));
    const reference = nodeRed[0]?.value;
    const compared = ours.map((figure, index) =>
      index === 0 && reference !== undefined ? { ...figure, reference, ratio: figure.value / reference } : figure,
    );
    return [...nodeRed, ...compared];
  } finally {
    await mosquitto.remove();
  }
}

async function measureNodeRed(measuring: Measuring, qos: Qos, mosquitto: RunningServer): Promise<Figure[]> {
  const installed = await installNodeRed();
  if (installed.ok) return endToEnd(measuring, qos, (influxd) => nodeRedPipeline(influxd, mosquitto));
  measuring.progress(`skipped: Node-RED cannot be installed: ${installed.why}`);
  return [];
}

async function endToEnd(
  { progress, signal }: Measuring,
  qos: Qos,
  start: (influxd: RunningServer) => Promise<Pipeline>,
): Promise<Figure[]> {
  const influxd = await startInfluxd();
  let pipeline: Pipeline | undefined;
  try {
    await ask(influxd, `CREATE DATABASE ${DATABASE}`);
    pipeline = await start(influxd);
    const name = `end to end, QoS ${qos}, ${pipeline.name}`;
    const best = await bestRate(signal, async (rate) => {
      const step = await measureStep(pipeline as Pipeline, influxd, qos, rate);
      progress(`${name}: ${shown(step)}`);
      if (!isKept(step)) await remains(influxd);
      return step;
    });
    return figuresOf(name, best);
  } finally {
    await pipeline?.end();
    await influxd.remove();
  }
}

/** Goes up or down by factors until one rate is kept up and the next is not, and then in between. */
async function bestRate(signal: AbortSignal, measure: (rate: number) => Promise<Step>): Promise<Step | undefined> {
  const untilMs = performance.now() + SEARCH_MS;
  let best: Step | undefined;
  let tooHigh = Number.POSITIVE_INFINITY;
  let rate = FIRST_RATE;
  for (let refined = 0; refined <= REFINEMENTS && performance.now() < untilMs && !signal.aborted; ) {
    const step = await measure(Math.round(rate));
    if (isKept(step)) best = step;
    else tooHigh = rate;
    if (best && tooHigh < Number.POSITIVE_INFINITY) {
      rate = Math.sqrt(best.offered * tooHigh);
      refined++;
    } else rate = best ? rate * RATE_FACTOR : rate / RATE_FACTOR;
  }
  return best;
}

/** Whether each message was sent in time, and is in InfluxDB, soon. */
function isKept({ offered, published, arrived, lateMs }: Step): boolean {
  return published.sent >= ((offered * STEP_MS) / 1000) * KEPT_PACE && arrived === published.sent && lateMs <= LATE_MS;
}

/** Waits until nothing more comes of what was sent before. */
async function remains(influxd: RunningServer): Promise<void> {
  const untilMs = performance.now() + REMAINS_MS;
  let before = -1;
  for (let now = await countSince(influxd, 0); now !== before && performance.now() < untilMs; ) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    now = await countSince(influxd, 0);
  }
}

function figuresOf(name: string, best: Step | undefined): Figure[] {
  if (best === undefined) return [{ name, value: 0, unit: 'samples/s' }];
  const value = Math.round((best.published.sent / (best.published.endedMs - best.published.beganMs)) * 1000);
  const { cores, rssMb, influxdCores, influxdRssMb, loopDelayMs } = best;
  return [
    { name, value, unit: 'samples/s', cpuCores: cores, rssMb },
    { name: `${name}, influxd`, value: influxdCores, unit: 'cores', cpuCores: influxdCores, rssMb: influxdRssMb },
    ...(loopDelayMs === undefined ? [] : [{ name: `${name}, event loop delay p99`, value: loopDelayMs, unit: 'ms' }]),
  ];
}

async function measureStep(pipeline: Pipeline, influxd: RunningServer, qos: Qos, offered: number): Promise<Step> {
  const pids = [pipeline.process.pid, influxd.pid] as const;
  const [reconnectsBefore, droppedBefore] = [await pipeline.reconnects(), await pipeline.dropped()];
  let before: number[] = [];
  const load = {
    port: pipeline.brokerPort,
    qos,
    rate: offered,
    durationMs: STEP_MS,
    connections: CONNECTIONS,
    window: WINDOW,
  };
  const published = await publish(load, () => {
    before = pids.map(processorSeconds);
    // What was before this step is forgotten by the asking.
    void pipeline.loopDelayMs();
  });
  const loopDelayMs = await pipeline.loopDelayMs();
  const { arrived, lastMs } = await arrivedSince(influxd, published);
  const [cores = 0, influxdCores = 0] = pids.map(
    (pid, index) => ((processorSeconds(pid) - (before[index] ?? 0)) / (Date.now() - published.beganMs)) * 1000,
  );
  return {
    offered,
    published,
    arrived,
    lateMs: lastMs - published.endedMs,
    cores: rounded(cores),
    influxdCores: rounded(influxdCores),
    rssMb: residentMb(pipeline.process.pid),
    influxdRssMb: residentMb(influxd.pid),
    loopDelayMs,
    reconnects: (await pipeline.reconnects()) - reconnectsBefore,
    dropped: (await pipeline.dropped()) - droppedBefore,
  };
}

/** Counts in InfluxDB until all are there, or no more come. */
async function arrivedSince(influxd: RunningServer, { beganMs, sent }: Published) {
  let arrived = 0;
  let lastMs = Date.now();
  for (;;) {
    const nowMs = Date.now();
    const counted = await countSince(influxd, beganMs);
    if (counted > arrived) lastMs = nowMs;
    arrived = counted;
    if (arrived >= sent || nowMs - lastMs > QUIET_MS) return { arrived, lastMs };
    await new Promise((resolve) => setTimeout(resolve, COUNT_EVERY_MS));
  }
}

async function countSince(influxd: RunningServer, sinceMs: number): Promise<number> {
  const query = `SELECT COUNT("value") FROM "${METER_SYSTEM}" WHERE time >= ${sinceMs}ms`;
  const answer = (await ask(influxd, query)) as { results: { series?: { values: number[][] }[] }[] };
  return answer.results[0]?.series?.[0]?.values[0]?.[1] ?? 0;
}

async function ask(influxd: RunningServer, query: string): Promise<unknown> {
  const response = await fetch(`${influxd.url}/query?db=${DATABASE}&q=${encodeURIComponent(query)}`, {
    method: 'POST',
  });
  if (!response.ok) throw new Error(`influxd: ${await response.text()}`);
  return response.json();
}

/** The gateway in a process of its own; it is the broker itself, or a subscriber of `mosquitto`. */
async function startGateway(
  { args }: Measuring,
  influxd: RunningServer,
  mosquitto: RunningServer | undefined,
): Promise<Pipeline> {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-ingest-'));
  const brokerPort = mosquitto?.port ?? (await freePort());
  const site = writeMeterSite(
    folder,
    mosquitto === undefined
      ? { broker: 'embedded', listen: `tcp://127.0.0.1:${brokerPort}` }
      : { broker: 'external', endpoint: mosquitto.url, clientId: `bench-${process.pid}` },
  );
  const child = new Child(
    'gateway/main.ts',
    [
      ...['run', '--site', site, '--data', join(folder, 'data'), '--port', '0'],
      ...['--influx', `${influxd.url}/${DATABASE}`],
    ],
    { LAMPLIGHTER_LOG_LEVEL: 'warn', ...profiling(args) },
  );
  const { url } = await child.ready<{ url: string }>();
  await linkUp(url);
  return {
    name: mosquitto === undefined ? 'embedded broker' : 'external broker',
    process: child,
    brokerPort,
    loopDelayMs: await loopDelayMeter(url),
    reconnects: async () => (await linkOf(url)).reconnects,
    dropped: async () => (mosquitto === undefined ? 0 : droppedMessages(mosquitto.port)),
    async end() {
      await child.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function profiling(args: readonly string[]): Readonly<Record<string, string>> {
  const dir = args.find((arg) => arg.startsWith('--profile='))?.slice('--profile='.length);
  return dir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${dir}` };
}

async function linkOf(url: string): Promise<{ readonly state: string; readonly reconnects: number }> {
  const [link] = (await (await fetch(`${url}/api/links`)).json()) as { state: string; reconnects: number }[];
  if (link === undefined) throw new Error('the gateway has no link');
  return link;
}

async function linkUp(url: string): Promise<void> {
  const untilMs = performance.now() + 30_000;
  while (performance.now() < untilMs) {
    if ((await linkOf(url)).state === 'up') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the link did not come up');
}

/** Gives p99 of the gateway's event loop delay since the last call, ms. */
async function loopDelayMeter(url: string): Promise<() => Promise<number>> {
  const read = async () => loopDelayOf(await gatewayMetrics(url));
  let before = await read();
  return async () => {
    const now = await read();
    const since = loopDelaySince(before, now);
    before = now;
    return rounded(p99Ms(since));
  };
}

async function nodeRedPipeline(influxd: RunningServer, mosquitto: RunningServer): Promise<Pipeline> {
  const userDir = mkdtempSync(join(tmpdir(), 'lamplighter-node-red-'));
  const child = await startNodeRed({
    userDir,
    brokerPort: mosquitto.port,
    influxPort: influxd.port,
    database: DATABASE,
    measurement: METER_SYSTEM,
  });
  return {
    name: 'Node-RED',
    process: child,
    brokerPort: mosquitto.port,
    loopDelayMs: async () => undefined,
    reconnects: async () => 0,
    dropped: () => droppedMessages(mosquitto.port),
    async end() {
      await child.end();
      rmSync(userDir, { recursive: true, force: true });
    },
  };
}

function shown(step: Step): string {
  const { offered, published, arrived, lateMs, cores, influxdCores, rssMb, loopDelayMs, reconnects, dropped } = step;
  const lost = published.sent - arrived;
  return [
    `offered ${offered}/s`,
    `sent ${published.sent} in ${published.endedMs - published.beganMs} ms, lost ${lost}, last after ${lateMs} ms`,
    `cores ${cores} + influxd ${influxdCores} + generator ${rounded(published.processorSeconds)} s`,
    `${rssMb} MB`,
    ...(reconnects + dropped === 0 ? [] : [`broker dropped ${dropped}, link came back ${reconnects} times`]),
    ...(loopDelayMs === undefined ? [] : [`event loop p99 ${loopDelayMs} ms`]),
  ].join('; ');
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
