import type { Site } from '../model/site.ts';
import { type AlarmMemory, createAlarmMemory, isWaiting } from './alarms/alarm.ts';
import type { HealthMemory } from './alarms/alarm-health.ts';
import { ALL_BITS, compileSite, type Plan, STRIDE } from './compile.ts';
import { Window } from './expressions/window.ts';
import { ClassTimes, type Ledger } from './ledger/ledger.ts';
import { RecentInputs } from './ledger/recent-inputs.ts';
import { evaluateExpressions } from './look.ts';
import { allocateColumns, createEngineState, type Decisions, type EngineState } from './state.ts';

/** Version of the form below; a snapshot of another one is not read. */
export const SNAPSHOT_FORMAT = 3;

/** The engine's state as plain JSON: columns by stable key, so that it outlives a change of the site file. */
export interface Snapshot {
  readonly format: number;
  readonly logSeq: number;
  readonly logMs: number;
  readonly rateMinute: number;
  readonly site: Site | null;
  readonly numbers: readonly (readonly [string, number])[];
  readonly counters: EngineState['counters'];
  readonly health: HealthMemory;
  readonly decisions: SavedDecisions;
  readonly slotKeys: readonly string[];
  /** {@link STRIDE} doubles of each slot. */
  readonly points: string;
  readonly windows: readonly (readonly [key: string, saved: readonly (number | null)[]])[];
  readonly trackKeys: readonly string[];
  readonly tracks: {
    readonly classes: string;
    readonly sinceMs: string;
    readonly pages: readonly (readonly [number: number, sums: string])[];
    readonly past: readonly (readonly [key: string, stretches: string])[];
  };
  /** Of the first tracks, which are the assets. */
  readonly assets: {
    readonly dead: string;
    readonly underDead: string;
    readonly plannedUntilMs: string;
    readonly plannedFromMs: string;
    readonly downBefore: string;
    readonly commissioning: string;
    readonly clockOffMs: string;
    readonly recent: readonly (readonly [key: string, slots: readonly string[], saved: readonly (number | null)[]])[];
  };
  readonly nextPlannedMs: number | null;
  /** Asset key → alarm key → memory; times that do not hold are null. */
  readonly alarms: Readonly<Record<string, Readonly<Record<string, Record<keyof AlarmMemory, unknown>>>>>;
}

interface SavedDecisions {
  readonly outOfService: readonly (readonly [string, { by: string; reason: string; sinceMs: number }])[];
  readonly jobs: readonly (readonly [string, { by: string; untilMs: number }])[];
  readonly signedOff: readonly string[];
  readonly plans: Decisions['plans'];
  readonly exclusions: Decisions['exclusions'];
  /** Absent where a program wrote it that did not write to controllers. */
  readonly writes?: Decisions['writes'];
}

export function takeSnapshot(state: EngineState): Snapshot {
  const { plan, ledger } = state;
  const keys = plan ? trackKeys(plan) : [];
  return {
    format: SNAPSHOT_FORMAT,
    logSeq: state.logSeq,
    logMs: state.logMs,
    rateMinute: state.rateMinute,
    site: plan?.site ?? null,
    numbers: [...state.numbers],
    counters: { ...state.counters },
    health: structuredClone(state.health),
    decisions: saveDecisions(state.decisions),
    slotKeys: plan?.slotKeys ?? [],
    points: encode(state.points),
    windows: (plan?.windows ?? []).map(({ number, slot }) => [
      plan?.slotKeys[slot] ?? '',
      state.windows[number]?.save() ?? [],
    ]),
    trackKeys: keys,
    tracks: {
      classes: encode(ledger.classes),
      sinceMs: encode(ledger.sinceMs),
      pages: [...ledger.times.pages.values()].map(({ number, sums }) => [number, encode(sums)]),
      past: keys.flatMap((key, track) => {
        const past = ledger.past(track);
        return past.length > 0 ? [[key, encode(past)] as const] : [];
      }),
    },
    assets: {
      dead: encode(state.dead),
      underDead: encode(state.underDead),
      plannedUntilMs: encode(state.plannedUntilMs),
      plannedFromMs: encode(state.plannedFromMs),
      downBefore: encode(state.downBefore),
      commissioning: encode(state.commissioning),
      clockOffMs: encode(state.clockOffMs),
      recent: saveRecent(state),
    },
    nextPlannedMs: Number.isFinite(state.nextPlannedMs) ? state.nextPlannedMs : null,
    alarms: saveAlarms(state),
  };
}

