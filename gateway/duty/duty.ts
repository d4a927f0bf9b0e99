import type { Activation } from '../../model/alarm.ts';
import { isLinkAssetKey, nameOfKey } from '../../model/asset-key.ts';
import type { Channel, Notice } from '../../model/channel.ts';
import type { Outcome } from '../../model/history.ts';
import { MAX_PUT_OFF_MS, type OutboxEntry, type OutboxStore, type Recipient } from '../../model/outbox.ts';
import type { Person, Site } from '../../model/site.ts';
import { annunciationOf, noticeId } from './notices.ts';

/** Real ms that one hand-over to a channel may take. */
const SEND_TIMEOUT_MS = 10_000;

/** Real ms before the first and the slowest next try; in between it doubles, with jitter. */
const FIRST_RETRY_MS = 1000;
const SLOWEST_RETRY_MS = 60_000;

/** Real ms after which an end that must be told after its beginning is looked at again. */
const LOOK_AGAIN_MS = 5000;

/** Other assets that a notice names besides the first; it counts them all. */
const MAX_NAMED = 5;

/** Notices to one recipient that are looked at in one round, and so that are told as one at most. */
const ROUND_NOTICES = 200;

/** Hand-overs to one recipient at the same time, and how many of these only an alarm of priority 1 may take. */
const MAX_SENDING = 8;
const KEPT_FOR_FIRST = 2;

export interface DutyOptions {
  readonly outbox: OutboxStore;
  /** The site as it is now; undefined before the first site file. */
  readonly site: () => Site | undefined;
  /** The channels of a person, in the order of the site file; undefined for one whose settings are unusable. */
  readonly channelsOf: (person: Person) => readonly (Channel | undefined)[];
  readonly acknowledgeUrl: (activationId: string, person: string) => string;
  readonly simulated: boolean;
  readonly logger: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export interface Duty {
  /** There may be something new in the outbox. */
  wake(): void;
  /** How often a hand-over failed and was put off, since the start. */
  readonly retries: number;
  close(): Promise<void>;
}

/** Empties the outbox into the channels: at least once, each notice on its own, until it is sent or not worth it. */
export function startDuty(options: DutyOptions): Duty {
  return new OutboxWorker(options);
}

class OutboxWorker implements Duty {
  retries = 0;
  readonly #options: DutyOptions;
  readonly #stop = new AbortController();
  readonly #lanes = new Map<string, Lane>();
  readonly #sending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #woken = false;

  constructor(options: DutyOptions) {
    this.#options = options;
    this.wake();
  }

