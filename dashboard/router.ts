import { type ReadonlySignal, signal } from '@preact/signals';

/** A place of the page. What it shows beyond that (filters, the chosen point) is in `query`. */
export type Route = (
  | { readonly page: 'wall' | 'alarms' | 'alarm-health' | 'links' | 'unknown' }
  | { readonly page: 'system' | 'asset'; readonly key: string }
) & { readonly query: URLSearchParams };

/**
 * Reads the part of an address from `#` on. Places are in the fragment, so that the gateway serves one file for all of
 * them, under whatever path a reverse proxy puts it.
 */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#/, '').split('?', 2);
  const query = new URLSearchParams(search);
  const [page = '', ...rest] = path.split('/').filter((part) => part !== '');
  if (page === '' && rest.length === 0) return { page: 'wall', query };
  if ((page === 'alarms' || page === 'alarm-health' || page === 'links') && rest.length === 0) return { page, query };
  if ((page === 'system' || page === 'asset') && rest.length === 1) {
    const key = decode(rest[0] ?? '');
    if (key !== undefined) return { page, key, query };
  }
  return { page: 'unknown', query };
}

/** Writes the address of a place; empty values of `query` are left out. */
export function routeAddress(
  page: Exclude<Route['page'], 'unknown'>,
  key = '',
  query: Record<string, string> = {},
): string {
  const kept = Object.entries(query).filter(([, value]) => value !== '');
  const search = kept.length === 0 ? '' : `?${new URLSearchParams(kept)}`;
  return `#/${page === 'wall' ? '' : page}${key === '' ? '' : `/${encodeURIComponent(key)}`}${search}`;
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** Bound on the places whose scroll position is remembered. */
const MAX_REMEMBERED_SCROLLS = 100;

/** Follows the address, and brings back the scroll position when one goes back. */
export class Router {
  readonly #route = signal<Route>(parseRoute(location.hash));
  readonly #scrolls = new Map<number, number>();
  #entry = 0;
  #lastEntry = 0;

  get route(): ReadonlySignal<Route> {
    return this.#route;
  }

  start(): void {
    history.scrollRestoration = 'manual';
    history.replaceState({ entry: this.#entry }, '');
    window.addEventListener('scroll', () => this.#remember(), { passive: true });
    window.addEventListener('popstate', (event) => this.#moved(event.state));
  }

  /** Changes the filters of the present place, without a step for the Back button. */
  setQuery(changes: Record<string, string>): void {
    const route = this.#route.peek();
    if (route.page === 'unknown') return;
    const query = { ...Object.fromEntries(route.query), ...changes };
    history.replaceState({ entry: this.#entry }, '', routeAddress(route.page, 'key' in route ? route.key : '', query));
    this.#route.value = parseRoute(location.hash);
  }

  /** A link of the page has no state yet; Back and Forward bring the state of their place. */
  #moved(state: unknown): void {
    const known = typeof state === 'object' && state !== null && 'entry' in state ? Number(state.entry) : undefined;
    if (known === undefined) {
      this.#lastEntry += 1;
      history.replaceState({ entry: this.#lastEntry }, '');
    }
    this.#entry = known ?? this.#lastEntry;
    this.#route.value = parseRoute(location.hash);
    const top = this.#scrolls.get(this.#entry) ?? 0;
    // The new page is drawn first: before that there is nothing to scroll to.
    requestAnimationFrame(() => requestAnimationFrame(() => window.scrollTo(0, top)));
  }

  #remember(): void {
    this.#scrolls.delete(this.#entry);
    this.#scrolls.set(this.#entry, window.scrollY);
    const oldest = this.#scrolls.keys().next().value;
    if (this.#scrolls.size > MAX_REMEMBERED_SCROLLS && oldest !== undefined) this.#scrolls.delete(oldest);
  }
}