function saveAlarms(state: EngineState): Snapshot['alarms'] {
  const alarms: Record<string, Record<string, Record<keyof AlarmMemory, unknown>>> = {};
  for (const [index, memories] of state.alarms) {
    const asset = state.plan?.assets[index];
    if (!asset) continue;
    alarms[asset.key] = Object.fromEntries(
      memories.flatMap((memory, no) =>
        memory ? [[asset.alarms[no]?.definition.key ?? '', { ...memory }] as const] : [],
      ),
    );
  }
  return alarms;
}

/** Slots by key, since their numbers change with the site. */
function saveRecent(state: EngineState): Snapshot['assets']['recent'] {
  const { plan } = state;
  if (!plan) return [];
  return plan.assets.flatMap(({ key, index }) => {
    const recent = state.recent[index];
    if (!recent) return [];
    const slots = recent.slotsSince(Number.NEGATIVE_INFINITY);
    return [[key, slots.map((slot) => `${slot}=${plan.slotKeys[slot] ?? ''}`), recent.save()] as const];
  });
}

function saveDecisions({ outOfService, jobs, signedOff, ...lists }: Decisions): SavedDecisions {
  return { outOfService: [...outOfService], jobs: [...jobs], signedOff: [...signedOff], ...lists };
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
  state.health = structuredClone(before.health);
  carryDecisions(state, before.decisions, site);
  carrySlots(state, plan, before, formerly);
  carryTracks(state, plan, before, formerly);
  carryRecent(state, plan, before, formerly);
  carryAlarms(state, plan, before, formerly);
  state.nextPlannedMs = before.nextPlannedMs ?? Number.POSITIVE_INFINITY;
  // Results follow from the values; what they were is not told again.
  for (const asset of plan.assets) evaluateExpressions(state, asset, ALL_BITS);
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

/** Decisions hold by key; those of an asset that was renamed go with it, those of one that is gone end. */
function carryDecisions(state: EngineState, before: SavedDecisions, site: Site): void {
  const now = new Map(site.assets.flatMap(({ key, formerly }) => (formerly ? [[formerly, key] as const] : [])));
  const keys = new Set(site.assets.map(({ key }) => key));
  const keyOf = (key: string) => (keys.has(key) ? key : (now.get(key) ?? key));
  const renamed = (point: string) => {
    const cut = point.indexOf('/');
    return keyOf(point.slice(0, cut)) + point.slice(cut);
  };
  const { decisions } = state;
  decisions.outOfService.clear();
  decisions.jobs.clear();
  decisions.signedOff.clear();
  const isKept = (key: string) => keys.has(keyOf(key));
  for (const [key, value] of before.outOfService) if (isKept(key)) decisions.outOfService.set(keyOf(key), value);
  for (const [key, value] of before.jobs) if (isKept(key)) decisions.jobs.set(keyOf(key), value);
  for (const point of before.signedOff) {
    const [asset = ''] = point.split('/');
    if (isKept(asset)) decisions.signedOff.add(renamed(point));
  }
  decisions.plans = before.plans.map((plan) => ({ ...plan, asset: keyOf(plan.asset) }));
  decisions.writes = (before.writes ?? []).map((write) => ({
    ...write,
    asset: keyOf(write.asset),
    point: renamed(write.point),
  }));
  decisions.exclusions = before.exclusions.map((exclusion) => ({ ...exclusion, asset: keyOf(exclusion.asset) }));
}

function carrySlots(state: EngineState, plan: Plan, before: Snapshot, formerly: Formerly): void {
  const find = finder(before.slotKeys, '/', formerly);
  const points = decodeDoubles(before.points);
  const windows = new Map(before.windows);
  plan.slotKeys.forEach((key, slot) => {
    const old = find(key);
    if (old !== undefined) state.points.set(points.subarray(old * STRIDE, (old + 1) * STRIDE), slot * STRIDE);
  });
  for (const { number, slot, call } of plan.windows) {
    const old = find(plan.slotKeys[slot] ?? '');
    const saved = old === undefined ? undefined : windows.get(before.slotKeys[old] ?? '');
    if (saved) state.windows[number] = new Window(call.kind, call.durationMs, saved);
  }
}

function carryTracks(state: EngineState, plan: Plan, before: Snapshot, formerly: Formerly): void {
  const find = finder(before.trackKeys, '|', formerly);
  const classes = decodeBytes(before.tracks.classes);
  const sinceMs = decodeDoubles(before.tracks.sinceMs);
  const past = new Map(before.tracks.past);
  const pages = before.tracks.pages.map(([number, sums]) => ({ number, sums: new Uint32Array(bytesOf(sums)) }));
  const times = new ClassTimes(before.trackKeys.length, pages);
  const columns = (['dead', 'underDead', 'downBefore', 'commissioning'] as const).map(
    (name) => [state[name], decodeBytes(before.assets[name])] as const,
  );
  const timeColumns = (['plannedUntilMs', 'plannedFromMs', 'clockOffMs'] as const).map(
    (name) => [state[name], decodeDoubles(before.assets[name])] as const,
  );
  trackKeys(plan).forEach((key, track) => {
    const old = find(key);
    if (old === undefined) return;
    const { ledger } = state;
    ledger.classes[track] = classes[old] as number;
    ledger.sinceMs[track] = sinceMs[old] as number;
    ledger.times.carry(track, times, old);
    carryPast(ledger, track, past.get(before.trackKeys[old] ?? ''));
    if (track >= plan.assets.length) return;
    for (const [column, stored] of columns) column[track] = stored[old] ?? 0;
    for (const [column, stored] of timeColumns) if (track < column.length) column[track] = stored[old] ?? 0;
  });
}

function carryPast(ledger: Ledger, track: number, stretches: string | undefined): void {
  if (stretches !== undefined) ledger.restorePast(track, decodeDoubles(stretches));
}

function carryRecent(state: EngineState, plan: Plan, before: Snapshot, formerly: Formerly): void {
  const stored = new Map(before.assets.recent.map(([key, slots, saved]) => [key, { slots, saved }]));
  const slotOf = new Map(plan.slotKeys.map((key, slot) => [key, slot]));
  for (const { key, index } of plan.assets) {
    const former = formerly.get(key);
    const found = stored.get(key) ?? stored.get(former ?? '');
    if (!found) continue;
    const renumbered = new Map<number, number>();
    for (const entry of found.slots) {
      const cut = entry.indexOf('=');
      const [old, slotKey] = [Number(entry.slice(0, cut)), entry.slice(cut + 1)];
      const own =
        former !== undefined && slotKey.startsWith(`${former}/`) ? key + slotKey.slice(former.length) : slotKey;
      renumbered.set(old, old < 0 ? old : (slotOf.get(own) ?? 0));
    }
    state.recent[index] = RecentInputs.restore(found.saved, renumbered);
  }
}

function carryAlarms(state: EngineState, plan: Plan, before: Snapshot, formerly: Formerly): void {
  for (const asset of plan.assets) {
    const stored = before.alarms[asset.key] ?? before.alarms[formerly.get(asset.key) ?? ''];
    if (!stored) continue;
    const memories = asset.alarms.map(({ definition }) => revive(stored[definition.key]));
    state.alarms.set(asset.index, memories);
    if (memories.some((memory) => memory && isWaiting(memory, asset.reAlarms))) state.waiting.add(asset.index);
  }
}

function revive(stored: Record<keyof AlarmMemory, unknown> | undefined): AlarmMemory | undefined {
  if (!stored) return undefined;
  // JSON has no NaN; a time that does not hold is stored as null.
  const known = Object.entries(stored).filter(([, value]) => value !== null);
  return Object.assign(createAlarmMemory(), Object.fromEntries(known));
}

function trackKeys(plan: Plan): string[] {
  const ledgers = plan.assets.map((asset) => asset.key);
  const rates = plan.rateTracks.map((track) => {
    const system = plan.site.systems[track.system];
    return `${plan.assets[track.asset]?.key}|${system?.key}|${system?.rates[track.rate]?.key}`;
  });
  return [...ledgers, ...rates];
}

function encode(column: Float64Array | Uint8Array | Uint32Array): string {
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
