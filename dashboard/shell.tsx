import { AlarmBar } from './alarm-bar.tsx';
import { Announcements } from './announcements.tsx';
import { useApp } from './app.ts';
import { FloodBanner } from './flood-banner.tsx';
import { Header } from './header.tsx';
import { AlarmsPage } from './pages/alarms-page.tsx';
import { AssetPage } from './pages/asset-page.tsx';
import { LinksPage } from './pages/links-page.tsx';
import { NotFoundPage } from './pages/not-found-page.tsx';
import { SystemPage } from './pages/system-page.tsx';
import { TokenPage } from './pages/token-page.tsx';
import { WallPage } from './pages/wall-page.tsx';
import { Lazy } from './parts/lazy.tsx';
import { RefusedSiteBanner } from './refused-site-banner.tsx';

const loadAlarmHealthPage = () => import('./pages/alarm-health-page.tsx').then((module) => module.AlarmHealthPage);

/** The frame around every page: what must be seen wherever one is stands here. */
export function Shell() {
  const { feed, store, messages, router } = useApp();
  const state = feed.state.value;
  if (state === 'refused') return <TokenPage />;
  return (
    <div class="shell" data-feed={state} data-page={router.route.value.page}>
      <button type="button" class="skip" onClick={skipToContent}>
        {messages.value.skipToContent}
      </button>
      <Header />
      <StaleBanner />
      <AlarmBar />
      <FloodBanner />
      <RefusedSiteBanner />
      <main id="content" tabIndex={-1}>
        {store.site.value === null ? <Waiting /> : <Page />}
      </main>
      <Announcements />
      {store.site.value?.simulated === true && <div class="watermark" aria-hidden="true" />}
    </div>
  );
}

function Page() {
  const { router } = useApp();
  const route = router.route.value;
  switch (route.page) {
    case 'wall':
      return <WallPage />;
    case 'alarms':
      return <AlarmsPage />;
    case 'alarm-health':
      return <Lazy load={loadAlarmHealthPage} given={{}} />;
    case 'links':
      return <LinksPage />;
    case 'system':
      return <SystemPage key={route.key} system={route.key} />;
    case 'asset':
      return <AssetPage key={route.key} asset={route.key} />;
    case 'unknown':
      return <NotFoundPage />;
  }
}

function Waiting() {
  const { messages } = useApp();
  return <p class="waiting">{messages.value.noGateway}</p>;
}

/** Old figures must not pass for live ones: this says since when they stand still. */
function StaleBanner() {
  const { feed, clock, format, messages } = useApp();
  if (feed.state.value !== 'stale') return null;
  const stoppedAt = format.value.time(clock.now.value);
  return (
    <div class="stale-banner" role="alert">
      <strong>{messages.value.staleSince(stoppedAt)}</strong>
      <span>{messages.value.staleHint}</span>
    </div>
  );
}

/** A button and not a link: the fragment is the page's own address, so that a jump to `#content` would leave the page. */
function skipToContent(): void {
  document.getElementById('content')?.focus();
}
