import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Priority } from '../model/alarm.ts';
import { alarmHealth } from '../rules/alarms/alarm-health.ts';
import type { Engine } from './engine/engine.ts';
import type { StateDb } from './engine/state-db.ts';
import type { EventLoopDelay } from './event-loop-delay.ts';
import type { PathFacts } from './health/path-facts.ts';
import type { HealthWatch } from './health/watch-health.ts';
import type { LinkFacts } from './links/link-facts.ts';
import type { Links } from './links/supervisor.ts';
import type { DurableLog } from './log/open-log.ts';
import type { Reloads } from './reloads.ts';

interface Measured {
  readonly log: DurableLog;
  readonly engine: Engine;
  readonly stateDb: StateDb;
  readonly health: HealthWatch;
  readonly linkFacts: () => ReturnType<Links['facts']>;
  readonly linkAttempts: () => ReturnType<Links['attempts']>;
  readonly reloads: Reloads;
  readonly eventLoop: EventLoopDelay;
  /** Epoch ms of site time. */
  readonly now: () => number;
}

/**
 * Labels of the engine's counters of samples that were not simply the next one. What the engine counts besides goes
 * under `other`, so that the set of labels is fixed.
 */
const sampleKinds: Readonly<Record<string, string>> = {
  unknownPoint: 'unknown-point',
  duplicate: 'duplicate',
  late: 'late',
  tooLate: 'too-late',
  futureStamp: 'future-stamp',
};

/** Upper bounds of the buckets of the event loop's delay, seconds: close together about the 20 ms that are promised. */
const delayBounds = [
  0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.25, 1,
];

const priorities: readonly Priority[] = [1, 2, 3, 4];
const silences = ['none', 'shelved', 'suppressed', 'out-of-service', 'planned', 'commissioning'] as const;

/**
 * Figures of the program itself for `/metrics`, read when they are asked for. Labels are the site's own keys, of the
 * present site only, or fixed sets: bounded.
 */
export function createMetrics(measured: Measured): () => Promise<{ contentType: string; text: string }> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  eventLoop(registry, measured);
  logAndEngine(registry, measured);
  path(registry, measured);
  samples(registry, measured);
  alarms(registry, measured);
  const health = alarmSystem(registry);
  reloadsOfSite(registry, measured);
  links(registry, measured);
  return async () => {
    health(measured);
    return { contentType: registry.contentType, text: await registry.metrics() };
  };
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name: `lamplighter_${name}`,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** A gauge with one label; `read` gives every value that it has now, and what it no longer gives is gone. */
function labelled<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
  read: () => Iterable<readonly [Record<Label, string>, number]>,
): void {
  new Gauge<Label>({
    name: `lamplighter_${name}`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of read()) this.set(labels, value);
    },
  });
}

/** How late the event loop is, in a form that can be added up over processes and taken between any two moments. */
function eventLoop(registry: Registry, { eventLoop: delay }: Measured): void {
  const histogram = new Histogram({
    name: 'lamplighter_event_loop_delay_seconds',
    help: 'How much later than it asked whoever asks the event loop for a turn each 10 ms gets it, since the start was over',
    buckets: delayBounds,
    registers: [registry],
    collect: () => delay.look(),
  });
  let worstMs = 0;
  delay.onLook((delayMs) => {
    histogram.observe(delayMs / 1000);
    worstMs = Math.max(worstMs, delayMs);
  });
  gauge(registry, 'event_loop_delay_worst_seconds', 'The longest delay of them', () => worstMs / 1000);
}

function logAndEngine(registry: Registry, { log, engine, stateDb }: Measured): void {
  gauge(registry, 'log_last_seq', 'Newest committed record of the log', () => log.last.logSeq);
  const lag = () => log.last.logSeq - engine.state.logSeq;
  gauge(registry, 'engine_lag_records', 'Records that the engine has not worked in yet', lag);
  const divergences = 'Records whose re-run gave other changes than stored; a bug unless 0';
  gauge(registry, 'engine_divergences', divergences, () => engine.divergences);
  labelled(registry, 'notices', 'Notices by state', ['state'], () =>
    Object.entries(stateDb.outboxCounts()).map(([state, count]) => [{ state }, count]),
  );
}

