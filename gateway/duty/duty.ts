import type { Activation } from '../../model/alarm.ts';
import type { Channel, Notice } from '../../model/channel.ts';
import type { OutboxEntry, OutboxStore } from '../../model/outbox.ts';
import type { Person, Site } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';
import { noticeId } from './notices.ts';

/** Real ms that one hand-over to a channel may take. */
const SEND_TIMEOUT_MS = 10_000;

/** Real ms before the first and the slowest next try; in between it doubles, with jitter. */
const FIRST_RETRY_MS = 1000;
const SLOWEST_RETRY_MS = 60_000;

/** Other assets that a notice names besides the first; it counts them all. */
const MAX_NAMED = 5;

/** Notices that are looked at in one round, and that are on their way at the same time. */
const ROUND_NOTICES = 200;
const MAX_SENDING = 16;

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
  readonly #sending = new Map<string, Promise<void>>();
  /** Real time before which a notice that failed is not tried again, and the delay that led to it. */
  readonly #putOff = new Map<string, { untilMs: number; delayMs: number }>();
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
    await Promise.allSettled(this.#sending.values());
  }

  #round(): void {
    if (this.#stop.signal.aborted) return;
    clearTimeout(this.#timer);
    const nowMs = performance.now();
    let nextMs = Number.POSITIVE_INFINITY;
    const ready: OutboxEntry[] = [];
    for (const entry of this.#options.outbox.pending(ROUND_NOTICES)) {
      const untilMs = this.#putOff.get(entry.id)?.untilMs ?? 0;
      if (untilMs > nowMs) nextMs = Math.min(nextMs, untilMs);
      else if (!this.#sending.has(entry.id)) ready.push(entry);
    }
    for (const group of groupNotices(ready)) {
      if (this.#sending.size >= MAX_SENDING) break;
      const sending = this.#handle(group).finally(() => {
        for (const { id } of group) this.#sending.delete(id);
        this.wake();
      });
      for (const { id } of group) this.#sending.set(id, sending);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.wake(), nextMs - nowMs);
  }

  /** Hands a group over as one notice: the first entry's, which names the others. */
  async #handle(group: readonly OutboxEntry[]): Promise<void> {
    const site = this.#options.site();
    const owed = site ? group.flatMap((entry) => this.#stillOwed(entry, site) ?? []) : [];
    const [lead] = owed;
    if (!site || !lead) return;
    const channel = this.#options.channelsOf(lead.person)[lead.entry.channel];
    const settle = (state: 'sent' | 'refused', reason: string | null) => {
      for (const { entry } of owed) this.#settle(entry, state, reason);
    };
    if (!channel) return settle('refused', 'channel has no usable settings');
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(SEND_TIMEOUT_MS)]);
    const result = await channel.send(this.#noticeOf(lead, owed.slice(1), site), signal).catch((error: unknown) => ({
      outcome: 'retry' as const,
      afterMs: SLOWEST_RETRY_MS,
      reason: String(error),
    }));
    if (this.#stop.signal.aborted && result.outcome !== 'done') return;
    if (result.outcome === 'done') return settle('sent', null);
    if (result.outcome === 'refused') return settle('refused', result.reason);
    this.retries++;
    if (lead.entry.lastError !== result.reason) {
      // The same failure again is a counter, not another line.
      const { id } = lead.entry;
      this.#options.logger.warn({ notice: id, reason: result.reason }, 'notice not taken by its channel, trying again');
    }
    for (const { entry } of owed) {
      this.#options.outbox.failed(entry.id, result.reason);
      this.#putOffBy(entry, result.afterMs);
    }
  }

  /** What an entry is about, if it is still worth sending; settles or puts off the others. */
  #stillOwed(entry: OutboxEntry, site: Site): Owed | undefined {
    const activation = this.#options.outbox.activation(entry.activationId);
    const person = site.people.find(({ key }) => key === entry.person);
    if (!activation || !person) this.#settle(entry, 'stale', 'person or alarm is no longer known');
    else {
      const worth = this.#worth(entry, activation);
      if (worth === 'yes') return { entry, activation, person };
      if (worth === 'no') this.#settle(entry, 'stale', null);
      else this.#putOffBy(entry, FIRST_RETRY_MS);
    }
    return undefined;
  }

  /** A raised alarm is told while it stands and nobody has taken it; its return to those who were told. */
  #worth(entry: OutboxEntry, activation: Activation): 'yes' | 'no' | 'later' {
    if (entry.kind === 'raised') return activation.state === 'unacknowledged' ? 'yes' : 'no';
    const raised = this.#options.outbox.entry(noticeId(entry.activationId, 'raised', entry.person, entry.channel));
    if (raised?.state === 'sent') return 'yes';
    return raised?.state === 'pending' ? 'later' : 'no';
  }

  #settle(entry: OutboxEntry, state: 'sent' | 'refused' | 'stale', reason: string | null): void {
    this.#putOff.delete(entry.id);
    this.#options.outbox.settle(entry.id, state, reason);
    if (state === 'sent') this.#options.logger.info({ notice: entry.id }, 'notice handed to its channel');
    if (state === 'refused') this.#options.logger.warn({ notice: entry.id, reason }, 'notice refused by its channel');
  }

  #putOffBy(entry: OutboxEntry, atLeastMs: number): void {
    const before = this.#putOff.get(entry.id)?.delayMs ?? FIRST_RETRY_MS / 2;
    const delayMs = Math.min(before * 2, SLOWEST_RETRY_MS);
    const jitter = 0.5 + Math.random() / 2;
    this.#putOff.set(entry.id, { untilMs: performance.now() + Math.max(atLeastMs, delayMs * jitter), delayMs });
  }

  #noticeOf({ entry, activation }: Owed, others: readonly Owed[], site: Site): Notice {
    return {
      id: entry.id,
      kind: entry.kind,
      activationId: activation.activationId,
      person: entry.person,
      priority: activation.priority,
      site: site.name,
      asset: { key: activation.asset, name: assetName(site, activation.asset) },
      alsoCount: others.length,
      also: others.slice(0, MAX_NAMED).map((other) => assetName(site, other.activation.asset)),
      text: activation.text,
      consequence: activation.consequence,
      action: activation.action,
      sinceMs: activation.sinceMs,
      childCount: activation.children.length,
      acknowledgeUrl: this.#options.acknowledgeUrl(activation.activationId, entry.person),
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

/**
 * Who is called at once is called for each alarm by itself; what can wait (priorities 3 and 4) is told together: the
 * same alarm of many assets, to the same person, is one notice.
 */
export function groupNotices(entries: readonly OutboxEntry[]): readonly (readonly OutboxEntry[])[] {
  const groups = new Map<string, OutboxEntry[]>();
  for (const entry of entries) {
    const key = entry.priority <= 2 ? entry.id : JSON.stringify([entry.kind, entry.person, entry.channel, entry.alarm]);
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return [...groups.values()];
}

function assetName(site: Site, key: string): Text {
  const asset = site.assets.find((candidate) => candidate.key === key);
  const link = site.links.find((candidate) => `link:${candidate.key}` === key);
  return asset?.name ?? link?.name ?? { zh: key, en: key };
}
