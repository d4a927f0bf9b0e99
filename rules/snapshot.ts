import type { Site } from '../model/site.ts';
import { type AlarmMemory, createAlarmMemory, isWaiting } from './alarm.ts';
import { compileSite, type Plan } from './compile.ts';
import { HALF_DAYS_KEPT } from './ledger.ts';
import { allocateColumns, createEngineState, type EngineState } from './state.ts';

/** Version of the form below; a snapshot of another one is not read. */
export const SNAPSHOT_FORMAT = 2;

/** The engine's state as plain JSON: columns by stable key, so that it outlives a change of the site file. */
export interface Snapshot {
  readonly format: number;
  readonly logSeq: number;
  readonly logMs: number;
  readonly rateMinute: number;
  readonly site: Site | null;
  readonly numbers: readonly (readonly [string, number])[];
  readonly counters: EngineState['counters'];
  readonly slotKeys: readonly string[];
  readonly slots: {
    readonly values: string;
    readonly sourceMs: string;
    readonly goodMs: string;
    readonly replyMs: string;
  };
  readonly trackKeys: readonly string[];
  readonly tracks: {
    readonly classes: string;
    readonly sinceMs: string;
    readonly halves: string;
    readonly sums: string;
  };
  /** Of the first tracks, which are the assets. */
  readonly assets: { readonly dead: string; readonly underDead: string };
  /** Asset key → alarm key → memory; times that do not hold are null. */
  readonly alarms: Readonly<Record<string, Readonly<Record<string, Record<keyof AlarmMemory, unknown>>>>>;
}

export function takeSnapshot(state: EngineState): Snapshot {
  const plan = state.plan;
  const alarms: Record<string, Record<string, Record<keyof AlarmMemory, unknown>>> = {};
  for (const [asset, memories] of state.alarms) {
    const assetPlan = plan?.assets[asset];
    if (!assetPlan) continue;
    alarms[assetPlan.key] = Object.fromEntries(
      memories.map((memory, no) => [assetPlan.alarms[no]?.definition.key ?? '', { ...memory }]),
    );
  }
  return {
    format: SNAPSHOT_FORMAT,
    logSeq: state.logSeq,
    logMs: state.logMs,
    rateMinute: state.rateMinute,
    site: plan?.site ?? null,
    numbers: [...state.numbers],
    counters: { ...state.counters },
    slotKeys: plan?.slotKeys ?? [],
    slots: {
      values: encode(state.values),
      sourceMs: encode(state.sourceMs),
      goodMs: encode(state.goodMs),
      replyMs: encode(state.replyMs),
    },
    trackKeys: plan ? trackKeys(plan) : [],
    tracks: {
      classes: encode(state.classes),
      sinceMs: encode(state.sinceMs),
      halves: encode(state.times.halves),
      sums: encode(state.times.sums),
    },
    assets: { dead: encode(state.dead), underDead: encode(state.underDead) },
    alarms,
  };
}

/** The state as it was; undefined where the snapshot is of another format. */
export function restoreSnapshot(snapshot: Snapshot): EngineState | undefined {
  if (snapshot.format !== SNAPSHOT_FORMAT) return undefined;
  const state = createEngineState();
  for (const [key, number] of snapshot.numbers) state.numbers.set(key, number);
  if (snapshot.site) adoptSite(state, snapshot.site, snapshot);
  state.logSeq = snapshot.logSeq;
  state.logMs = snapshot.logMs;
  state.rateMinute = snapshot.rateMinute;
  Object.assign(state.counters, snapshot.counters);
  return state;
}

/**
 * Compiles `site` into the state and carries over from `before` what is still there by key, or by the key that an asset
 * formerly had; what is new is unknown since the state's present time.
 */
export function adoptSite(state: EngineState, site: Site, before: Snapshot): void {
  const plan = compileSite(site, state.numbers);
  allocateColumns(state, plan, Math.max(before.logMs, state.logMs));
  const formerly = new Map(site.assets.flatMap((asset) => (asset.formerly ? [[asset.key, asset.formerly]] : [])));
  carrySlots(state, plan, before, formerly);
  carryTracks(state, plan, before, formerly);
  carryAlarms(state, plan, before, formerly);
}

type Formerly = ReadonlyMap<string, string>;

