import { effect } from '@preact/signals';
import type { App } from './app.ts';
import { isActive, isInSight, isWaiting } from './live/alarm-order.ts';
import { languageTag } from './text/language.ts';

/** Fill and sign colour of the priorities, as in `styles/layers.css`; the favicon cannot use custom properties. */
const faviconColours = {
  1: ['#b80020', '#fff'],
  2: ['#ff7a00', '#16191c'],
  3: ['#fff3a0', '#16191c'],
  4: ['#4f63f0', '#fff'],
} as const;
const faviconShapes = {
  1: '<path d="M2 2h28v28H2z"/>',
  2: '<path d="M16 1 31 30H1z"/>',
  3: '<path d="M16 1 31 16 16 31 1 16z"/>',
  4: '<circle cx="16" cy="16" r="14"/>',
} as const;
/** More than this does not fit on a favicon. */
const MOST_ON_FAVICON = 99;

/** Keeps language, theme, title and favicon of the document in step; the title counts what waits. */
export function followDocument(app: App): void {
  effect(() => {
    document.documentElement.lang = languageTag[app.preferences.language.value];
    document.documentElement.dataset.theme = app.preferences.theme.value;
  });
  effect(() => {
    const waiting = app.store.openAlarms.value.filter(isWaiting);
    const site = app.store.site.value;
    const name = site === null ? app.messages.value.appName : `${app.text(site.name)} · ${app.messages.value.appName}`;
    const stale = app.feed.state.value === 'stale' ? `${app.messages.value.stale} · ` : '';
    document.title = `${waiting.length > 0 ? `(${waiting.length}) ` : ''}${stale}${name}`;
    setFavicon(waiting[0]?.priority, waiting.length);
  });
}

/** A screen that stays open for months loads a new build by itself, but never while someone may be in danger. */
export function followBuild(app: App): void {
  let version: string | undefined;
  effect(() => {
    const site = app.store.site.value;
    if (site === null) return;
    version ??= site.version;
    const urgent = app.store.openAlarms.value.some(
      (alarm) => alarm.priority <= 2 && isActive(alarm) && isInSight(alarm),
    );
    if (site.version !== version && !urgent) location.reload();
  });
}

function setFavicon(priority: 1 | 2 | 3 | 4 | undefined, count: number): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  if (link !== null) link.href = `data:image/svg+xml,${encodeURIComponent(faviconSvg(priority, count))}`;
}

function faviconSvg(priority: 1 | 2 | 3 | 4 | undefined, count: number): string {
  const open = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">';
  if (priority === undefined)
    return `${open}<circle cx="16" cy="16" r="12" fill="none" stroke="#8b949b" stroke-width="6"/></svg>`;
  const [fill, ink] = faviconColours[priority];
  const text = count > MOST_ON_FAVICON ? '…' : String(count);
  const baseline = priority === 2 ? 27 : 23;
  const size = text.length > 1 ? 16 : 20;
  const label = `<text x="16" y="${baseline}" text-anchor="middle" font-family="sans-serif" font-weight="700" font-size="${size}" fill="${ink}">${text}</text>`;
  return `${open}<g fill="${fill}" stroke="${ink}" stroke-width="2">${faviconShapes[priority]}</g>${label}</svg>`;
}