  wake(): void {
    if (this.#woken || this.#stop.signal.aborted) return;
    this.#woken = true;
    setImmediate(() => {
      this.#woken = false;
      this.#round();
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await Promise.allSettled(this.#sending);
  }

  #round(): void {
    if (this.#stop.signal.aborted) return;
    clearTimeout(this.#timer);
    const { outbox } = this.#options;
    const site = this.#options.site();
    const nowMs = Date.now();
    if (site) for (const recipient of outbox.recipients()) this.#serve(recipient, site, nowMs);
    const nextMs = site ? outbox.nextDueMs(nowMs) : nowMs + FIRST_RETRY_MS;
    if (nextMs === undefined) return;
    this.#timer = setTimeout(() => this.wake(), Math.min(nextMs - nowMs, MAX_PUT_OFF_MS));
  }

  /** Sends what is due to one recipient, as far as there is room; whatever was done asks for another round. */
  #serve(recipient: Recipient, site: Site, nowMs: number): void {
    const lane = this.#laneOf(recipient);
    // What is on its way, and the returns that wait for it, must not hide what comes after them.
    const limit = ROUND_NOTICES + 2 * lane.ids.size;
    const due = this.#options.outbox.due(recipient, nowMs, limit).filter(({ id }) => !lane.ids.has(id));
    const owed = due.flatMap((entry) => this.#stillOwed(entry, lane, site) ?? []);
    for (const group of groupNotices(owed.slice(0, ROUND_NOTICES))) {
      const room = group[0].entry.priority === 1 ? MAX_SENDING : MAX_SENDING - KEPT_FOR_FIRST;
      if (lane.groups >= room) break;
      this.#dispatch(group, lane, site);
    }
  }

  #laneOf({ person, channel }: Recipient): Lane {
    const key = JSON.stringify([person, channel]);
    const lane = this.#lanes.get(key) ?? { ids: new Set(), groups: 0 };
    this.#lanes.set(key, lane);
    return lane;
  }

  #dispatch(group: Group, lane: Lane, site: Site): void {
    lane.groups++;
    for (const { entry } of group) lane.ids.add(entry.id);
    const sending = this.#send(group, site).finally(() => {
      lane.groups--;
      for (const { entry } of group) lane.ids.delete(entry.id);
      this.#sending.delete(sending);
      this.wake();
    });
    this.#sending.add(sending);
    this.wake();
  }

  /** Hands a group over as one notice: that of the entry tried most, so that its id stays, naming the others. */
  async #send(group: Group, site: Site): Promise<void> {
    const lead = group.reduce((most, owed) => (owed.entry.attempts > most.entry.attempts ? owed : most));
    const others = group.filter((owed) => owed !== lead);
    const channel = this.#options.channelsOf(lead.person)[lead.entry.channel];
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(SEND_TIMEOUT_MS)]);
    const result: Outcome = channel
      ? await channel.send(this.#noticeOf(lead, others, site), signal).catch(outcomeOfBug)
      : { outcome: 'retry', afterMs: SLOWEST_RETRY_MS, reason: 'channel has no usable settings' };
    if (this.#stop.signal.aborted && result.outcome !== 'done') return;
    if (result.outcome === 'retry') this.#putOff(lead, group, result.reason, result.afterMs);
    else if (result.outcome === 'done') this.#settle(group, 'sent', null);
    else this.#settle(group, 'refused', result.reason);
  }

  /** What an entry is about, if it is worth sending now; settles what is not worth it any more. */
  #stillOwed(entry: OutboxEntry, lane: Lane, site: Site): Owed | undefined {
    const { outbox } = this.#options;
    const stale = (ids: readonly string[], reason: string | null) => {
      outbox.settle(ids, 'stale', reason);
      this.wake();
      return undefined;
    };
    const activation = outbox.activation(entry.activationId);
    const person = site.people.find(({ key }) => key === entry.person);
    if (!activation || !person?.channels[entry.channel]) {
      return stale([entry.id], 'person, channel or alarm is no longer known');
    }
    const owed = { entry, activation, person };
    const calls = this.#callsOf(entry, activation);
    if (entry.kind === 'raised') return isCalling(entry, calls, activation) ? owed : stale([entry.id], null);
    // The end of what is just being told is told after it.
    if ([...lane.ids].some((id) => id.startsWith(`${entry.activationId}~raised`))) return undefined;
    const pending = calls.filter(({ state }) => state === 'pending');
    if (pending.some((call) => isCalling(call, calls, activation))) {
      // A latched alarm calls although its condition is gone, so that its end has to wait for its beginning.
      outbox.putOff([entry.id], 'waits until the alarm itself is told', Date.now() + LOOK_AGAIN_MS);
      this.wake();
      return undefined;
    }
    // Those who were told of any call hear of the end; what nobody was told of needs neither.
    if (calls.some(({ state }) => state === 'sent')) return owed;
    return stale([...pending.map(({ id }) => id), entry.id], null);
  }

