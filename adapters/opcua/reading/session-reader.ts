import type { ClientSession, DataValue } from 'node-opcua';
import type { LinkPlan } from '../../../model/adapter.ts';
import { parseDuration } from '../../../model/duration.ts';
import { DEFAULT_REFRESH_MS, type OpcuaAddress, type OpcuaSettings } from '../schema.ts';
import { SessionSpent } from '../session/refusals.ts';
import { itemsOnServer } from './item-count.ts';
import { monitor } from './monitored-items.ts';
import type { Publishing, PublishingListener, Subscription } from './publishing.ts';
import { refresh } from './refresh.ts';
import type { Reporter } from './reporter.ts';
import type { Intervals } from './revision.ts';
import { badText, locate, note, type Watched } from './watched.ts';

/** A node that the server does not know is asked for again, and the items are counted, at every so many-th read. */
const EVERY_READS = 12;

/** What a run reads: a session, what it publishes, and the nodes with what is known of them. */
export interface ReadSession {
  readonly session: ClientSession;
  readonly publishing: Publishing<Watched>;
  readonly watched: readonly Watched[];
}

/** Reads and reports on one session, for as long as its connection lasts. */
export class SessionReader {
  readonly #plan: LinkPlan<OpcuaSettings, OpcuaAddress>;
  readonly #asked: Intervals;
  readonly #held: ReadSession;
  readonly #reporter: Reporter;
  readonly #failed = Promise.withResolvers<never>();
  /** What has happened to the subscription since it was last looked after. */
  #ended: { readonly subscription: Subscription; readonly why: string } | undefined;
  #missed = false;
  #wake: () => void = () => undefined;

  constructor(plan: LinkPlan<OpcuaSettings, OpcuaAddress>, asked: Intervals, held: ReadSession, reporter: Reporter) {
    this.#plan = plan;
    this.#asked = asked;
    this.#held = held;
    this.#reporter = reporter;
    // It may fail when nobody waits for it any more.
    this.#failed.promise.catch(() => undefined);
  }

  /** Reads until the session is lost, and then throws; never returns of itself. Calls `up` when the session answers. */
  async hold(over: AbortSignal, up: () => void): Promise<never> {
    return await Promise.race([this.#failed.promise, this.#read(over, up)]);
  }

  async #read(over: AbortSignal, up: () => void): Promise<never> {
    const { session, publishing, watched } = this.#held;
    const { settings, wire } = this.#plan;
    const refreshMs = parseDuration(settings.refresh ?? '') ?? DEFAULT_REFRESH_MS;
    const resumes = publishing.subscriptions.length > 0;
    const before = watched.map(({ nodeId }) => nodeId);
    await locate(session, watched, wire);
    if (!over.aborted) up();
    const isSame = watched.every(({ nodeId }, i) => nodeId === before[i]);
    const goesOn = resumes && isSame && (await publishing.recover(this.#listener));
    over.throwIfAborted();
    if (goesOn) publishing.start(this.#listener);
    await refresh(session, this.#reporter, watched, { over, wire, retry: true });
    over.throwIfAborted();
    if (!goesOn) {
      publishing.start(this.#listener);
      await this.#subscribe();
    } else if (!(await this.#isComplete())) await this.#renew('items are missing', over);
    for (let reads = 1; ; reads += 1) {
      await this.#pause(refreshMs, over);
      if (this.#ended !== undefined) await this.#lookAfter(this.#ended, over);
      this.#missed = false;
      const retry = reads % EVERY_READS === 0;
      if (retry && watched.some(({ known }) => !known)) await locate(session, watched, wire);
      await refresh(session, this.#reporter, watched, { over, wire, retry });
      if (!retry) continue;
      await this.#monitor();
      if (!(await this.#isComplete())) await this.#renew('items are missing', over);
    }
  }

  readonly #listener: PublishingListener<Watched> = {
    value: (entry, value) => this.#notified(entry, value),
    missed: () => {
      this.#missed = true;
      this.#wake();
    },
    ended: (subscription, why) => {
      this.#ended = { subscription, why };
      this.#wake();
    },
    failed: (cause) => this.#failed.reject(cause),
  };

  #notified(entry: Watched, value: DataValue): void {
    const { wire } = this.#plan;
    const decoded = this.#reporter.notify(entry.point, value);
    note(entry, decoded.unknown);
    wire.heard(1);
    if (decoded.badStatus !== undefined) wire.failed(badText(entry, decoded.badStatus));
  }

  /** Waits until the next read is due, or there is something to look after. */
  async #pause(refreshMs: number, over: AbortSignal): Promise<void> {
    if (this.#ended !== undefined || this.#missed) return;
    const woken = new AbortController();
    const wake = () => woken.abort();
    this.#wake = wake;
    over.addEventListener('abort', wake, { signal: woken.signal });
    await this.#plan.clock.delay(refreshMs, woken.signal).catch((error: unknown) => {
      if (!woken.signal.aborted) throw error;
    });
    woken.abort();
    over.throwIfAborted();
  }

  /**
   * A subscription that is no more is made anew on the same session, since reads still succeed. One that never said
   * anything would not do so the next time either: then the link is lost, and its session is given up.
   */
  async #lookAfter({ subscription, why }: { subscription: Subscription; why: string }, over: AbortSignal) {
    this.#ended = undefined;
    if (!subscription.spoke) {
      throw new SessionSpent({ zh: `订阅无消息（${why}）`, en: `the subscription is silent (${why})` });
    }
    await this.#renew(why, over);
  }

  async #renew(why: string, over: AbortSignal): Promise<void> {
    this.#plan.log.warn({ why }, 'subscription lost; it is made anew');
    this.#plan.wire.failed({
      zh: `订阅失效（${why}），已重建`,
      en: `the subscription was lost (${why}) and made anew`,
    });
    await this.#subscribe();
    over.throwIfAborted();
  }

  /** Makes the subscription with all its items, instead of what there is. Throws where the server has fewer than it granted. */
  async #subscribe(): Promise<void> {
    const { publishing, watched } = this.#held;
    for (const subscription of publishing.subscriptions) await publishing.unsubscribe(subscription);
    for (const entry of watched) entry.monitored = false;
    await publishing.subscribe(this.#asked.publishingMs);
    await this.#monitor();
    if (await this.#isComplete()) return;
    throw new SessionSpent({ zh: '服务器丢失监视项', en: 'the server has fewer monitored items than it granted' });
  }

  async #monitor(): Promise<void> {
    const { publishing, watched } = this.#held;
    const [subscription] = publishing.subscriptions;
    if (subscription !== undefined) await monitor(publishing, subscription, watched, this.#asked, this.#plan);
  }

  /** Whether the server has all items that it granted, as far as it tells. */
  async #isComplete(): Promise<boolean> {
    const { session, publishing, watched } = this.#held;
    const [subscription] = publishing.subscriptions;
    // It has ended meanwhile, and is looked after.
    if (subscription === undefined) return true;
    const items = await itemsOnServer(session, subscription, this.#plan.wire);
    return items === undefined || items >= watched.filter(({ monitored }) => monitored).length;
  }
}
