import type { Activation, Priority, Silence } from '../../model/alarm.ts';
import type { AlarmHealth, AlarmSource } from '../../model/alarm-health.ts';
import { FLEETING_MS } from './alarm.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Hours that are counted, and days of each source: ISA-18.2 asks for 30 days at least. */
const HOURS_KEPT = 720;
const DAYS_KEPT = 30;

/** Sources that are counted by themselves; one more takes the place of the quieter half. */
const MAX_SOURCES = 1000;

/** A flood begins with more than 10 annunciations in 10 minutes and ends below 5 (ISA-18.2). */
export const FLOOD_WITHIN_MS = 600_000;
const FLOOD_BEGINS_ABOVE = 10;
const FLOOD_ENDS_BELOW = 5;

/** Times of annunciations that are kept: more within ten minutes are shown as so many. */
const LATELY_KEPT = 200;

/** An alarm that has stood for longer than this is stale. */
const STALE_MS = DAY_MS;

/** One hour of the alarm system. */
interface Hour {
  /** Epoch hours. */
  readonly hour: number;
  /** Annunciations of priority 1 to 4. */
  readonly byPriority: [number, number, number, number];
  fleeting: number;
  floodMs: number;
}

/** What the engine remembers of its own alarms. Plain data, for snapshots. */
export interface HealthMemory {
  /** Oldest first, hours without anything left out. */
  hours: Hour[];
  /** `asset alarm` → annunciations by epoch day. */
  sources: Record<string, Record<string, number>>;
  sourceCount: number;
  /** Times of the last annunciations. */
  lately: number[];
  flood: boolean;
  /** From when the time in flood is not counted yet. */
  floodFromMs: number;
  /** Since when alarms are watched; 0 before the first record. */
  sinceMs: number;
}

export function createHealthMemory(): HealthMemory {
  return { hours: [], sources: {}, sourceCount: 0, lately: [], flood: false, floodFromMs: 0, sinceMs: 0 };
}

/** Counts one annunciation. */
export function countAnnunciation(memory: HealthMemory, activation: Activation, nowMs: number): void {
  const { byPriority } = hourOf(memory, nowMs);
  const place = activation.priority - 1;
  byPriority[place] = (byPriority[place] ?? 0) + 1;
  memory.lately = [...memory.lately.slice(1 - LATELY_KEPT), nowMs];
  const key = `${activation.asset} ${activation.alarm}`;
  const day = Math.floor(nowMs / DAY_MS);
  const days = memory.sources[key] ?? sourceFor(memory, key);
  days[day] = (days[day] ?? 0) + 1;
}

/** Counts an activation that is over, if it was too short for anybody to act. */
export function countReturn(memory: HealthMemory, activation: Activation, nowMs: number): void {
  const { returnedMs, sinceMs } = activation;
  if (returnedMs !== null && returnedMs - sinceMs < FLEETING_MS) hourOf(memory, nowMs).fleeting++;
}

/** Follows the flood up to `nowMs`; true where it began or ended. */
export function followFlood(memory: HealthMemory, nowMs: number): boolean {
  if (memory.sinceMs === 0) memory.sinceMs = nowMs;
  if (memory.flood) {
    hourOf(memory, nowMs).floodMs += Math.max(0, nowMs - memory.floodFromMs);
    memory.floodFromMs = nowMs;
  }
  const count = countWithin(memory, nowMs);
  const flood = memory.flood ? count >= FLOOD_ENDS_BELOW : count > FLOOD_BEGINS_ABOVE;
  if (flood === memory.flood) return false;
  memory.flood = flood;
  memory.floodFromMs = nowMs;
  return true;
}