/** Where something stood under its key, or under the key that its asset formerly had. */
function finder(keys: readonly string[], separator: string, formerly: Formerly): (key: string) => number | undefined {
  const places = new Map(keys.map((key, place) => [key, place]));
  return (key) => {
    const found = places.get(key);
    if (found !== undefined) return found;
    const end = key.indexOf(separator);
    const asset = end < 0 ? key : key.slice(0, end);
    const former = formerly.get(asset);
    return former === undefined ? undefined : places.get(former + key.slice(asset.length));
  };
}

function carrySlots(state: EngineState, plan: Plan, before: Snapshot, formerly: Formerly): void {
  const find = finder(before.slotKeys, '/', formerly);
  const values = decodeDoubles(before.slots.values);
  const sourceMs = decodeDoubles(before.slots.sourceMs);
  const goodMs = decodeDoubles(before.slots.goodMs);
  const replyMs = decodeDoubles(before.slots.replyMs);
  plan.slotKeys.forEach((key, slot) => {
    const old = find(key);
    if (old === undefined) return;
    state.values[slot] = values[old] ?? Number.NaN;
    state.sourceMs[slot] = sourceMs[old] ?? Number.NEGATIVE_INFINITY;
    state.goodMs[slot] = goodMs[old] ?? Number.NEGATIVE_INFINITY;
    state.replyMs[slot] = replyMs[old] ?? Number.NEGATIVE_INFINITY;
  });
}

function carryTracks(state: EngineState, plan: Plan, before: Snapshot, formerly: Formerly): void {
  const find = finder(before.trackKeys, '|', formerly);
  const classes = decodeBytes(before.tracks.classes);
  const sinceMs = decodeDoubles(before.tracks.sinceMs);
  const halves = new Int32Array(bytesOf(before.tracks.halves));
  const sums = decodeDoubles(before.tracks.sums);
  const dead = decodeBytes(before.assets.dead);
  const underDead = decodeBytes(before.assets.underDead);
  const sumsPerTrack = sums.length / Math.max(1, before.trackKeys.length);
  trackKeys(plan).forEach((key, track) => {
    const old = find(key);
    if (old === undefined) return;
    state.classes[track] = classes[old] as number;
    state.sinceMs[track] = sinceMs[old] as number;
    state.times.halves.set(halves.subarray(old * HALF_DAYS_KEPT, (old + 1) * HALF_DAYS_KEPT), track * HALF_DAYS_KEPT);
    state.times.sums.set(sums.subarray(old * sumsPerTrack, (old + 1) * sumsPerTrack), track * sumsPerTrack);
    if (track >= plan.assets.length) return;
    state.dead[track] = dead[old] ?? 0;
    state.underDead[track] = underDead[old] ?? 0;
  });
}

function carryAlarms(state: EngineState, plan: Plan, before: Snapshot, formerly: Formerly): void {
  for (const assetPlan of plan.assets) {
    const stored = before.alarms[assetPlan.key] ?? before.alarms[formerly.get(assetPlan.key) ?? ''];
    if (!stored) continue;
    const memories = assetPlan.alarms.map(({ definition }) => revive(stored[definition.key]));
    state.alarms.set(assetPlan.index, memories);
    if (memories.some(isWaiting)) state.waiting.add(assetPlan.index);
  }
}

function revive(stored: Record<keyof AlarmMemory, unknown> | undefined): AlarmMemory {
  const memory = createAlarmMemory();
  if (stored) {
    // JSON has no NaN; a time that does not hold is stored as null.
    const known = Object.entries(stored).filter(([, value]) => value !== null);
    Object.assign(memory, Object.fromEntries(known));
  }
  return memory;
}

function trackKeys(plan: Plan): string[] {
  const ledgers = plan.assets.map((asset) => asset.key);
  const rates = plan.rateTracks.map((track) => {
    const system = plan.site.systems[track.system];
    return `${plan.assets[track.asset]?.key}|${system?.key}|${system?.rates[track.rate]?.key}`;
  });
  return [...ledgers, ...rates];
}

function encode(column: Float64Array | Uint8Array | Int32Array): string {
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength).toString('base64');
}

function bytesOf(text: string): ArrayBuffer {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return bytes.buffer;
}

function decodeDoubles(text: string): Float64Array {
  return new Float64Array(bytesOf(text));
}

function decodeBytes(text: string): Uint8Array {
  return new Uint8Array(bytesOf(text));
}
