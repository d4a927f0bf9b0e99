import { join } from 'node:path';
import { StateDb } from '../../gateway/engine/state-db.ts';
import { openLogForReading } from '../../gateway/log/read-log.ts';
import type { PlacedChange } from '../../model/history.ts';
import { step } from '../../rules/engine.ts';
import { createEngineState } from '../../rules/state.ts';
import type { ProbeEstate } from './probe-estate.ts';
import { PROBE_POINTS, probeKey } from './probe-site.ts';
import type { Qos1Device, SentMessage } from './qos1-device.ts';
import type { StoredRows } from './stored-rows.ts';

/** What became of everything that devices have published and the rules have said. */
export interface Account {
  /** Samples of messages that were acknowledged. */
  readonly acknowledgedSamples: number;
  /** Of those, how many are not in the store; how many are there twice or more; with another value. */
  readonly missingSamples: number;
  readonly repeatedSamples: number;
  readonly changedSamples: number;
  /** Rows of the store at a time at which no device has sent anything. */
  readonly strangeSamples: number;
  /** Samples that the log has twice, because a device sent again what was on disk and not acknowledged yet. */
  readonly repeatedInLog: number;
  /** Messages that were sent more than once. */
  readonly sentAgain: number;
  /** Changes of alarms and of the ledger that follow from the log. */
  readonly alarmChanges: number;
  readonly ledgerChanges: number;
  /** Changes that `state.db` has otherwise than the log says, and those that the store lacks, repeats or invents. */
  readonly differentInState: number;
  readonly missingChanges: number;
  readonly repeatedChanges: number;
  readonly strangeChanges: number;
  /** Acknowledgements that were answered with "taken" and do not follow from the log. */
  readonly lostAcknowledgements: number;
}

/** Figures of an account that must be 0. */
export const mustBeNone = [
  'missingSamples',
  'repeatedSamples',
  'changedSamples',
  'strangeSamples',
  'differentInState',
  'missingChanges',
  'repeatedChanges',
  'strangeChanges',
  'lostAcknowledgements',
] as const satisfies readonly (keyof Account)[];

/**
 * Compares what devices have had acknowledged, and what the rules make of the log when it is run again from its
 * beginning, with what the data folder and the store have. The gateway has ended; history had everything up to
 * `throughSeq`.
 */
export async function accountOf(
  estate: ProbeEstate,
  store: StoredRows,
  throughSeq: number,
  taken: readonly string[],
): Promise<Account> {
  const samples = { acknowledged: 0, missing: 0, repeated: 0, changed: 0, strange: 0, sentAgain: 0 };
  for (const [index, device] of estate.devices.entries()) {
    for (const point of PROBE_POINTS) await countSamples(probeKey(index + 1), point, device, store, samples);
    samples.sentAgain += device.messages.filter(({ sends }) => sends > 1).length;
  }
  const replay = await replayLog(estate.dataDir);
  const settled = replay.changes.filter(({ logSeq }) => logSeq <= throughSeq);
  const later = replay.changes.slice(settled.length);
  const stored = await store.changes([...settled, ...later]);
  const acknowledged = new Set(
    replay.changes.flatMap(({ change }) =>
      change.kind === 'alarm' && change.activation.acknowledgedBy !== null ? [change.activation.activationId] : [],
    ),
  );
  const ofKind = (kind: string) => replay.changes.filter(({ change }) => change.kind === kind).length;
  return {
    acknowledgedSamples: samples.acknowledged,
    missingSamples: samples.missing,
    repeatedSamples: samples.repeated,
    changedSamples: samples.changed,
    strangeSamples: samples.strange,
    repeatedInLog: replay.repeated,
    sentAgain: samples.sentAgain,
    alarmChanges: ofKind('alarm'),
    ledgerChanges: ofKind('ledger'),
    differentInState: differentInState(estate.dataDir, replay.changes),
    // What came after the last look at history may not have been written yet.
    missingChanges: stored.counts.slice(0, settled.length).filter((count) => count === 0).length,
    repeatedChanges: stored.counts.filter((count) => count > 1).length,
    strangeChanges: stored.strange,
    lostAcknowledgements: taken.filter((activationId) => !acknowledged.has(activationId)).length,
  };
}

