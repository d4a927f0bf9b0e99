import { join } from 'node:path';
import { loadSite } from '../../gateway/site/load-site.ts';
import type { LogEntry } from '../../model/log.ts';
import { type Batch, BatchBuilder } from '../../model/sample.ts';
import type { Asset, AssetPoint, Site } from '../../model/site.ts';
import { step } from '../../rules/engine.ts';
import { createEngineState } from '../../rules/state.ts';
import { root } from '../support/child.ts';
import type { Figure, Measurement } from '../support/measurement.ts';

/** Points of the sites that are measured; the cost per sample is to be the same for all. */
const SIZES = [1000, 10_000, 100_000, 1_000_000];

const BATCH_SAMPLES = 1000;
const BATCHES = 300;
const ROUNDS = 4;

/** Shares of the samples that bring another value than usual; the others repeat it, as polling does. */
interface Changing {
  readonly name: string;
  readonly analogs: number;
  /** Of bools, enumerations and bitsets: each of these is a fault, and most are alarms. */
  readonly states: number;
}

/** A site at work, and one at which a tenth of all states is a fault: more alarms than any site could have. */
const mixes: readonly Changing[] = [
  { name: 'at work', analogs: 0.1, states: 0.001 },
  { name: 'in a storm of faults', analogs: 0.1, states: 0.1 },
];

const START_MS = Date.parse('2026-06-15T20:30:00+08:00');

/**
 * Samples per second through the engine on one thread: ledger, rates and alarms of the street-light, lift and camera
 * profiles. The reference is the least that anything could do with the same batches: look at every row and store it.
 */
export const run: Measurement = async ({ progress, signal }) => {
  const figures: Figure[] = [];
  for (const points of SIZES) {
    if (signal.aborted) break;
    progress(`${points} points`);
    figures.push(...measureSize(points));
  }
  return figures;
};

function measureSize(wanted: number): Figure[] {
  const before = process.memoryUsage();
  const site = siteOf(wanted);
  const keys = site.assets.flatMap((asset) => asset.points);
  const state = createEngineState();
  let seq = 0;
  let nowMs = START_MS;
  const put = (entry: LogEntry) => {
    const stamp = { logSeq: ++seq, logMs: nowMs };
    return step(state, entry.kind === 'samples' ? { ...entry, ...stamp, firstOrdinal: 0 } : { ...entry, ...stamp });
  };
  put({ kind: 'start', version: 'bench' });
  put({ kind: 'points', numbers: keys.map(({ key }, index) => [key, index + 1] as const) });
  put({ kind: 'site', site });
  for (const { key } of site.links) put({ kind: 'link', link: key, up: true, atMs: nowMs, reason: null });
  const after = process.memoryUsage();
  const held = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;

  const name = `${keys.length} points`;
  const figures = mixes.map((changing): Figure => {
    const batches = Array.from({ length: BATCHES }, () => batchOf(keys, changing));
    let best = 0;
    let reference = 0;
    const stored = new Float64Array(keys.length + 1);
    for (let round = 0; round < ROUNDS; round++) {
      best = Math.max(
        best,
        rate(batches, (batch) => {
          nowMs += 100;
          stamp(batch, nowMs);
          put({ kind: 'samples', link: 'line', batch });
        }),
      );
      reference = Math.max(
        reference,
        rate(batches, (batch) => {
          stamp(batch, nowMs);
          for (let row = 0; row < batch.length; row++) stored[batch.point[row] as number] = batch.value[row] as number;
        }),
      );
    }
    return {
      name: `engine, ${name}, ${changing.name}`,
      value: Math.round(best),
      unit: 'samples/s',
      reference: Math.round(reference),
      ratio: best / reference,
    };
  });
  // The first one walks the time that the samples took without any.
  put({ kind: 'tick' });
  const tickStart = performance.now();
  for (let n = 0; n < 10; n++) {
    nowMs += 1000;
    put({ kind: 'tick' });
  }
  return [
    ...figures,
    { name: `tick, ${name}`, value: (performance.now() - tickStart) / 10, unit: 'ms' },
    { name: `memory, ${name}`, value: Math.round(held / keys.length), unit: 'bytes/point' },
  ];
}

function rate(batches: readonly Batch[], each: (batch: Batch) => void): number {
  const start = performance.now();
  for (const batch of batches) each(batch);
  return ((batches.length * BATCH_SAMPLES) / (performance.now() - start)) * 1000;
}

function stamp(batch: Batch, nowMs: number): void {
  batch.sourceMs.fill(nowMs);
  batch.receivedMs.fill(nowMs);
}

/** Lamps, lifts and cameras of the demo estate, repeated until there are about as many points as wanted. */
function siteOf(wanted: number): Site {
  const loaded = loadSite(join(root, 'gateway', 'demo', 'site.yaml'));
  if (!loaded.ok) throw new Error('the demo estate has mistakes');
  const models = ['feeder-1-lamp-01', 'lift-1', 'camera-01'].map((key) => {
    const model = loaded.site.assets.find((asset) => asset.key === key);
    if (!model) throw new Error(`no ${key}`);
    return model;
  });
  const assets: Asset[] = [];
  for (let n = 0, points = 0; points < wanted; n++) {
    // Eight lamps and a camera for each lift.
    const model = models[n % 10 === 0 ? 1 : n % 10 === 1 ? 2 : 0] as Asset;
    const { parent: _, ...rest } = model;
    const key = `asset-${n}`;
    assets.push({ ...rest, key, points: model.points.map((point) => ({ ...point, key: `${key}/${point.point}` })) });
    points += model.points.length;
  }
  return { ...loaded.site, assets, hash: String(wanted) };
}

/** Random points; some of the values differ from what a point has otherwise. */
function batchOf(points: readonly AssetPoint[], changing: Changing): Batch {
  const builder = new BatchBuilder(BATCH_SAMPLES);
  for (let n = 0; n < BATCH_SAMPLES; n++) {
    const index = Math.floor(Math.random() * points.length);
    const isDouble = points[index]?.kind === 'double';
    const changes = Math.random() < (isDouble ? changing.analogs : changing.states);
    const usual = isDouble ? 60 : 0;
    const other = isDouble ? Math.random() * 100 : 1;
    builder.good(index + 1, START_MS, START_MS, changes ? other : usual);
  }
  return builder.take();
}
