import {
  type ClientSession,
  type ClientSessionPublishService,
  type CreateSubscriptionRequestOptions,
  type CreateSubscriptionResponse,
  DataChangeNotification,
  type DeleteSubscriptionsRequestOptions,
  type NotificationMessage,
  PublishRequest,
  type PublishResponse,
  RepublishRequest,
  StatusChangeNotification,
  type StatusCode,
  StatusCodes,
  type TransferSubscriptionsRequestOptions,
  type TransferSubscriptionsResponse,
} from 'node-opcua';
import type { Wire } from '../../../model/adapter.ts';
import { request } from '../session/request.ts';
import { faultOf } from '../session/service-fault.ts';

/** Requests to publish that wait at the server, so that a slow network does not hold it up; fewer where it takes fewer. */
const WAITING_REQUESTS = 5;
/** Real ms after which the server says that a subscription lives, where nothing else is to be said. */
const KEEPALIVE_MS = 2_500;
/** Real ms without a request of ours after which the server drops a subscription: longer than a session without us. */
const LIFETIME_MS = 60_000;
/** Missed signs of life of a subscription, and the least real ms, after which it counts as silent. */
const MISSED_SIGNS = 3;
const LEAST_SILENCE_MS = 5_000;
/** The most, whatever a server grants: nobody waits for hours to hear that a subscription is gone. */
const MOST_SILENCE_MS = 600_000;
/** Real ms between two looks for silence; by more than as much again they may not be late, or it was us who slept. */
const LOOK_EVERY_MS = 500;
/** Messages that are asked for again after one gap; what is lost beyond is read. */
const MAX_REPUBLISHED = 100;
/** Acknowledgements that wait for the next request. */
const MAX_ACKNOWLEDGED = 1_000;
const LARGEST_SEQUENCE = 0xffff_ffff;
/** Messages by which one may be late; one that seems to be later is of a count that the server began anew. */
const MOST_LATE = 20;
/** Subscriptions of one connection that the server is asked to delete because nobody wants them. */
const MAX_UNWANTED = 100;

/** A subscription as the server granted it. */
export interface Subscription {
  readonly id: number;
  readonly publishingMs: number;
  /** Real ms after which it counts as silent. */
  readonly silentAfterMs: number;
  /** Whether the server has ever told anything of it. */
  readonly spoke: boolean;
}

/** What somebody who holds a session hears of its subscriptions. */
export interface PublishingListener {
  /** Items have values; called in the order in which the server tells. */
  data(data: DataChangeNotification): void;
  /** Messages were lost for good: only a read tells what they said. */
  missed(): void;
  /** A subscription is no more, or says nothing; why is a status name, or `silent`. It is told once. */
  ended(subscription: Subscription, why: string): void;
  /** Nothing is published on this session any more. */
  failed(cause: unknown): void;
}

interface Held extends Subscription {
  /** Sequence number of the newest message with data; undefined before the first. */
  sequence: number | undefined;
  /** Real ms of its newest sign of life. */
  signMs: number;
  spoke: boolean;
}

/**
 * The subscriptions of one session, by the services themselves: requests to publish that are kept waiting at the server,
 * acknowledgements, messages that are asked for again, and the watch over signs of life, to which data and keep-alives
 * count alike. Outlives the connection: {@link pause} and {@link resume} carry it over to the session's next one. Why not
 * the library's own subscriptions: docs/adr/0007.
 */
export class Publishing {
  readonly #wire: Wire;
  readonly #subscriptions = new Map<number, Held>();
  #session: ClientSession;
  #listener: PublishingListener | undefined;
  /** Grows with each connection: what was asked on a former one is not heard any more. */
  #connection = 0;
  #waiting = 0;
  #allowed = WAITING_REQUESTS;
  #acknowledged: { readonly subscriptionId: number; readonly sequenceNumber: number }[] = [];
  #watch: NodeJS.Timeout | undefined;
  #lookedMs = 0;
  /** Answers that are taken, one behind the other: one may have to wait for messages that are asked for again. */
  #taken: Promise<void> = Promise.resolve();
  /** Subscriptions that the server was asked to delete, for it has them and nobody wants them. */
  readonly #unwanted = new Set<number>();
  /** Subscriptions that are asked for, of which the server may tell before it has answered. */
  #making = 0;

