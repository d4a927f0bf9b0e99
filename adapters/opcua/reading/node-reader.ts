import type { ClientSession, ClientSubscription } from 'node-opcua';
import type { LinkPlan } from '../../../model/adapter.ts';
import { parseDuration } from '../../../model/duration.ts';
import { DEFAULT_REFRESH_MS, type OpcuaAddress, type OpcuaSettings } from '../schema.ts';
import { CallSize } from '../session/in-calls.ts';
import { readLimits } from '../session/limits.ts';
import { MAX_AHEAD_MS } from '../values/decode.ts';
import { MonitoredItems } from './monitored-items.ts';
import { poll } from './polling.ts';
import { type Reading, readNodes } from './read-nodes.ts';
import type { Reporter } from './reporter.ts';
import { revisionOf } from './revision.ts';
import { readServerState, type ServerState } from './server-state.ts';
import { isDue, locate, type Watched, watchedOf } from './watched.ts';

/** Reads of all nodes after which items that the server refused are asked for again; meanwhile their nodes are polled. */
const REFUSED_EVERY_READS = 60;

/** What reading a link's nodes on one session needs. */
export interface ReaderPlan {
  readonly plan: LinkPlan<OpcuaSettings, OpcuaAddress>;
  readonly session: ClientSession;
  readonly reporter: Reporter;
  /** Aborted when the run is over. */
  readonly over: AbortSignal;
  /** Publishing interval that is asked for, ms. */
  readonly publishingMs: number;
  /** Asks the server for one more subscription, and watches over it. */
  readonly subscribe: () => Promise<ClientSubscription>;
  /** Called after each read of all nodes. */
  readonly afterRead: () => void;
}

/**
 * Reads and reports a link's nodes on one session: items where the server gives them, reads in turn where it does not,
 * and a read of all from time to time, which proves that what is not reported has not changed.
 */
export class NodeReader {
  readonly #given: ReaderPlan;
  readonly #nodes: readonly Watched[];
  #reading: Reading | undefined;
  #items: MonitoredItems | undefined;
  #refusedFor = 0;
  #toldPolled = 0;
  #toldUnfiltered = 0;
  #clockOff = false;

  constructor(given: ReaderPlan) {
    this.#given = given;
    this.#nodes = watchedOf(given.plan);
  }

  /** Items that the server has for this link, as far as it answered. */
  get itemCount(): number {
    return this.#items?.count ?? 0;
  }

  /** Reads and reports; rejects when the session is lost or the run is over. Calls `up` once the server answers. */
  async hold(up: () => void): Promise<never> {
    const { plan, session, reporter, over, subscribe } = this.#given;
    const limits = await readLimits(session, plan.wire);
    const readSize = new CallSize(limits.nodesPerRead);
    const reading: Reading = { session, reporter, readSize, wire: plan.wire, over };
    this.#reading = reading;
    if (plan.settings.subscription !== false) {
      this.#items = new MonitoredItems({ session, subscribe, limits, reporter, plan });
    }
    await this.#locate(await this.#serverState());
    if (!over.aborted) up();
    await this.#refresh(reading);
    over.throwIfAborted();
    await this.#createItems();
    return await Promise.race([this.#refreshForEver(reading), poll(() => this.#polled(), plan.clock, reading)]);
  }

  async #refreshForEver(reading: Reading): Promise<never> {
    const { plan, over, afterRead } = this.#given;
    const refreshMs = refreshMsOf(plan.settings);
    for (;;) {
      await plan.clock.delay(refreshMs, over);
      await this.#locate(await this.#serverState());
      await this.#refresh(reading);
      await this.#items?.remove(this.#nodes.filter(({ item, trouble }) => item && trouble?.reason === 'unknown-node'));
      await this.#createItems();
      afterRead();
    }
  }

  async #serverState(): Promise<ServerState> {
    const { plan, session } = this.#given;
    const size = (this.#reading as Reading).readSize;
    return await readServerState(session, { wire: plan.wire, clock: plan.clock, size });
  }

  /** Follows the server's namespaces and looks at its clock. */
  async #locate({ namespaces, clockAheadMs }: ServerState): Promise<void> {
    const { plan } = this.#given;
    this.#noteClock(clockAheadMs ?? 0);
    if (namespaces === null) return;
    const moved = locate(this.#nodes, namespaces).filter(({ item }) => item !== undefined);
    if (moved.length === 0) return;
    plan.log.info({ nodes: moved.length }, 'namespaces have another index: items are made anew');
    await this.#items?.remove(moved);
  }

  /** A server's stamps are not used while its clock is off. A clock that is made up goes by another time than servers. */
  #noteClock(aheadMs: number): void {
    const { plan, reporter } = this.#given;
    const off = !plan.clock.simulated && Math.abs(aheadMs) > MAX_AHEAD_MS;
    if (off === this.#clockOff) return;
    this.#clockOff = off;
    reporter.serverClockOff = off;
    if (off) plan.log.warn({ aheadMs }, 'clock of the server is off; gateway time is used');
    else plan.log.info({}, 'clock of the server is right again');
  }

  /** Reads all nodes that are not polled more often anyway; what is in trouble is bad, and asked for now and then. */
  async #refresh(reading: Reading): Promise<void> {
    const { plan, reporter } = this.#given;
    const refreshMs = refreshMsOf(plan.settings);
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
    const { plan, publishingMs } = this.#given;
    const polled = this.#polled();
    const [subscription] = items.subscriptions;
    const why = [...new Set(polled.flatMap(({ refusal }) => refusal?.name ?? []))].sort();
    plan.wire.revised(
      revisionOf({
        publishing: subscription ? { askedMs: publishingMs, grantedMs: subscription.publishingInterval } : null,
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

function refreshMsOf(settings: OpcuaSettings): number {
  return parseDuration(settings.refresh ?? '') ?? DEFAULT_REFRESH_MS;
}
