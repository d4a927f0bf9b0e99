import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog } from '../../gateway/log/open-log.ts';
import { systemClock } from '../../model/clock.ts';
import { type Batch, BatchBuilder } from '../../model/sample.ts';
import type { Figure, Measuring } from '../support/measurement.ts';

const BATCH_SAMPLES = [1, 100, 1000];
/** Callers that append at the same time, each its next batch when the one before is on disk. */
const CALLERS = [1, 32];
const MEASURED_MS = 2000;
const POINTS = 2000;

/** How fast appends are on disk: one caller shows what a commit takes, many of them what joining their commits brings. */
export async function measureLog({ progress, signal }: Measuring): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const samples of BATCH_SAMPLES) {
    for (const callers of CALLERS) {
      if (signal.aborted) return figures;
      progress(`log: ${callers} callers, batches of ${samples}`);
      figures.push(...(await appends(callers, samples)));
    }
  }
  return figures;
}

async function appends(callers: number, samples: number): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lamplighter-log-bench-'));
  const log = await openLog({ dir, clock: systemClock(), log: { info: () => undefined, warn: () => undefined } });
  try {
    const latenciesMs: number[] = [];
    const startMs = performance.now();
    const caller = async () => {
      for (let turn = 0; performance.now() - startMs < MEASURED_MS; turn++) {
        const batch = batchOf(samples, turn);
        const askedMs = performance.now();
        await log.append({ kind: 'samples', link: 'line', batch });
        latenciesMs.push(performance.now() - askedMs);
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    const seconds = (performance.now() - startMs) / 1000;
    const name = `log, ${callers} ${callers === 1 ? 'caller' : 'callers'}, batches of ${samples}`;
    const sorted = latenciesMs.toSorted((a, b) => a - b);
    const percentile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return [
      { name, value: Math.round(sorted.length / seconds), unit: 'appends/s' },
      { name, value: Math.round((sorted.length * samples) / seconds), unit: 'samples/s' },
      { name: `${name}, commit p50`, value: percentile(0.5), unit: 'ms' },
      { name: `${name}, commit p99`, value: percentile(0.99), unit: 'ms' },
    ];
  } finally {
    await log.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function batchOf(samples: number, turn: number): Batch {
  const builder = new BatchBuilder(samples);
  const nowMs = Date.now();
  for (let row = 0; row < samples; row++) builder.good(((turn + row) % POINTS) + 1, nowMs, nowMs, turn + row / 8);
  return builder.take();
}