  constructor(session: ClientSession, wire: Wire) {
    this.#session = session;
    this.#wire = wire;
  }

  /** The subscriptions there are, as far as is known. */
  get subscriptions(): readonly Subscription[] {
    return [...this.#subscriptions.values()];
  }

  /** Begins to publish, on the session's newest connection. */
  start(listener: PublishingListener): void {
    this.pause();
    this.#listener = listener;
    this.#lookedMs = performance.now();
    for (const held of this.#subscriptions.values()) held.signMs = this.#lookedMs;
    this.#watch = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#fill();
  }

  /** Asks for nothing more and tells nobody anything, until {@link start}. Nothing is sent. */
  pause(): void {
    this.#listener = undefined;
    this.#connection += 1;
    this.#waiting = 0;
    this.#allowed = WAITING_REQUESTS;
    this.#unwanted.clear();
    this.#taken = Promise.resolve();
    clearInterval(this.#watch);
  }

  /**
   * After {@link pause}, and before {@link start}, on a new connection: asks for what the server has told since, of which
   * nothing came. Resolves with the subscriptions that are no more. Throws where the session is gone.
   */
  async recover(listener: PublishingListener): Promise<readonly Subscription[]> {
    const gone: Held[] = [];
    for (const held of this.#subscriptions.values()) {
      const status = await this.#republish(held, nextSequence(held.sequence), listener);
      if (status.value === StatusCodes.BadSubscriptionIdInvalid.value) gone.push(held);
    }
    for (const { id } of gone) this.#subscriptions.delete(id);
    return gone;
  }

  /** Takes the subscriptions over to another session; resolves with false where the server does not do it. */
  async transferTo(session: ClientSession): Promise<boolean> {
    const subscriptionIds = [...this.#subscriptions.keys()];
    if (subscriptionIds.length === 0) return false;
    const asked = servicesOf(session).transferSubscriptions({ subscriptionIds, sendInitialValues: true });
    const results = await request(this.#wire, asked, 'transfer the subscriptions').then(
      (response) => response.results ?? [],
      (error: unknown) => {
        if (faultOf(error) === undefined) throw error;
        return [];
      },
    );
    if (results.length !== subscriptionIds.length || !results.every(({ statusCode }) => statusCode.isGoodish()))
      return false;
    this.#session = session;
    return true;
  }

  /** Asks for a subscription. Throws where the server refuses. */
  async subscribe(publishingMs: number): Promise<Subscription> {
    const connection = this.#connection;
    const keepAlives = Math.max(1, Math.ceil(KEEPALIVE_MS / publishingMs));
    const asked = this.#services.createSubscription({
      requestedPublishingInterval: publishingMs,
      requestedMaxKeepAliveCount: keepAlives,
      requestedLifetimeCount: Math.max(3 * keepAlives, Math.ceil(LIFETIME_MS / publishingMs)),
      maxNotificationsPerPublish: 0,
      publishingEnabled: true,
      priority: 1,
    });
    this.#making += 1;
    const response = await request(this.#wire, asked, 'create the subscription').finally(() => {
      this.#making -= 1;
    });
    const { subscriptionId: id, revisedPublishingInterval, revisedMaxKeepAliveCount } = response;
    const held: Held = {
      id,
      publishingMs: revisedPublishingInterval,
      silentAfterMs: silentAfter(revisedPublishingInterval * revisedMaxKeepAliveCount),
      sequence: undefined,
      signMs: performance.now(),
      spoke: false,
    };
    this.#subscriptions.set(id, held);
    if (connection === this.#connection) this.#fill();
    return held;
  }

  /** Forgets a subscription, and asks the server to; whether it does is of no interest, since it may not have it. */
  async unsubscribe({ id }: Pick<Subscription, 'id'>): Promise<void> {
    this.#subscriptions.delete(id);
    await request(this.#wire, this.#services.deleteSubscriptions({ subscriptionIds: [id] }), 'delete it').catch(
      () => undefined,
    );
  }

  get #services(): Services {
    return servicesOf(this.#session);
  }

  #fill(): void {
    if (this.#listener === undefined || this.#subscriptions.size === 0) return;
    while (this.#waiting < this.#allowed) this.#ask();
  }

  #ask(): void {
    const connection = this.#connection;
    this.#waiting += 1;
    const subscriptionAcknowledgements = this.#acknowledged;
    this.#acknowledged = [];
    const longest = Math.max(...[...this.#subscriptions.values()].map(({ silentAfterMs }) => silentAfterMs));
    const asked = new PublishRequest({
      // Each waits until those before it have been answered. Silence is our own affair, and found earlier.
      requestHeader: { timeoutHint: WAITING_REQUESTS * longest },
      subscriptionAcknowledgements,
    });
    this.#services.publish(asked, (error, response) => {
      // Not at once: an answer that is none would be asked for again within the asking.
      setImmediate(() => {
        this.#taken = this.#taken.then(async () => {
          if (connection === this.#connection) await this.#answered(error, response);
        });
      });
    });
  }

  async #answered(error: Error | null, response: PublishResponse | undefined): Promise<void> {
    const connection = this.#connection;
    const listener = this.#listener;
    if (listener === undefined) return;
    try {
      if (error !== null || response === undefined) this.#refused(listener, error);
      else await this.#take(listener, response);
      if (connection !== this.#connection) return;
      this.#waiting -= 1;
      this.#fill();
    } catch (cause) {
      listener.failed(cause);
    }
  }

  #refused(listener: PublishingListener, error: Error | null): void {
    const status = faultOf(error);
    switch (status?.value) {
      case StatusCodes.BadNoSubscription.value:
        for (const held of this.#subscriptions.values()) this.#end(listener, held, 'BadNoSubscription');
        return;
      case StatusCodes.BadTooManyPublishRequests.value:
        this.#allowed = Math.max(1, this.#waiting - 1);
        return;
      case StatusCodes.BadTimeout.value:
        return;
      default:
        throw error ?? new Error('a request to publish was not answered');
    }
  }

  async #take(listener: PublishingListener, { subscriptionId, notificationMessage }: PublishResponse): Promise<void> {
    const held = this.#subscriptions.get(subscriptionId);
    const hasData = (notificationMessage.notificationData?.length ?? 0) > 0;
    const { sequenceNumber } = notificationMessage;
    if (hasData) this.#acknowledge(subscriptionId, sequenceNumber);
    if (held === undefined) return this.#unasked(subscriptionId);
    held.signMs = performance.now();
    held.spoke = true;
    // Overtaken by newer ones, and asked for again since: what it says is told already, or older than what is.
    if (hasData && held.sequence !== undefined && isBefore(sequenceNumber, held.sequence)) return;
    const expected = nextSequence(held.sequence);
    if (held.sequence !== undefined && sequenceNumber !== expected) {
      await this.#republish(held, expected, listener, sequenceNumber);
    }
    // A keep-alive has the number that the next message will have.
    if (hasData) {
      held.sequence = sequenceNumber;
      this.#tell(listener, held, notificationMessage);
    } else held.sequence ??= sequenceNumber === 1 ? undefined : previousSequence(sequenceNumber);
  }