interface SampleCounts {
  acknowledged: number;
  missing: number;
  repeated: number;
  changed: number;
  strange: number;
}

async function countSamples(
  asset: string,
  point: (typeof PROBE_POINTS)[number],
  device: Qos1Device,
  store: StoredRows,
  counts: SampleCounts,
): Promise<void> {
  const sent = new Map<number, SentMessage>(device.messages.map((message) => [message.sourceMs, message]));
  const first = device.messages[0]?.sourceMs ?? 0;
  const last = device.messages.at(-1)?.sourceMs ?? 0;
  const found = new Map<number, number>();
  for (const { ms, value } of await store.rows(asset, point, first, last + 1)) {
    const message = sent.get(ms);
    found.set(ms, (found.get(ms) ?? 0) + 1);
    if (message === undefined) counts.strange++;
    else if (value !== (point === 'count' ? message.count : Number(message.fault))) counts.changed++;
  }
  for (const { sourceMs, acknowledged } of device.messages) {
    const rows = found.get(sourceMs) ?? 0;
    if (acknowledged) counts.acknowledged++;
    if (acknowledged && rows === 0) counts.missing++;
    if (rows > 1) counts.repeated++;
  }
}

/** The rules over the whole log, and how many samples came twice in it. */
async function replayLog(dataDir: string): Promise<{ changes: PlacedChange[]; repeated: number }> {
  const log = openLogForReading(join(dataDir, 'log'));
  if (log === undefined) throw new Error(`there is no log in ${dataDir}`);
  const state = createEngineState();
  const changes: PlacedChange[] = [];
  const seen = new Map<number, Set<number>>();
  for (const [key, number] of log.pointNumbers) if (key.startsWith(probeKey(''))) seen.set(number, new Set());
  let repeated = 0;
  for await (const records of log.records(0, log.last.logSeq)) {
    for (const record of records) {
      step(state, record).forEach((change, ordinal) => {
        changes.push({ logSeq: record.logSeq, ordinal, change });
      });
      if (record.kind === 'samples') repeated += countRepeated(record.batch, seen);
    }
  }
  await log.close();
  return { changes, repeated };
}

function countRepeated(
  batch: { length: number; point: Uint32Array; sourceMs: Float64Array },
  seen: Map<number, Set<number>>,
): number {
  let repeated = 0;
  for (let row = 0; row < batch.length; row++) {
    const point = batch.point[row] ?? 0;
    const ms = batch.sourceMs[row] ?? 0;
    const times = seen.get(point);
    if (times?.has(ms)) repeated++;
    times?.add(ms);
  }
  return repeated;
}

/** Changes of the replay, up to what the engine had stored, that `state.db` lacks or has otherwise, and those that it invents. */
function differentInState(dataDir: string, replayed: readonly PlacedChange[]): number {
  const state = new StateDb(dataDir, 'read');
  try {
    const stored = new Map<string, string>();
    for (let place = { logSeq: 0, ordinal: -1 }; ; ) {
      const page = state.changesAfter(place.logSeq, place.ordinal, CHANGES_AT_A_TIME);
      for (const { logSeq, ordinal, change } of page) stored.set(`${logSeq} ${ordinal}`, JSON.stringify(change));
      const last = page.at(-1);
      if (last === undefined) break;
      place = last;
    }
    const { progress } = state;
    const expected = replayed.filter(({ logSeq }) => logSeq <= progress);
    const same = expected.filter(
      ({ logSeq, ordinal, change }) => stored.get(`${logSeq} ${ordinal}`) === JSON.stringify(change),
    ).length;
    return expected.length - same + (stored.size - same);
  } finally {
    state.close();
  }
}

const CHANGES_AT_A_TIME = 10_000;