  /** The calls of an activation to the recipient of one of its notices, the newest first, as far as one that was sent. */
  #callsOf({ activationId, person, channel }: OutboxEntry, activation: Activation): readonly OutboxEntry[] {
    const calls: OutboxEntry[] = [];
    for (let annunciation = annunciationOf(activation); annunciation >= 1; annunciation--) {
      const id = noticeId({ activationId, kind: 'raised', annunciation, person, channel });
      const call = this.#options.outbox.entry(id);
      if (call) calls.push(call);
      if (call?.state === 'sent') break;
    }
    return calls;
  }

  #settle(group: Group, state: 'sent' | 'refused', reason: string | null): void {
    const ids = group.map(({ entry }) => entry.id);
    this.#options.outbox.settle(ids, state, reason);
    for (const notice of ids) {
      if (state === 'sent') this.#options.logger.info({ notice }, 'notice handed to its channel');
      else this.#options.logger.warn({ notice, reason }, 'notice refused by its channel');
    }
  }

  /** One time for the whole group, so that it stays together. */
  #putOff(lead: Owed, group: Group, reason: string, atLeastMs: number): void {
    this.retries++;
    const { id, attempts, lastError } = lead.entry;
    if (lastError !== reason) {
      // The same failure again is a counter, not another line.
      this.#options.logger.warn({ notice: id, reason }, 'notice not taken by its channel, trying again');
    }
    const jitter = 0.5 + Math.random() / 2;
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** attempts, SLOWEST_RETRY_MS) * jitter;
    const untilMs = Date.now() + Math.ceil(Math.min(Math.max(atLeastMs, delayMs), MAX_PUT_OFF_MS));
    this.#options.outbox.putOff(
      group.map(({ entry }) => entry.id),
      reason,
      untilMs,
    );
  }

  #noticeOf({ entry, activation }: Owed, others: readonly Owed[], site: Site): Notice {
    return {
      id: entry.id,
      kind: entry.kind,
      activationId: activation.activationId,
      person: entry.person,
      priority: activation.priority,
      site: site.name,
      asset: { key: activation.asset, name: nameOfKey(site, activation.asset) },
      alsoCount: others.length,
      also: others.slice(0, MAX_NAMED).map((other) => nameOfKey(site, other.activation.asset)),
      text: activation.text,
      consequence: activation.consequence,
      action: activation.action,
      sinceMs: activation.sinceMs,
      childCount: activation.children.length,
      acknowledgeUrl: this.#options.acknowledgeUrl(activation.activationId, entry.person),
      test: activation.test,
      simulated: this.#options.simulated,
    };
  }
}

/** An entry of the outbox with all that its notice is made of. */
interface Owed {
  readonly entry: OutboxEntry;
  readonly activation: Activation;
  readonly person: Person;
}

/** Entries that are told as one notice. */
type Group = readonly [Owed, ...Owed[]];

/** What is on its way to one recipient, so that none waits for another's channel. */
interface Lane {
  readonly ids: Set<string>;
  groups: number;
}

/**
 * Who is called at once is called for each alarm by itself; what can wait (priorities 3 and 4) is told together: the
 * same alarm of many assets is one notice. So is that of many links, whatever its priority: one switch takes two hundred
 * down at once, and two hundred calls about it would hide every other. All are for one recipient.
 */
function groupNotices(owed: readonly Owed[]): readonly Group[] {
  const groups = new Map<string, [Owed, ...Owed[]]>();
  for (const one of owed) {
    const { id, priority, kind, alarm } = one.entry;
    const isAlone = priority <= 2 && !isLinkAssetKey(one.activation.asset);
    // A test must not lend its label to what is none.
    const key = isAlone ? id : JSON.stringify([kind, priority, alarm, one.activation.test]);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return [...groups.values()];
}

/** Whether a call is worth making: nobody has taken the alarm, it is not silent, and it has not called afresh since. */
function isCalling(call: OutboxEntry, calls: readonly OutboxEntry[], { state, silence }: Activation): boolean {
  return state === 'unacknowledged' && silence === null && calls[0]?.id === call.id;
}

/** A channel that throws has a bug: where it is, without the message, which can hold the channel's settings. */
function outcomeOfBug(error: unknown): Outcome {
  const place = error instanceof Error && /^ +at .+$/m.exec(error.stack ?? '')?.[0].trim();
  return { outcome: 'retry', afterMs: SLOWEST_RETRY_MS, reason: `channel failed ${place || 'without saying where'}` };
}
