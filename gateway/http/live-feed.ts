import type { ServerResponse } from 'node:http';
import type { AlarmReply, AssetReply, LinkReply, LiveEvents, PointReply, SiteReply, SystemReply } from './contract.ts';
import { LIVE_DELTA_MS, LIVE_HEARTBEAT_MS, LIVE_WIRE_MS } from './contract.ts';

/** Pages that are served at once; one more is told to try later. */
export const MAX_LIVE_CLIENTS = 200;

/**
 * Bytes of news that may wait for a slow page beside its snapshot; what comes then is dropped, and it gets a snapshot
 * once it has caught up.
 */
const MAX_CLIENT_BACKLOG_BYTES = 1024 * 1024;

/** Bytes that may wait for all pages together; then the slowest is cut off, and comes back when it can. */
export const MAX_BACKLOG_BYTES = 64 * 1024 * 1024;

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
  /** Size of the newest snapshot. */
  snapshotBytes: number;
  /** Deltas were dropped: the next thing it gets is a snapshot. */
  behind: boolean;
}

/** Sends what changes to every page that listens: worked out once, written to each. */
export class LiveFeed {
  readonly #source: LiveSource;
  readonly #clients = new Set<Client>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #sent = {
    systems: new Map<string, Marks>(),
    assets: new Map<string, Marks>(),
    links: new Map<string, Marks>(),
  };
  #figuresMs = 0;
  #ratiosMs = 0;
  #wireMs = 0;
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

  /** Bytes that wait for slow pages. */
  get backlogBytes(): number {
    return [...this.#clients].reduce((bytes, { response }) => bytes + response.writableLength, 0);
  }

  /** False where as many pages are served as can be. */
  get hasRoom(): boolean {
    return this.#clients.size < MAX_LIVE_CLIENTS;
  }

  /** Begins to serve a page; the caller has asked for room. */
  add(response: ServerResponse): void {
    this.#cutSlowest();
    const client: Client = { response, snapshotBytes: 0, behind: false };
    this.#clients.add(client);
    response.on('close', () => this.#clients.delete(client));
    // A page that vanished is no error of ours; 'close' follows.
    response.on('error', () => this.#clients.delete(client));
    begin(client, frame('snapshot', this.#snapshot()));
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

  /**
   * What there is to show is another, since a site file was taken over or refused: every page begins anew. A page that
   * is behind gets its snapshot once it has caught up, as ever.
   */
  renew(): void {
    for (const rows of Object.values(this.#sent)) rows.clear();
    this.#figuresDue = true;
    if (this.#clients.size === 0) return;
    this.#cutSlowest();
    const bytes = frame('snapshot', this.#snapshot());
    for (const client of this.#clients) {
      if (isSlow(client)) client.behind = true;
      if (!client.behind) begin(client, bytes);
    }
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
      systems = changed(this.#source.systems(), this.#sent.systems, JSON.stringify, false);
      assets = changed(this.#source.assets(), this.#sent.assets, markOf, ratios);
      const wire = now - this.#wireMs >= LIVE_WIRE_MS;
      if (wire) this.#wireMs = now;
      links = changed(this.#source.links(), this.#sent.links, stateOf, wire);
    }
    if (points.length + systems.length + assets.length + links.length === 0) return;
    this.#broadcast('delta', { nowMs: this.#source.site().nowMs, systems, assets, points, links });
  }

  #broadcast<K extends keyof LiveEvents>(event: K, data: LiveEvents[K]): void {
    if (this.#clients.size === 0) return;
    this.#cutSlowest();
    const bytes = frame(event, data);
    for (const client of this.#clients) {
      if (isSlow(client)) client.behind = true;
      if (!client.behind) client.response.write(bytes);
      else if (client.response.writableLength === 0) begin(client, frame('snapshot', this.#snapshot()));
    }
  }

  /** Looks before anything is written: what was written last has had its time to leave by then. */
  #cutSlowest(): void {
    let excess = this.backlogBytes - MAX_BACKLOG_BYTES;
    if (excess <= 0) return;
    const slowestFirst = [...this.#clients].sort((a, b) => b.response.writableLength - a.response.writableLength);
    for (const client of slowestFirst) {
      if (excess <= 0) break;
      excess -= client.response.writableLength;
      this.#clients.delete(client);
      client.response.destroy();
    }
  }
}

/** Sends all that there is, from which the page goes on. */
function begin(client: Client, snapshot: Buffer): void {
  client.snapshotBytes = snapshot.length;
  client.behind = false;
  client.response.write(snapshot);
}

function isSlow({ response, snapshotBytes }: Client): boolean {
  return response.writableLength > snapshotBytes + MAX_CLIENT_BACKLOG_BYTES;
}

/** An event as it is sent; the bytes are encoded once, and waiting pages share them. */
function frame<K extends keyof LiveEvents>(event: K, data: LiveEvents[K]): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** What of an asset is sent as soon as it changes: all that is not a ratio, which time alone moves. */
function markOf({ class: name, sinceMs, commissioning, outOfService, job, plannedUntilMs }: AssetReply): string {
  const work = outOfService || job ? JSON.stringify([outOfService, job]) : '';
  return `${name} ${sinceMs} ${commissioning} ${plannedUntilMs} ${work}`;
}

/** What of a link is sent as soon as it changes: all that does not move with each request. */
function stateOf({ wire, lastError: _, badPoints: __, ...row }: LinkReply): string {
  return JSON.stringify([row, wire.revision, wire.address]);
}

/** A row as it was last sent: what tells of a change at once, and all of it. */
interface Marks {
  readonly quick: string;
  readonly whole: string;
}

/** Rows that are to be sent: those whose quick mark has changed and, where all of it is looked at, those that differ at all. */
function changed<Row extends { key: string }>(
  rows: readonly Row[],
  sent: Map<string, Marks>,
  quickMark: (row: Row) => string,
  lookAtAll: boolean,
): Row[] {
  return rows.filter((row) => {
    const before = sent.get(row.key);
    const quick = quickMark(row);
    const isNews = before?.quick !== quick;
    if (!isNews && !lookAtAll) return false;
    const whole = JSON.stringify(row);
    if (!isNews && before?.whole === whole) return false;
    sent.set(row.key, { quick, whole });
    return true;
  });
}