/** The path from a sample to a chart. What nobody can tell is NaN. */
function path(registry: Registry, { health }: Measured): void {
  const figures: readonly (readonly [
    name: string,
    help: string,
    read: (facts: PathFacts) => number | null | undefined,
  ])[] = [
    ['log_failing', '1 while entries do not reach the disk', ({ log }) => (log.failing ? 1 : 0)],
    ['log_waiting_bytes', 'Bytes of entries that wait for the disk', ({ log }) => log.waitingBytes],
    ['log_lost_samples', 'Samples that the rules saw and the disk never did', ({ log }) => log.lostSamples],
    ['log_bytes', 'Bytes of the log that are in use', ({ log }) => log.bytes],
    ['log_archive_bytes', 'Bytes of the archive of the log', ({ log }) => log.archiveBytes],
    ['state_failing', '1 while the state of the engine does not reach the disk', (facts) => +facts.stateFailing],
    ['history_behind_ms', 'Site ms that history is behind the log', ({ history }) => history.behindMs],
    ['history_failing', '1 while history cannot be written', ({ history }) => (history.lastError === null ? 0 : 1)],
    ['history_written_samples', 'Samples written to history', ({ history }) => history.writtenSamples],
    ['history_written_changes', 'Changes written to history', ({ history }) => history.writtenChanges],
    ['history_refused', 'Rows that the history store refused for good', ({ history }) => history.rejectedRows],
    ['history_dead_letters', 'Rows in the file of dead letters', ({ history }) => history.deadLetters],
    ['history_lost_records', 'Records that history never got', ({ history }) => history.lostRecords],
    ['history_lost_changes', 'Changes that history never got, at most', ({ history }) => history.lostChanges],
    ['history_waiting_records', 'Records that are not in history yet', ({ history }) => history.waitingRecords],
    ['disk_free_bytes', 'Bytes free on the disk of the data folder', ({ disk }) => disk?.freeBytes],
    ['disk_size_bytes', 'Size of the disk of the data folder', ({ disk }) => disk?.sizeBytes],
    ['clock_behind_ms', 'By how much the machine’s clock was set back', (facts) => facts.clockBehindMs],
    ['clock_leap_ms', 'By how much the clock leapt ahead within the last day', ({ clockLeap }) => leapMs(clockLeap)],
    ['certificates_expiring', 'Certificates of links that end within a month', (facts) => facts.certificates.expiring],
    ['certificates_expired', 'Certificates of links that have ended', (facts) => facts.certificates.expired],
    ['damaged_files', 'Damaged files that were set aside', ({ damagedFiles }) => damagedFiles?.length],
  ];
  for (const [name, help, read] of figures) gauge(registry, name, help, () => read(health.facts()) ?? Number.NaN);
}

function leapMs(leap: PathFacts['clockLeap']): number {
  return leap === null ? 0 : leap.toMs - leap.fromMs;
}

function samples(registry: Registry, { engine }: Measured): void {
  const help = 'Samples that were not simply the next one of their point, by what was the matter';
  labelled(registry, 'samples_irregular', help, ['kind'], () => {
    const counts = new Map<string, number>();
    for (const [name, count] of Object.entries(engine.state.counters)) {
      const kind = (Object.hasOwn(sampleKinds, name) ? sampleKinds[name] : undefined) ?? 'other';
      counts.set(kind, (counts.get(kind) ?? 0) + count);
    }
    return [...counts].map(([kind, count]) => [{ kind }, count]);
  });
}

function alarms(registry: Registry, { engine }: Measured): void {
  const help = 'Open alarms by priority, and by why nobody is called';
  labelled(registry, 'alarms_open', help, ['priority', 'silence'], () => {
    const open = engine.openActivations();
    return priorities.flatMap((priority) =>
      silences.map((silence) => {
        const count = open.filter((alarm) => alarm.priority === priority && (alarm.silence ?? 'none') === silence);
        return [{ priority: String(priority), silence }, count.length] as const;
      }),
    );
  });
}

