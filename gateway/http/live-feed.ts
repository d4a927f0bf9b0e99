import type { ServerResponse } from 'node:http';
import type { AlarmReply, AssetReply, LinkReply, LiveEvents, PointReply, SiteReply, SystemReply } from './contract.ts';
import { LIVE_DELTA_MS, LIVE_HEARTBEAT_MS } from './contract.ts';

/** Pages that are served at once; one more is told to try later. */
export const MAX_LIVE_CLIENTS = 200;

/** Bytes that may wait for a slow page; then its deltas are dropped, and it gets a snapshot once it has caught up. */
const MAX_CLIENT_BACKLOG_BYTES = 4 * 1024 * 1024;

/** Real ms between two looks at systems and assets, whose figures change with time alone. */
const FIGURES_EVERY_MS = 1000;

/** Real ms after which assets are sent again though only their ratios moved. */
const RATIOS_EVERY_MS = 60_000;

/** What the feed shows; each call gives the present. */
export interface LiveSource {
  site(): SiteReply;
  systems(): readonly SystemReply[];
  assets(): readonly AssetReply[];
  points(): readonly PointReply[];
  /** Points that changed since the last call. */
  pointChanges(): readonly PointReply[];
  alarms(): readonly AlarmReply[];
  links(): readonly LinkReply[];
}

interface Client {
  readonly response: ServerResponse;
  /** Deltas were dropped: the next thing it gets is a snapshot. */
  behind: boolean;
}

/** Sends what changes to every page that listens: worked out once, written to each. */
export class LiveFeed {
  readonly #source: LiveSource;
  readonly #clients = new Set<Client>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #sent = {
    systems: new Map<string, string>(),
    assets: new Map<string, string>(),
    links: new Map<string, string>(),
  };
  #figuresMs = 0;
  #ratiosMs = 0;
  #figuresDue = false;

  constructor(source: LiveSource) {
    this.#source = source;
    this.#timers.push(
      setInterval(() => this.#delta(), LIVE_DELTA_MS),
      setInterval(() => this.#broadcast('heartbeat', { nowMs: this.#source.site().nowMs }), LIVE_HEARTBEAT_MS),
    );
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** False where as many pages are served as can be. */
  get hasRoom(): boolean {
    return this.#clients.size < MAX_LIVE_CLIENTS;
  }

  /** Begins to serve a page; the caller has asked for room. */
  add(response: ServerResponse): void {
    const client: Client = { response, behind: false };
    this.#clients.add(client);
    response.on('close', () => this.#clients.delete(client));
    // A page that vanished is no error of ours; 'close' follows.
    response.on('error', () => this.#clients.delete(client));
    this.#write(client, frame('snapshot', this.#snapshot()));
  }

  /** An alarm changed: told at once and to everyone. */
  alarm(alarm: AlarmReply): void {
    this.#broadcast('alarm', alarm);
    this.#figuresDue = true;
  }

  /** Classes changed: look at the figures with the next delta. */
  figuresChanged(): void {
    this.#figuresDue = true;
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const { response } of this.#clients) response.end();
    this.#clients.clear();
  }

  #snapshot(): LiveEvents['snapshot'] {
    const source = this.#source;
    return {
      site: source.site(),
      systems: source.systems(),
      assets: source.assets(),
      points: source.points(),
      alarms: source.alarms(),
      links: source.links(),
    };
  }

  #delta(): void {
    const points = this.#source.pointChanges();
    if (this.#clients.size === 0) return;
    const now = performance.now();
    const figures = this.#figuresDue || now - this.#figuresMs >= FIGURES_EVERY_MS;
    let systems: SystemReply[] = [];
    let assets: AssetReply[] = [];
    let links: LinkReply[] = [];
    if (figures) {
      this.#figuresMs = now;
      this.#figuresDue = false;
      const ratios = now - this.#ratiosMs >= RATIOS_EVERY_MS;
      if (ratios) this.#ratiosMs = now;
      systems = changed(this.#source.systems(), this.#sent.systems, (row) => JSON.stringify(row));
      assets = changed(this.#source.assets(), this.#sent.assets, (row) =>
        ratios ? JSON.stringify(row) : `${row.class}${row.sinceMs}`,
      );
      links = changed(this.#source.links(), this.#sent.links, (row) => JSON.stringify(row));
    }
    if (points.length + systems.length + assets.length + links.length === 0) return;
    this.#broadcast('delta', { nowMs: this.#source.site().nowMs, systems, assets, points, links });
  }

  #broadcast<K extends keyof LiveEvents>(event: K, data: LiveEvents[K]): void {
    if (this.#clients.size === 0) return;
    const text = frame(event, data);
    for (const client of this.#clients) {
      if (client.behind && client.response.writableLength === 0) {
        client.behind = false;
        this.#write(client, frame('snapshot', this.#snapshot()));
      } else if (!client.behind) this.#write(client, text);
    }
  }

  #write(client: Client, text: string): void {
    client.response.write(text);
    if (client.response.writableLength > MAX_CLIENT_BACKLOG_BYTES) client.behind = true;
  }
}

function frame<K extends keyof LiveEvents>(event: K, data: LiveEvents[K]): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Rows whose mark is another than when they were last sent. */
function changed<Row extends { key: string }>(
  rows: readonly Row[],
  sent: Map<string, string>,
  markOf: (row: Row) => string,
): Row[] {
  return rows.filter((row) => {
    const mark = markOf(row);
    if (sent.get(row.key) === mark) return false;
    sent.set(row.key, mark);
    return true;
  });
}
