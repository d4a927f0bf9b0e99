import type { ClientSession, ClientSubscription } from 'node-opcua';

/** Publishing intervals without a change after which the server says that it lives. */
const KEEPALIVE_COUNT = 10;
/** Publishing intervals without a request of ours after which the server drops the subscription. */
const LIFETIME_COUNT = 100;
/** Missed signs of life of the subscription, and the least real ms, after which it counts as lost. */
const MISSED_SIGNS = 3;
const LEAST_SILENCE_MS = 5_000;

/** Tells that the link is lost, in both languages, and why. */
export type Fail = (zh: string, en: string, cause?: unknown) => void;

/** Asks the server for a subscription. */
export function createSubscription(session: ClientSession, publishingMs: number): Promise<ClientSubscription> {
  return session.createSubscription2({
    requestedPublishingInterval: publishingMs,
    requestedMaxKeepAliveCount: KEEPALIVE_COUNT,
    requestedLifetimeCount: LIFETIME_COUNT,
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 1,
  });
}

/** Tells where the subscription ends or fails. */
export function failWithSubscription(subscription: ClientSubscription, fail: Fail): void {
  subscription.on('terminated', () => fail('订阅已终止', 'the subscription ended'));
  subscription.on('status_changed', (status) => fail(`订阅状态 ${status.name}`, `the subscription is ${status.name}`));
  subscription.on('internal_error', (error) => fail('订阅故障', 'the subscription failed', error));
  subscription.on('error', (error) => fail('订阅故障', 'the subscription failed', error));
}

/** Gives a function that says whether the subscription has been silent for too long; data is a sign of life too. */
export function silenceOf(subscription: ClientSubscription): () => boolean {
  const limitMs = Math.max(
    LEAST_SILENCE_MS,
    MISSED_SIGNS * subscription.publishingInterval * subscription.maxKeepAliveCount,
  );
  let last = performance.now();
  const note = () => {
    last = performance.now();
  };
  subscription.on('raw_notification', note);
  subscription.on('keepalive', note);
  return () => performance.now() - last > limitMs;
}
