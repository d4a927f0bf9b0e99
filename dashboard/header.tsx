import { useSignal } from '@preact/signals';
import { useApp } from './app.ts';
import { isWaiting } from './live/alarm-order.ts';
import { ThemeIcon } from './parts/theme-icon.tsx';
import { MAX_OPERATOR_LENGTH } from './preferences.ts';
import { routeAddress } from './router.ts';

/** Site, ways to the pages, connection, clock, and what the user sets for himself. */
export function Header() {
  return (
    <header class="header">
      <SiteName />
      <Navigation />
      <Connection />
      <Clock />
      <Settings />
    </header>
  );
}

function SiteName() {
  const { store, messages, text } = useApp();
  const site = store.site.value;
  return (
    <div class="site-name">
      <a href={routeAddress('wall')}>{site === null ? messages.value.appName : text(site.name)}</a>
      {site?.simulated === true && (
        <span class="simulated">
          模拟 / SIMULATED{site.clockRate !== 1 && ` · ${messages.value.clockRate(String(site.clockRate))}`}
        </span>
      )}
    </div>
  );
}

function Navigation() {
  const { store, messages, router } = useApp();
  const { page } = router.route.value;
  const waiting = store.openAlarms.value.filter(isWaiting).length;
  const linksDown = store.links.all().filter((link) => link.state !== 'up').length;
  const here = (is: boolean) => (is ? 'page' : undefined);
  return (
    <nav class="navigation" aria-label={messages.value.mainNavigation}>
      <a href={routeAddress('wall')} aria-current={here(page === 'wall')}>
        {messages.value.wall}
      </a>
      <a href={routeAddress('alarms')} aria-current={here(page === 'alarms' || page === 'alarm-health')}>
        {messages.value.alarms}
        {waiting > 0 && <b class="count">{waiting}</b>}
      </a>
      <a href={routeAddress('links')} aria-current={here(page === 'links')}>
        {messages.value.links}
        {linksDown > 0 && (
          <b class="count" title={messages.value.linksDown(linksDown)}>
            {linksDown}
          </b>
        )}
      </a>
    </nav>
  );
}

/** Life of the connection: the dot beats while messages come. */
function Connection() {
  const { feed, messages } = useApp();
  const state = feed.state.value;
  const word =
    state === 'live' ? messages.value.live : state === 'stale' ? messages.value.stale : messages.value.connecting;
  return (
    <div class="connection" data-feed={state} role="status">
      <span class="beat" aria-hidden="true" />
      {word}
    </div>
  );
}

function Clock() {
  const { clock, format, messages, store } = useApp();
  if (store.site.value === null) return <div class="clock" />;
  const now = clock.now.value;
  return (
    <div class="clock" title={`${messages.value.siteTime} · ${store.site.value.timeZone}`}>
      <span class="clock-day">{format.value.day(now)}</span> <b class="value">{format.value.time(now)}</b>
    </div>
  );
}

function Settings() {
  const { preferences, messages } = useApp();
  const t = messages.value;
  const dark = preferences.theme.value === 'dark';
  const otherLanguage = preferences.language.value === 'zh' ? 'en' : 'zh';
  return (
    <div class="settings">
      <Operator />
      <button type="button" aria-label={t.languageLabel} onClick={() => (preferences.language.value = otherLanguage)}>
        {t.language}
      </button>
      <button type="button" class="icon-button" onClick={() => (preferences.theme.value = dark ? 'light' : 'dark')}>
        <ThemeIcon dark={!dark} label={dark ? t.toLight : t.toDark} />
      </button>
    </div>
  );
}

/** The name that goes with this browser's acknowledgements. */
function Operator() {
  const { preferences, messages } = useApp();
  const draft = useSignal<string | null>(null);
  const t = messages.value;
  if (draft.value === null) {
    return (
      <button type="button" title={t.operatorHint} onClick={() => (draft.value = preferences.operator.value)}>
        <span class="muted">{t.operator}</span> {preferences.operator.value || t.operatorUnset}
      </button>
    );
  }
  const save = (event: Event) => {
    event.preventDefault();
    preferences.operator.value = (draft.peek() ?? '').trim();
    draft.value = null;
  };
  return (
    <form class="operator" onSubmit={save}>
      <input
        aria-label={t.operator}
        placeholder={t.operator}
        maxLength={MAX_OPERATOR_LENGTH}
        value={draft.value}
        ref={(input) => input?.focus()}
        onInput={(event) => (draft.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') draft.value = null;
        }}
      />
      <button type="submit">{t.save}</button>
    </form>
  );
}
