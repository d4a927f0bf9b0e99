import { setTimeout as delay } from 'node:timers/promises';
import type { ClientSession } from 'node-opcua';
import { LinkLost, type LinkPlan } from '../../../model/adapter.ts';
import { parseDuration } from '../../../model/duration.ts';
import { DEFAULT_REFRESH_MS, type OpcuaAddress, type OpcuaSettings } from '../schema.ts';
import { CallSize } from '../session/in-calls.ts';
import { readLimits, type ServerLimits } from '../session/limits.ts';
import { SessionSpent } from '../session/refusals.ts';
import { MAX_AHEAD_MS } from '../values/decode.ts';
import { describeTypes } from '../values/type-catalogue.ts';
import { itemsOnServer } from './item-count.ts';
import { MonitoredItems } from './monitored-items.ts';
import { poll } from './polling.ts';
import { Publishing, type PublishingListener, type Subscription } from './publishing.ts';
import { type Reading, readNodes } from './read-nodes.ts';
import type { Reporter } from './reporter.ts';
import { revisionOf } from './revision.ts';
import { readServerState, type ServerState } from './server-state.ts';
import { isDue, locate, type Watched, watchedOf } from './watched.ts';

/** Reads of all nodes after which items that the server refused are asked for again; meanwhile their nodes are polled. */
const REFUSED_EVERY_READS = 60;
/** Reads of all nodes after which the server is asked again how many items it has. */
const COUNTED_EVERY_READS = 12;

/** Signs of life that a session gives within its time-out, and the least real ms between two. */
const SIGNS_PER_TIMEOUT = 3;
const LEAST_SIGN_MS = 250;

/** What one connection gives to read on. */
export interface ReaderRun {
  readonly session: ClientSession;
  readonly reporter: Reporter;
  /** Aborted when the run is over. */
  readonly over: AbortSignal;
  /** Called once the server answers. */
  readonly up: () => void;
}

/**
 * Reads and reports a link's nodes: items where the server gives them, reads in turn where it does not, and a read of all
 * from time to time, which proves that what is not reported has not changed. What the server has for us outlives the
 * connection: the next {@link hold} goes on with it, if it is still there.
 */
export class NodeReader {
  readonly #plan: LinkPlan<OpcuaSettings, OpcuaAddress>;
  readonly #publishingMs: number;
  readonly #nodes: readonly Watched[];
  #run: ReaderRun | undefined;
  #reading: Reading | undefined;
  #limits: ServerLimits | undefined;
  /** Kept over connections: one that was lost to a read that took too long shall not be lost to the same again. */
  #readSize: CallSize | undefined;
  #publishing: Publishing | undefined;
  #items: MonitoredItems | undefined;
  /** Subscriptions that are no more, and have not been looked after. */
  #ended: { readonly subscription: Subscription; readonly why: string }[] = [];
  #missed = false;
  #wake: () => void = () => undefined;
  #refusedFor = 0;
  #toldPolled = 0;
  #toldUnfiltered = 0;
  #clockOff = false;
  /** The server names more items of a subscription than it has for us. */
  #toleratesMore = false;
  /** The namespaces by which the structures' types were learnt. */
  #typesOf = '';

  /** @param publishingMs publishing interval that is asked for, ms */
  constructor(plan: LinkPlan<OpcuaSettings, OpcuaAddress>, publishingMs: number) {
    this.#plan = plan;
    this.#publishingMs = publishingMs;
    this.#nodes = watchedOf(plan);
  }

  /** Takes over to another session what the server still has of the former one; false where it does not do that. */
  async transferTo(session: ClientSession): Promise<boolean> {
    const isTransferred = this.#publishing !== undefined && (await this.#publishing.transferTo(session));
    // The library keeps with a session what it has learnt of types.
    if (isTransferred) this.#typesOf = '';
    return isTransferred;
  }