/** Gauges of how well the alarm system does; the function that it gives sets them all from one look. */
function alarmSystem(registry: Registry): (measured: Measured) => void {
  const make = (name: string, help: string) => new Gauge({ name: `lamplighter_${name}`, help, registers: [registry] });
  const flood = make('alarm_flood', '1 while alarms come faster than anybody can take them');
  const perHour = make('alarms_per_hour', 'Annunciations per hour, mean of the period that is kept');
  const worstHour = make('alarms_worst_hour', 'Annunciations of the worst hour of the period that is kept');
  const last10Min = make('alarms_last_10_min', 'Annunciations of the last 10 minutes');
  return ({ engine, now }) => {
    const health = alarmHealth(engine.state.health, engine.openActivations(), now());
    flood.set(health.flood ? 1 : 0);
    // Nothing is known of an hour that has not been yet.
    perHour.set(health.perHour ?? Number.NaN);
    worstHour.set(health.worstHour);
    last10Min.set(health.last10Min);
  };
}

function reloadsOfSite(registry: Registry, { reloads }: Measured): void {
  labelled(registry, 'reloads', 'Reloads of the site file by outcome', ['outcome'], () =>
    Object.entries(reloads.counts).map(([outcome, count]) => [{ outcome }, count]),
  );
  const refused = '1 while the site file has mistakes and the one before stays';
  gauge(registry, 'site_refused', refused, () => (reloads.refusal ? 1 : 0));
}

const ownUntilMs = ({ wire }: LinkFacts) => wire.certificates?.ownUntilMs ?? null;
const serverUntilMs = ({ wire }: LinkFacts) => wire.certificates?.serverUntilMs ?? null;
const userUntilMs = ({ wire }: LinkFacts) => wire.certificates?.userUntilMs ?? null;

/** What each link does. What nobody can tell of one has no line. */
function links(registry: Registry, { linkFacts, linkAttempts }: Measured): void {
  const figures: readonly (readonly [name: string, help: string, read: (facts: LinkFacts) => number | null])[] = [
    ['up', '1 where a link answers', ({ state }) => (state === 'up' ? 1 : 0)],
    ['reconnects', 'How often a link came up again', ({ reconnects }) => reconnects],
    ['requests', 'Requests to a link, answered or not', ({ wire }) => wire.requests],
    ['messages', 'Messages of a link that came unasked', ({ wire }) => wire.messages],
    ['timeouts', 'Requests that were not answered in time', ({ wire }) => wire.timeouts],
    ['failures', 'Answers and messages that were refusals or could not be read', ({ wire }) => wire.failures],
    ['overruns', 'Polls that were not done when the next was due', ({ wire }) => wire.overruns],
    ['revised', '1 while the other side grants less than was asked for', ({ wire }) => (wire.revision ? 1 : 0)],
    ['own_certificate_until_ms', 'End of the certificate by which the gateway proves itself', ownUntilMs],
    ['server_certificate_until_ms', 'End of the server’s certificate', serverUntilMs],
    ['user_certificate_until_ms', 'End of the certificate by which the link’s user signs in', userUntilMs],
    ['error_ratio', 'Time-outs and failures among all of the last five minutes', ({ wire }) => wire.errorRatio],
    ['round_trip_median_ms', 'Of the newest answers', ({ wire }) => wire.roundTripMs?.median ?? null],
    ['round_trip_p95_ms', 'Of the newest answers', ({ wire }) => wire.roundTripMs?.p95 ?? null],
  ];
  for (const [name, help, read] of figures) {
    labelled(registry, `link_${name}`, help, ['link'], () =>
      linkFacts().flatMap((facts) => {
        const value = read(facts);
        return value === null ? [] : [[{ link: facts.key }, value] as const];
      }),
    );
  }
  const help = 'Links that are trying to connect, and those that wait until they may';
  labelled(registry, 'link_attempts', help, ['state'], () => {
    const { underWay, waiting } = linkAttempts();
    return [
      [{ state: 'under-way' }, underWay],
      [{ state: 'waiting' }, waiting],
    ];
  });
}
