import {
  AttributeIds,
  type ClientSession,
  type ClientSessionRawSubscriptionService,
  DataChangeFilter,
  type DataChangeNotification,
  DataChangeTrigger,
  DataType,
  DeadbandType,
  type MonitoredItemCreateResult,
  MonitoringMode,
  promoteOpaqueStructureInNotificationData,
  type StatusCode,
  StatusCodes,
  TimestampsToReturn,
} from 'node-opcua';
import type { LinkPlan } from '../../../model/adapter.ts';
import { CallSize, inCalls } from '../session/in-calls.ts';
import type { ServerLimits } from '../session/limits.ts';
import { request } from '../session/request.ts';
import { faultOf, mayBisect } from '../session/service-fault.ts';
import type { Deadband } from './item-request.ts';
import { lastingReason, refusesFilter } from './node-status.ts';
import type { Subscription } from './publishing.ts';
import { noteStatus } from './read-nodes.ts';
import type { Reporter } from './reporter.ts';
import { badText, troubled, type Watched } from './watched.ts';

/** Subscriptions of one session, where the server allows as many. */
const MOST_SUBSCRIPTIONS = 10;
/** Items of one subscription, where the server allows as many: what it reports at once stays a few megabytes. */
const MOST_ITEMS = 10_000;
/** Messages that wait until the structures in them can be read; further ones are dropped, and the next read tells. */
const MOST_HELD = 100;

interface Holder {
  readonly subscription: Subscription;
  items: number;
  /** Items that it takes, as far as is known. */
  room: number;
}

/** What the items of a link need; it is another on each connection. */
export interface ItemsConnection {
  readonly session: ClientSession;
  readonly limits: ServerLimits;
  readonly reporter: Reporter;
}

/** What the items of a link need for as long as they live. */
export interface ItemsPlan {
  /** Asks the server for one more subscription, and watches over it. */
  readonly subscribe: () => Promise<Subscription>;
  readonly plan: Pick<LinkPlan<unknown, unknown>, 'clock' | 'wire' | 'log'>;
}

/**
 * The items by which a server reports nodes: created in calls of the size that it takes, in as many subscriptions as
 * they need and it allows. A node that it does not report has a `refusal`, and the others are reported all the same.
 */
export class MonitoredItems {
  readonly #with: ItemsPlan;
  #connection: ItemsConnection;
  #size: CallSize;
  #holders: Holder[] = [];
  /** By the handle under which the server reports them; a handle is never used twice. */
  readonly #nodes = new Map<number, Watched>();
  #handles = 0;
  #unfiltered = new Set<Watched>();
  /** Why there is no other subscription to be had; undefined while nobody said so. */
  #noSubscription: StatusCode | undefined;
  #noRoom = false;
  /** Messages that are held until what is in them can be read, in their order. */
  #held: Promise<void> = Promise.resolve();
  #heldCount = 0;

  constructor(given: ItemsPlan, connection: ItemsConnection) {
    this.#with = given;
    this.#connection = connection;
    this.#size = new CallSize(connection.limits.itemsPerCall);
  }

  /** The session goes on over another connection, or another session has taken over its subscriptions. */
  connected(connection: ItemsConnection): void {
    this.#connection = connection;
    this.#size = new CallSize(connection.limits.itemsPerCall);
  }