  /** Stops hearing what the server reports; nothing is sent. */
  pause(): void {
    this.#publishing?.pause();
  }

  /** Reads and reports; rejects when the session is lost or the run is over. */
  async hold(run: ReaderRun): Promise<never> {
    const failed = Promise.withResolvers<never>();
    // It may fail when nobody waits for it any more.
    failed.promise.catch(() => undefined);
    const listener: PublishingListener = {
      data: (data) => this.#items?.heard(data),
      missed: () => {
        this.#missed = true;
        this.#wake();
      },
      ended: (subscription, why) => {
        this.#ended.push({ subscription, why });
        this.#wake();
      },
      failed: failed.reject,
    };
    return await Promise.race([failed.promise, this.#hold(run, listener)]);
  }

  async #hold(run: ReaderRun, listener: PublishingListener): Promise<never> {
    const reading = await this.#connect(run);
    const { over } = run;
    await this.#locate(await this.#serverState());
    if (!over.aborted) run.up();
    await this.#recover(listener);
    over.throwIfAborted();
    this.#publishing?.start(listener);
    await this.#refresh(reading);
    over.throwIfAborted();
    await this.#createItems();
    await this.#assertItems();
    return await Promise.race([
      this.#refreshForEver(reading),
      poll(() => this.#polled(), this.#plan.clock, reading),
      this.#keepSession(reading),
    ]);
  }

  /** Takes the connection for everything that is asked from now on. */
  async #connect(run: ReaderRun): Promise<Reading> {
    const { session, reporter, over } = run;
    const plan = this.#plan;
    this.#run = run;
    this.#clockOff = false;
    this.#limits ??= await readLimits(session, plan.wire);
    const connection = { session, reporter, limits: this.#limits };
    this.#readSize ??= new CallSize(this.#limits.nodesPerRead);
    this.#reading = { session, reporter, readSize: this.#readSize, wire: plan.wire, over };
    this.#items?.connected(connection);
    if (this.#items === undefined && plan.settings.subscription !== false) {
      const publishing = new Publishing(session, plan.wire);
      this.#publishing = publishing;
      this.#items = new MonitoredItems({ plan, subscribe: () => publishing.subscribe(this.#publishingMs) }, connection);
    }
    return this.#reading;
  }

  /** Hears what was reported while there was no connection; what the server has no more is made anew afterwards. */
  async #recover(listener: PublishingListener): Promise<void> {
    const publishing = this.#publishing;
    if (publishing === undefined) return;
    this.#forgetEnded();
    for (const subscription of await publishing.recover(listener)) this.#items?.ended(subscription);
    this.#forgetEnded();
  }

  #forgetEnded(): void {
    for (const { subscription } of this.#ended) this.#items?.ended(subscription);
    this.#ended = [];
  }

  async #refreshForEver(reading: Reading): Promise<never> {
    const { plan, over } = { plan: this.#plan, over: reading.over };
    const refreshMs = refreshMsOf(plan.settings);
    for (let reads = 1; ; reads += 1) {
      await this.#pauseFor(refreshMs, over);
      this.#missed = false;
      const hadEnded = this.#ended.length > 0;
      this.#noteEnded();
      await this.#locate(await this.#serverState());
      await this.#refresh(reading);
      // A disk that stalled may have held this up until another run had begun.
      over.throwIfAborted();
      await this.#items?.remove(this.#nodes.filter(({ item, trouble }) => item && trouble?.reason === 'unknown-node'));
      await this.#createItems();
      if (hadEnded || reads % COUNTED_EVERY_READS === 0) await this.#assertItems();
    }
  }

  /** A server forgets a session of which it hears nothing; nodes that are read seldom, and not reported, say nothing. */
  async #keepSession({ session, over }: Reading): Promise<never> {
    const everyMs = Math.max(LEAST_SIGN_MS, session.timeout / SIGNS_PER_TIMEOUT);
    for (;;) {
      await delay(everyMs, undefined, { signal: over });
      await this.#serverState();
    }
  }

