import { effect, type ReadonlySignal, signal } from '@preact/signals';
import type { AlarmHealthReply } from '../../gateway/http/contract.ts';
import { fetchAlarmHealth } from './gateway-call.ts';
import type { FeedState } from './live-feed.ts';

/** How often the figures are asked for, real ms: a flood is told of within this time. */
const HEALTH_REFRESH_MS = 15_000;

/** Figures of the alarm system, asked for again and again while the gateway is heard and somebody looks. */
export class AlarmHealth {
  readonly #reply = signal<AlarmHealthReply | null>(null);
  #asking = false;

  /** Null until the first answer; afterwards the last one, since a call that failed says nothing about floods. */
  get reply(): ReadonlySignal<AlarmHealthReply | null> {
    return this.#reply;
  }

  start(feed: ReadonlySignal<FeedState>): void {
    effect(() => {
      if (feed.value === 'live') void this.#ask();
    });
    window.setInterval(() => {
      if (feed.peek() === 'live' && !document.hidden) void this.#ask();
    }, HEALTH_REFRESH_MS);
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const reply = await fetchAlarmHealth();
    this.#asking = false;
    if (reply.outcome === 'done') this.#reply.value = reply.value;
  }
}