  /**
   * The server tells of a subscription of which we do not know: its making was never answered, or its end. Nobody wants
   * it, and it would live for as long as the session, one of the few that there are.
   */
  #unasked(id: number): void {
    if (this.#making > 0 || this.#unwanted.has(id) || this.#unwanted.size >= MAX_UNWANTED) return;
    this.#unwanted.add(id);
    void this.unsubscribe({ id });
  }

  /** Asks for messages from `from` on, to before `until` or as many as there are; gives the status that ended it. */
  async #republish(held: Held, from: number, listener: PublishingListener, until?: number): Promise<StatusCode> {
    let sequence = from;
    for (let messages = 0; messages < MAX_REPUBLISHED && sequence !== until; messages += 1) {
      const asked = new RepublishRequest({ subscriptionId: held.id, retransmitSequenceNumber: sequence });
      const answer = await this.#asked(asked);
      if ('status' in answer) {
        if (until !== undefined) listener.missed();
        return answer.status;
      }
      held.signMs = performance.now();
      held.sequence = sequence;
      this.#acknowledge(held.id, sequence);
      this.#tell(listener, held, answer.message);
      sequence = nextSequence(sequence);
    }
    if (until !== undefined && sequence !== until) listener.missed();
    return StatusCodes.Good;
  }

  async #asked(
    asked: RepublishRequest,
  ): Promise<{ readonly message: NotificationMessage } | { readonly status: StatusCode }> {
    const answered = new Promise<NotificationMessage>((resolve, reject) => {
      this.#services.republish(asked, (error, response) => {
        if (error !== null || response === undefined) reject(error ?? new Error('no message'));
        else resolve(response.notificationMessage);
      });
    });
    try {
      return { message: await request(this.#wire, answered, 'ask for a message again') };
    } catch (error) {
      const status = faultOf(error);
      if (status === undefined) throw error;
      return { status };
    }
  }

  #tell(listener: PublishingListener, held: Held, message: NotificationMessage): void {
    for (const notification of message.notificationData ?? []) {
      if (notification instanceof DataChangeNotification) listener.data(notification);
      else if (notification instanceof StatusChangeNotification) {
        const { status } = notification;
        // GoodSubscriptionTransferred is what became of our own wish; where it was another's, silence follows.
        if (!status.isGoodish()) this.#end(listener, held, status.name);
      }
    }
  }

  #acknowledge(subscriptionId: number, sequenceNumber: number): void {
    if (this.#acknowledged.length < MAX_ACKNOWLEDGED) this.#acknowledged.push({ subscriptionId, sequenceNumber });
  }

  #end(listener: PublishingListener, held: Held, why: string): void {
    if (!this.#subscriptions.delete(held.id)) return;
    listener.ended(held, why);
  }

  #look(): void {
    const nowMs = performance.now();
    const lateMs = nowMs - this.#lookedMs - LOOK_EVERY_MS;
    this.#lookedMs = nowMs;
    for (const held of this.#subscriptions.values()) {
      // While this process slept, nobody read what the server said.
      if (lateMs > LOOK_EVERY_MS) held.signMs = Math.min(nowMs, held.signMs + lateMs);
      if (nowMs - held.signMs > held.silentAfterMs && this.#listener !== undefined) {
        this.#end(this.#listener, held, 'silent');
      }
    }
  }
}