  /** Waits until the next read is due, or there is something to look after. */
  async #pauseFor(refreshMs: number, over: AbortSignal): Promise<void> {
    over.throwIfAborted();
    if (this.#ended.length > 0 || this.#missed) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    over.addEventListener('abort', this.#wake, { signal: woken.signal });
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
  #noteEnded(): void {
    const { log, wire } = this.#plan;
    for (const { subscription, why } of this.#ended) {
      if (!subscription.spoke) {
        throw new SessionSpent({ zh: `订阅无消息（${why}）`, en: `the subscription is silent (${why})` });
      }
      log.warn({ why }, 'subscription lost; it is made anew');
      wire.failed({ zh: `订阅失效（${why}），已重建`, en: `the subscription was lost (${why}) and made anew` });
      // Where it is only silent, the server may have it still.
      void this.#publishing?.unsubscribe(subscription);
    }
    this.#forgetEnded();
  }

  /**
   * Sees to it that the server has the items that it granted, as far as it tells: a subscription that has lost some, or
   * has more, because its answer to their making was lost, is made anew, with everything read again. Throws where items
   * are missing all the same; a server that has more again counts in another way, and is not asked about it any more.
   */
  async #assertItems(): Promise<void> {
    const miscounted = await this.#miscounted();
    if (miscounted.length === 0) return;
    for (const { subscription } of miscounted) {
      this.#plan.log.warn({}, 'server has other monitored items than it granted; they are made anew');
      await this.#publishing?.unsubscribe(subscription);
      this.#items?.ended(subscription);
    }
    await this.#createItems();
    await this.#refresh(this.#reading as Reading);
    const again = await this.#miscounted();
    this.#toleratesMore ||= again.some(({ isMissing }) => !isMissing);
    if (!again.some(({ isMissing }) => isMissing)) return;
    throw new SessionSpent({ zh: '服务器丢失监视项', en: 'the server has fewer monitored items than it granted' });
  }

  async #miscounted(): Promise<{ subscription: Subscription; isMissing: boolean }[]> {
    const found: { subscription: Subscription; isMissing: boolean }[] = [];
    for (const subscription of this.#items?.subscriptions ?? []) {
      const items = await itemsOnServer((this.#run as ReaderRun).session, subscription, this.#plan.wire);
      const granted = this.#items?.countOf(subscription) ?? 0;
      if (items === undefined || items === granted) continue;
      const isMissing = items < granted;
      if (isMissing || !this.#toleratesMore) found.push({ subscription, isMissing });
    }
    return found;
  }

  async #serverState(): Promise<ServerState> {
    const { wire, clock } = this.#plan;
    const { session, readSize: size } = this.#reading as Reading;
    return await readServerState(session, { wire, clock, size });
  }

  /** Follows the server's namespaces and looks at its clock. */
  async #locate({ namespaces, clockAheadMs }: ServerState): Promise<void> {
    const plan = this.#plan;
    const { session } = this.#run as ReaderRun;
    this.#noteClock(clockAheadMs ?? 0);
    if (namespaces === null) {
      // Without it no node has an id, and a link that reads nothing is none.
      if (this.#nodes.some(({ nodeId, trouble }) => nodeId === undefined && trouble === undefined))
        throw noNamespaces();
      return;
    }
    const moved = locate(this.#nodes, namespaces).filter(({ item }) => item !== undefined);
    // Types are in namespaces too: what is known of them goes by the indices of now.
    const typesOf = JSON.stringify(namespaces);
    if (typesOf !== this.#typesOf) await describeTypes(session, this.#nodes);
    this.#typesOf = typesOf;
    if (moved.length === 0) return;
    plan.log.info({ nodes: moved.length }, 'namespaces have another index: items are made anew');
    await this.#items?.remove(moved);
  }

  /** A server's stamps are not used while its clock is off. A clock that is made up goes by another time than servers. */
  #noteClock(aheadMs: number): void {
    const plan = this.#plan;
    const { reporter } = this.#run as ReaderRun;
    const off = !plan.clock.simulated && Math.abs(aheadMs) > MAX_AHEAD_MS;
    if (off === this.#clockOff) return;
    this.#clockOff = off;
    reporter.serverClockOff = off;
    if (off) plan.log.warn({ aheadMs }, 'clock of the server is off; gateway time is used');
    else plan.log.info({}, 'clock of the server is right again');
  }

  /** Reads all nodes that are not polled more often anyway; what is in trouble is bad, and asked for now and then. */
  async #refresh(reading: Reading): Promise<void> {
    const { reporter } = this.#run as ReaderRun;
    const refreshMs = refreshMsOf(this.#plan.settings);
    const asked: Watched[] = [];
    for (const entry of this.#nodes) {
      if (isDue(entry)) {
        const polled = this.#isPolled(entry) && entry.wanted.pollMs <= refreshMs;
        if (!polled || entry.arrivals === 0) asked.push(entry);
      } else if (entry.trouble !== undefined) {
        await reporter.room(entry.points.length);
        reporter.bad(entry, entry.trouble.reason, entry.trouble.detail);
      }
    }
    await readNodes(asked, reading);
    this.#plan.wire.clockOff(this.#clockOff || reporter.sourceClockOff);
  }

  async #createItems(): Promise<void> {
    const items = this.#items;
    if (items === undefined) return;
    this.#refusedFor += 1;
    const again = this.#refusedFor >= REFUSED_EVERY_READS;
    if (again) {
      this.#refusedFor = 0;
      items.askAnew();
    }
    const missing = this.#nodes.filter(
      ({ nodeId, item, trouble, refusal }) => nodeId && !item && !trouble && (again || !refusal),
    );
    if (missing.length === 0) return;
    await items.create(missing);
    this.#tell(items);
  }

  /** Tells what the server grants instead of what was asked for; each change once. */
  #tell(items: MonitoredItems): void {
    const plan = this.#plan;
    const polled = this.#polled();
    const [subscription] = items.subscriptions;
    const why = [...new Set(polled.flatMap(({ refusal }) => refusal?.name ?? []))].sort();
    plan.wire.revised(
      revisionOf({
        publishing: subscription ? { askedMs: this.#publishingMs, grantedMs: subscription.publishingMs } : null,
        items: this.#nodes,
        unfiltered: items.unfiltered,
        polled: { nodes: polled.length, why },
      }),
    );
    if (polled.length !== this.#toldPolled) {
      this.#toldPolled = polled.length;
      if (polled.length > 0)
        plan.log.warn({ nodes: polled.length, why }, 'server refuses monitored items; nodes are polled');
      else plan.log.info({}, 'server reports all nodes again');
    }
    if (items.unfiltered !== this.#toldUnfiltered) {
      this.#toldUnfiltered = items.unfiltered;
      plan.log.warn({ nodes: items.unfiltered }, 'server refuses the deadband; all changes are reported');
    }
  }

  #isPolled({ nodeId, item, trouble, refusal }: Watched): boolean {
    if (nodeId === undefined || item !== undefined || trouble !== undefined) return false;
    return this.#items === undefined || refusal !== undefined;
  }

  #polled(): Watched[] {
    return this.#nodes.filter((entry) => this.#isPolled(entry));
  }
}

function noNamespaces(): LinkLost {
  return new LinkLost({
    zh: '服务器的命名空间表（NamespaceArray，i=2255）无法读取，节点无从定位；检查该用户的读权限',
    en: "the server's NamespaceArray (i=2255) cannot be read, and without it no node can be found; check what the user may read",
  });
}

function refreshMsOf(settings: OpcuaSettings): number {
  return parseDuration(settings.refresh ?? '') ?? DEFAULT_REFRESH_MS;
}