  /** A session has these calls; the library's type leaves them out. */
  get #calls(): ClientSessionRawSubscriptionService {
    return this.#connection.session as ClientSession & ClientSessionRawSubscriptionService;
  }

  get subscriptions(): readonly Subscription[] {
    return this.#holders.map(({ subscription }) => subscription);
  }

  /** Items that the server has for us, as far as it answered. */
  get count(): number {
    return this.#holders.reduce((sum, { items }) => sum + items, 0);
  }

  /** Items that the server has for us in one subscription, as far as it answered. */
  countOf(subscription: Subscription): number {
    return this.#holders.find((holder) => holder.subscription.id === subscription.id)?.items ?? 0;
  }

  /** A subscription is no more, and its items with it: their nodes have none. */
  ended({ id }: Subscription): void {
    this.#holders = this.#holders.filter(({ subscription }) => subscription.id !== id);
    for (const [handle, entry] of this.#nodes) {
      if (entry.item?.subscriptionId !== id) continue;
      this.#nodes.delete(handle);
      entry.item = undefined;
    }
  }

  /** Nodes whose deadband the server refused: all their changes are notified. */
  get unfiltered(): number {
    return this.#unfiltered.size;
  }

  /** Why the server gives no subscription at all; undefined where it gives one or was not asked. */
  get noSubscription(): StatusCode | undefined {
    return this.#holders.length === 0 ? this.#noSubscription : undefined;
  }

  /** What was refused may be had by now: other clients may have gone. */
  askAnew(): void {
    this.#noSubscription = undefined;
    this.#noRoom = false;
    for (const holder of this.#holders) holder.room = this.#roomOfOne();
  }

  /** Creates the items of nodes that have none; those that the server refuses have a `refusal` afterwards. */
  async create(nodes: readonly Watched[]): Promise<void> {
    let waiting = nodes;
    while (waiting.length > 0) {
      const holder = await this.#holderWithRoom();
      if (holder === undefined) {
        for (const entry of waiting) entry.refusal = this.#noSubscription ?? StatusCodes.BadTooManyMonitoredItems;
        return;
      }
      const free = Math.min(holder.room - holder.items, this.#roomOfAll());
      const tooMany = await this.#createIn(holder, waiting.slice(0, free));
      if (tooMany.length > 0) holder.room = holder.items;
      // A subscription of its own made no room: the server has none left at all.
      if (tooMany.length > 0 && holder.items === 0) this.#noRoom = true;
      waiting = [...tooMany, ...waiting.slice(free)];
    }
  }

  /** Removes items whose nodes are others by now, or gone; the server may have done so itself. */
  async remove(nodes: readonly Watched[]): Promise<void> {
    const { plan } = this.#with;
    const gone = new Set(nodes.filter(({ item }) => item !== undefined));
    for (const [handle, entry] of this.#nodes) if (gone.has(entry)) this.#nodes.delete(handle);
    for (const holder of this.#holders) {
      const { id: subscriptionId } = holder.subscription;
      const here = [...gone].filter(({ item }) => item?.subscriptionId === subscriptionId);
      await inCalls(
        here,
        this.#size,
        async (part) => {
          const monitoredItemIds = part.flatMap(({ item }) => (item ? [item.itemId] : []));
          const call = this.#calls.deleteMonitoredItems({ subscriptionId, monitoredItemIds });
          await request(plan.wire, call, 'delete the monitored items');
        },
        () => undefined,
      );
      holder.items -= here.length;
      for (const entry of here) entry.item = undefined;
    }
  }

  #roomOfOne(): number {
    return Math.min(this.#connection.limits.itemsPerSubscription ?? MOST_ITEMS, MOST_ITEMS);
  }

  #roomOfAll(): number {
    return (this.#connection.limits.items ?? Number.POSITIVE_INFINITY) - this.count;
  }

  async #holderWithRoom(): Promise<Holder | undefined> {
    if (this.#noRoom || this.#roomOfAll() <= 0) return undefined;
    const withRoom = this.#holders.find(({ items, room }) => items < room);
    if (withRoom !== undefined || this.#noSubscription !== undefined) return withRoom;
    const most = Math.min(this.#connection.limits.subscriptionsPerSession ?? MOST_SUBSCRIPTIONS, MOST_SUBSCRIPTIONS);
    if (this.#holders.length >= most) return undefined;
    try {
      const subscription = await this.#with.subscribe();
      const holder = { subscription, items: 0, room: this.#roomOfOne() };
      this.#holders.push(holder);
      return holder;
    } catch (error) {
      const status = faultOf(error);
      if (status === undefined || !mayBisect(status)) throw error;
      this.#noSubscription = status;
      return undefined;
    }
  }

  /** Returns those for which the server has no room in this subscription. */
  async #createIn(holder: Holder, nodes: readonly Watched[]): Promise<Watched[]> {
    const tooMany: Watched[] = [];
    const refused = (entry: Watched, status: StatusCode) => {
      if (status === StatusCodes.BadTooManyMonitoredItems) tooMany.push(entry);
      else this.#refused(entry, status);
    };
    const ask = async (part: readonly Watched[], filtered: boolean) => {
      // It said that it is full: asking for each of the rest would say the same.
      if (tooMany.length > 0) return void tooMany.push(...part);
      const again: Watched[] = [];
      const results = await this.#ask(holder, part, filtered);
      part.forEach((entry, i) => {
        const result = results[i] as MonitoredItemCreateResult;
        const { statusCode, monitoredItemId, revisedSamplingInterval, revisedQueueSize } = result;
        if (statusCode.isGoodish()) {
          const { id: subscriptionId } = holder.subscription;
          entry.refusal = undefined;
          entry.item = {
            subscriptionId,
            itemId: monitoredItemId,
            samplingMs: revisedSamplingInterval,
            queueSize: revisedQueueSize,
          };
          holder.items += 1;
        } else if (filtered && entry.wanted.deadband !== null && refusesFilter(statusCode)) again.push(entry);
        else refused(entry, statusCode);
      });
      for (const entry of again) this.#unfiltered.add(entry);
      if (again.length > 0) await inCalls(again, this.#size, (some) => ask(some, false), refused);
    };
    await inCalls(nodes, this.#size, (part) => ask(part, true), refused);
    return tooMany;
  }

  #refused(entry: Watched, status: StatusCode): void {
    entry.refusal = status;
    const reason = lastingReason(status);
    if (reason === 'unknown-node') troubled(entry, reason, status.name);
  }

  async #ask(
    { subscription }: Holder,
    part: readonly Watched[],
    filtered: boolean,
  ): Promise<readonly MonitoredItemCreateResult[]> {
    const { plan } = this.#with;
    const handles = part.map((entry) => {
      this.#handles += 1;
      // Heard from the first moment on: the first report may come before the answer that there are items.
      this.#nodes.set(this.#handles, entry);
      return this.#handles;
    });
    let results: readonly MonitoredItemCreateResult[] = [];
    try {
      const itemsToCreate = part.map((entry, i) => this.#itemOf(entry, handles[i] as number, filtered));
      const { id: subscriptionId } = subscription;
      const call = this.#calls.createMonitoredItems({
        subscriptionId,
        timestampsToReturn: TimestampsToReturn.Both,
        itemsToCreate,
      });
      results = (await request(plan.wire, call, 'create the monitored items')).results ?? [];
      if (results.length !== part.length) throw new Error(`asked for ${part.length} items and got ${results.length}`);
      return results;
    } finally {
      handles.forEach((handle, i) => {
        if (!results[i]?.statusCode.isGoodish()) this.#nodes.delete(handle);
      });
    }
  }

  #itemOf({ nodeId, wanted }: Watched, clientHandle: number, filtered: boolean) {
    const { queueSize } = this.#connection.limits;
    return {
      itemToMonitor: { nodeId: nodeId ?? null, attributeId: AttributeIds.Value },
      monitoringMode: MonitoringMode.Reporting,
      requestedParameters: {
        clientHandle,
        samplingInterval: wanted.samplingMs,
        queueSize: Math.min(wanted.queueSize, queueSize ?? wanted.queueSize),
        discardOldest: true,
        filter: filtered && wanted.deadband !== null ? filterOf(wanted.deadband) : null,
      },
    };
  }

  /** Takes what a server reports. */
  heard(data: DataChangeNotification): void {
    if (this.#heldCount === 0 && !holdsStructure(data)) this.#take(data);
    else if (this.#heldCount < MOST_HELD) this.#hold(data);
  }

  /** Structures have to be made readable first, which may need a look at the server's types; the order stays. */
  #hold(data: DataChangeNotification): void {
    this.#heldCount += 1;
    this.#held = this.#held
      .then(() => promoteOpaqueStructureInNotificationData(this.#connection.session, [data]))
      // What cannot be made readable is decoded as what it is, and bad with a reason.
      .catch(() => undefined)
      .then(() => {
        this.#heldCount -= 1;
        this.#take(data);
      });
  }

  #take({ monitoredItems }: DataChangeNotification): void {
    const { plan } = this.#with;
    const { reporter } = this.#connection;
    const receivedMs = plan.clock.now();
    let heard = 0;
    for (const { clientHandle, value } of monitoredItems ?? []) {
      const entry = this.#nodes.get(clientHandle);
      if (entry === undefined) continue;
      heard += 1;
      const { badStatus } = reporter.notify(entry, value, receivedMs);
      if (badStatus === undefined && entry.trouble === undefined) continue;
      noteStatus(entry, value.statusCode);
      if (badStatus !== undefined) plan.wire.failed(badText(entry, badStatus));
    }
    plan.wire.heard(heard);
  }
}

/**
 * What is filtered by the server. The trigger is a change of status or value: a new time alone is none, because reads
 * prove that a value is still so, and with times as trigger no deadband would hold (Part 4, 7.22.2).
 */
function filterOf({ type, value }: Deadband): DataChangeFilter {
  return new DataChangeFilter({
    trigger: DataChangeTrigger.StatusValue,
    deadbandType: type === 'absolute' ? DeadbandType.Absolute : DeadbandType.Percent,
    deadbandValue: value,
  });
}

function holdsStructure({ monitoredItems }: DataChangeNotification): boolean {
  return (monitoredItems ?? []).some(({ value }) => value.value?.dataType === DataType.ExtensionObject);
}