/** The services of a session that its type does not name, or without their promises. */
interface Services extends ClientSessionPublishService {
  createSubscription(options: CreateSubscriptionRequestOptions): Promise<CreateSubscriptionResponse>;
  transferSubscriptions(options: TransferSubscriptionsRequestOptions): Promise<TransferSubscriptionsResponse>;
  deleteSubscriptions(options: DeleteSubscriptionsRequestOptions): Promise<unknown>;
}

function servicesOf(session: ClientSession): Services {
  return session as unknown as Services;
}

/** Sequence numbers go from 1 to 2³²−1, and begin again. */
function nextSequence(sequence: number | undefined): number {
  return sequence === undefined || sequence === LARGEST_SEQUENCE ? 1 : sequence + 1;
}

function previousSequence(sequence: number): number {
  return sequence === 1 ? LARGEST_SEQUENCE : sequence - 1;
}

/** Whether a message is the newest or was told before it, not long ago. */
function isBefore(sequence: number, newest: number): boolean {
  const late = newest >= sequence ? newest - sequence : newest + LARGEST_SEQUENCE - sequence;
  return late < MOST_LATE;
}

/** Real ms of silence after which a subscription with keep-alives each `keepAliveMs` counts as lost. */
export function silentAfter(keepAliveMs: number): number {
  const ms = Number.isFinite(keepAliveMs) ? MISSED_SIGNS * keepAliveMs : MOST_SILENCE_MS;
  return Math.min(MOST_SILENCE_MS, Math.max(LEAST_SILENCE_MS, ms));
}
