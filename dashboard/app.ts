import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { ActionBody } from '../gateway/http/contract.ts';
import { AlarmHealth } from './live/alarm-health.ts';
import { type CallOutcome, postAction } from './live/gateway-call.ts';
import { LiveFeed } from './live/live-feed.ts';
import { LiveStore } from './live/live-store.ts';
import { SiteClock } from './live/site-clock.ts';
import { loadPreferences, type Preferences } from './preferences.ts';
import { Router } from './router.ts';
import { en } from './text/en.ts';
import { type Format, makeFormat } from './text/format.ts';
import type { SiteText } from './text/language.ts';
import { type Messages, zhCN } from './text/zh-cn.ts';

/** What every part of the page works with. */
export interface App {
  readonly store: LiveStore;
  readonly feed: LiveFeed;
  readonly health: AlarmHealth;
  readonly clock: SiteClock;
  readonly router: Router;
  readonly preferences: Preferences;
  readonly messages: ReadonlySignal<Messages>;
  readonly format: ReadonlySignal<Format>;
  /** How many actions of this page the gateway took: what no live event tells is read anew with each. */
  readonly takenActions: ReadonlySignal<number>;
  /** Asks for an action; a refusal carries the gateway's own words. */
  act(action: ActionBody): Promise<CallOutcome<null>>;
  /** The site's own text in the user's language. */
  text(text: SiteText): string;
}

/** Puts the page's parts together; nothing runs before `start` of feed, health and router. */
export function makeApp(): App {
  const clock = new SiteClock(() => performance.now());
  const store = new LiveStore(clock);
  const feed = new LiveFeed(
    (message) => store.apply(message),
    (state) => (state === 'stale' ? clock.hold() : clock.tick()),
  );
  const preferences = loadPreferences();
  const messages = computed<Messages>(() => (preferences.language.value === 'zh' ? zhCN : en));
  // Before the first snapshot no time is shown, so that any zone will do.
  const timeZone = computed(() => store.site.value?.timeZone ?? 'UTC');
  const format = computed(() => makeFormat(preferences.language.value, timeZone.value, messages.value));
  const text = (texts: SiteText) => texts[preferences.language.value];
  const takenActions = signal(0);
  const act = async (action: ActionBody) => {
    const reply = await postAction(action);
    if (reply.outcome === 'done') takenActions.value += 1;
    return reply;
  };
  const [health, router] = [new AlarmHealth(), new Router()];
  return { store, feed, health, clock, router, preferences, messages, format, takenActions, act, text };
}

export const AppContext = createContext<App | null>(null);

/** The app of the page that a component stands in. */
export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) throw new Error('component is used outside of AppContext');
  return app;
}
