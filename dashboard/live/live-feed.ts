import { type ReadonlySignal, signal } from '@preact/signals';
import type { LiveEvents } from '../../gateway/http/contract.ts';
import type { LiveMessage } from './live-store.ts';

/** Silence after which what is shown no longer counts as live: two heartbeats of 5 s and some grace. Real ms. */
export const STALE_AFTER_MS = 12_000;
/** Silence after which the connection is given up and made anew: it may be dead without having said so. */
export const RECONNECT_AFTER_MS = 20_000;
/** First and longest wait before the next try to connect; it doubles in between. */
export const RETRY_FIRST_MS = 500;
export const RETRY_LONGEST_MS = 8_000;
/** A page that nobody sees gives its connection back after this long; HTTP/1.1 allows a browser six per host. */
export const CLOSE_WHEN_HIDDEN_MS = 30_000;
const WATCH_MS = 1_000;

/**
 * `connecting`: never had data; `live`; `stale`: had data, but nothing came for {@link STALE_AFTER_MS};
 * `refused`: the gateway asks for a token.
 */
export type FeedState = 'connecting' | 'live' | 'stale' | 'refused';

const eventNames = ['snapshot', 'delta', 'alarm', 'heartbeat'] as const satisfies readonly (keyof LiveEvents)[];

/**
 * Holds the page's one connection to `/api/live`: reconnects by itself, tells silence from life, and lets go while the
 * page is hidden. Hands each message to `onMessage`.
 */
export class LiveFeed {
  readonly #state = signal<FeedState>('connecting');
  readonly #onMessage: (message: LiveMessage) => void;
  readonly #onTick: (state: FeedState) => void;
  #source: EventSource | undefined;
  #retryTimer: number | undefined;
  #hiddenTimer: number | undefined;
  #watchTimer: number | undefined;
  #retryMs = RETRY_FIRST_MS;
  /** When something was last heard, and when the present try to connect began; monotonic ms. */
  #heardMs = performance.now();
  #openedMs = performance.now();
  #hasData = false;

  /** `onTick` is called each second, after the state was settled. */
  constructor(onMessage: (message: LiveMessage) => void, onTick: (state: FeedState) => void) {
    this.#onMessage = onMessage;
    this.#onTick = onTick;
  }

  get state(): ReadonlySignal<FeedState> {
    return this.#state;
  }

  /** Real ms since the gateway was last heard. */
  silentMs(): number {
    return performance.now() - this.#heardMs;
  }

  start(): void {
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
    window.addEventListener('online', () => this.reconnect());
    this.#watchTimer ??= window.setInterval(() => this.#watch(), WATCH_MS);
    this.#open();
  }

  /** Tries at once, e.g. after a token was accepted. */
  reconnect(): void {
    if (this.#state.peek() === 'refused') this.#state.value = 'connecting';
    this.#retryMs = RETRY_FIRST_MS;
    this.#open();
  }

  #open(): void {
    this.#close();
    const source = new EventSource('api/live');
    this.#source = source;
    this.#openedMs = performance.now();
    for (const name of eventNames) {
      source.addEventListener(name, (event) => {
        if (source === this.#source) this.#heard(name, event.data);
      });
    }
    source.onerror = () => {
      if (source === this.#source) void this.#failed();
    };
  }

  #close(): void {
    window.clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#source?.close();
    this.#source = undefined;
  }

  #heard(name: keyof LiveEvents, text: string): void {
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch {
      // Half a message means that what follows cannot be trusted either; a new snapshot puts it right.
      this.#close();
      this.#retryLater();
      return;
    }
    this.#heardMs = performance.now();
    if (name === 'snapshot') {
      this.#hasData = true;
      this.#retryMs = RETRY_FIRST_MS;
    }
    this.#onMessage({ name, data } as LiveMessage);
    this.#settle();
  }

  /** The browser would retry by itself, but not after a refusal by status, and without growing waits. */
  async #failed(): Promise<void> {
    const refusedByStatus = this.#source?.readyState === EventSource.CLOSED;
    this.#close();
    this.#retryLater();
    if (refusedByStatus && (await tokenWanted())) {
      this.#close();
      this.#state.value = 'refused';
    }
  }

  #retryLater(): void {
    if (document.hidden) return;
    // Jitter keeps the screens of a site from coming back in one instant after the gateway's restart.
    this.#retryTimer = window.setTimeout(() => this.#open(), this.#retryMs * (0.75 + Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_LONGEST_MS);
  }

  #watch(): void {
    this.#settle();
    const waitedMs = Math.min(this.silentMs(), performance.now() - this.#openedMs);
    if (this.#source !== undefined && waitedMs > RECONNECT_AFTER_MS) this.#open();
    this.#onTick(this.#state.peek());
  }

  #settle(): void {
    if (this.#state.peek() === 'refused') return;
    if (!this.#hasData) this.#state.value = 'connecting';
    else this.#state.value = this.silentMs() >= STALE_AFTER_MS ? 'stale' : 'live';
  }

  #visibilityChanged(): void {
    window.clearTimeout(this.#hiddenTimer);
    if (document.hidden) {
      this.#hiddenTimer = window.setTimeout(() => this.#close(), CLOSE_WHEN_HIDDEN_MS);
      return;
    }
    this.#watch();
    if (this.#source === undefined && this.#state.peek() !== 'refused') this.reconnect();
  }
}

/** Asks whether the gateway turns this browser away for want of a token. */
async function tokenWanted(): Promise<boolean> {
  try {
    return (await fetch('api/systems')).status === 401;
  } catch {
    return false;
  }
}