/** How well the alarm system does, of the last 30 days to `nowMs`, with the activations that are open now. */
export function alarmHealth(memory: HealthMemory, open: readonly Activation[], nowMs: number): AlarmHealth {
  const firstHour = Math.floor(nowMs / HOUR_MS) - HOURS_KEPT + 1;
  const hours = memory.hours.filter(({ hour }) => hour >= firstHour);
  const perHour = hours.map(({ byPriority }) => byPriority.reduce((sum, count) => sum + count, 0));
  const annunciated = perHour.reduce((sum, count) => sum + count, 0);
  const fromMs = Math.max(memory.sinceMs || nowMs, firstHour * HOUR_MS);
  const periodMs = nowMs - fromMs;
  const ofPriority = (priority: Priority) =>
    hours.reduce((sum, { byPriority }) => sum + (byPriority[priority - 1] ?? 0), 0);
  const silenced = (silence: Silence) => open.filter((activation) => activation.silence === silence).length;
  return {
    fromMs,
    toMs: nowMs,
    annunciated,
    byPriority: { 1: ofPriority(1), 2: ofPriority(2), 3: ofPriority(3), 4: ofPriority(4) },
    perHour: periodMs > 0 ? annunciated / Math.max(1, periodMs / HOUR_MS) : null,
    worstHour: Math.max(0, ...perHour),
    last10Min: countWithin(memory, nowMs),
    flood: memory.flood,
    floodShare: periodMs > 0 ? Math.min(1, hours.reduce((sum, { floodMs }) => sum + floodMs, 0) / periodMs) : null,
    topTen: topTen(memory, annunciated, nowMs),
    stale: open
      .filter((activation) => isStanding(activation) && nowMs - activation.raisedMs > STALE_MS)
      .map(({ activationId }) => activationId),
    chattering: open.filter(({ chattering }) => chattering).map(({ activationId }) => activationId),
    fleeting: hours.reduce((sum, { fleeting }) => sum + fleeting, 0),
    silenced: {
      shelved: silenced('shelved'),
      suppressed: silenced('suppressed'),
      'out-of-service': silenced('out-of-service'),
      planned: silenced('planned'),
      commissioning: silenced('commissioning'),
    },
  };
}

function isStanding({ returnedMs }: Activation): boolean {
  return returnedMs === null;
}

/** Annunciations of the last ten minutes. */
function countWithin(memory: HealthMemory, nowMs: number): number {
  return memory.lately.filter((ms) => nowMs - ms < FLOOD_WITHIN_MS).length;
}

function hourOf(memory: HealthMemory, nowMs: number): Hour {
  const hour = Math.floor(nowMs / HOUR_MS);
  const last = memory.hours.at(-1);
  if (last?.hour === hour) return last;
  const made: Hour = { hour, byPriority: [0, 0, 0, 0], fleeting: 0, floodMs: 0 };
  memory.hours.push(made);
  if (memory.hours.length > HOURS_KEPT) memory.hours.shift();
  return made;
}

function sourceFor(memory: HealthMemory, key: string): Record<string, number> {
  if (memory.sourceCount >= MAX_SOURCES) forgetQuietest(memory);
  const days = {};
  memory.sources[key] = days;
  memory.sourceCount++;
  return days;
}

/** Makes room for new sources: the quieter half goes at once, so that a storm of new ones costs little. */
function forgetQuietest(memory: HealthMemory): void {
  const counted = Object.keys(memory.sources).map((key) => [countOf(memory, key, 0), key] as const);
  counted.sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
  for (const [, key] of counted.slice(0, MAX_SOURCES / 2)) forgetSource(memory, key);
}

function countOf(memory: HealthMemory, key: string, firstDay: number): number {
  return Object.entries(memory.sources[key] ?? {}).reduce(
    (sum, [day, count]) => (Number(day) >= firstDay ? sum + count : sum),
    0,
  );
}

function topTen(memory: HealthMemory, annunciated: number, nowMs: number): AlarmSource[] {
  const firstDay = Math.floor(nowMs / DAY_MS) - DAYS_KEPT + 1;
  return Object.keys(memory.sources)
    .map((key) => {
      const [asset = '', alarm = ''] = key.split(' ');
      const count = countOf(memory, key, firstDay);
      return { asset, alarm, count, share: annunciated > 0 ? Math.min(1, count / annunciated) : 0 };
    })
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count || (a.asset + a.alarm < b.asset + b.alarm ? -1 : 1))
    .slice(0, 10);
}

/** Forgets days of sources that are no longer counted. */
export function forgetOldSources(memory: HealthMemory, nowMs: number): void {
  const firstDay = Math.floor(nowMs / DAY_MS) - DAYS_KEPT + 1;
  for (const [key, days] of Object.entries(memory.sources)) {
    for (const day of Object.keys(days)) if (Number(day) < firstDay) delete days[day];
    if (Object.keys(days).length === 0) forgetSource(memory, key);
  }
}

function forgetSource(memory: HealthMemory, key: string): void {
  delete memory.sources[key];
  memory.sourceCount--;
}
