import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Engine } from './engine/engine.ts';
import type { StateDb } from './engine/state-db.ts';
import type { History } from './history/open-history.ts';
import type { Links } from './links/supervisor.ts';
import type { DurableLog } from './log/open-log.ts';

interface Measured {
  readonly log: DurableLog;
  readonly engine: Engine;
  readonly stateDb: StateDb;
  readonly history: History;
  readonly linkFacts: () => ReturnType<Links['facts']>;
}

/** Figures of the program itself for `/metrics`, read when they are asked for. Labels are the site's own keys: bounded. */
export function createMetrics({
  log,
  engine,
  stateDb,
  history,
  linkFacts,
}: Measured): () => Promise<{ contentType: string; text: string }> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `lamplighter_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('log_last_seq', 'Newest committed record of the log', () => log.last.logSeq);
  gauge(
    'engine_lag_records',
    'Records that the engine has not worked in yet',
    () => log.last.logSeq - engine.state.logSeq,
  );
  gauge(
    'engine_divergences',
    'Records whose re-run gave other changes than stored; a bug unless 0',
    () => engine.divergences,
  );
  gauge('samples_out_of_order', 'Samples older than the one known', () => engine.state.counters.late);
  gauge('samples_future_stamp', 'Samples whose stamp was too far ahead', () => engine.state.counters.futureStamp);
  gauge('alarms_open', 'Open alarms', () => engine.openActivations().length);
  gauge('history_behind_ms', 'Site ms that history is behind the log', () => history.facts().behindMs);
  gauge('history_refused', 'Batches that the history store refused', () => history.facts().refused);
  new Gauge({
    name: 'lamplighter_notices',
    help: 'Notices by state',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(stateDb.outboxCounts())) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'lamplighter_link_up',
    help: '1 where a link answers',
    labelNames: ['link'],
    registers: [registry],
    collect() {
      for (const { key, state } of linkFacts()) this.set({ link: key }, state === 'up' ? 1 : 0);
    },
  });
  return async () => ({ contentType: registry.contentType, text: await registry.metrics() });
}
