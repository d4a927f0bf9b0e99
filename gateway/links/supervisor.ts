import { join } from 'node:path';
import { Value } from 'typebox/value';
import type { Adapter, LinkPoint, Protocol } from '../../model/adapter.ts';
import type { Clock } from '../../model/clock.ts';
import { type Environment, resolveSettings } from '../../model/environment.ts';
import type { Handed, LogEntry } from '../../model/log.ts';
import type { PointKey, PointNumber } from '../../model/point.ts';
import type { Link, Site } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';
import { Attempts } from './attempts.ts';
import { type LinkChanges, linkChanges } from './link-changes.ts';
import type { LinkFacts } from './link-facts.ts';
import { LinkRunner, type LinksLog } from './link-runner.ts';
import { WIRE_SLOT_MS } from './wire-counts.ts';

/** Real ms that links have to close unless told otherwise; those that take longer are left behind, and named. */
const CLOSE_WITHIN_MS = 5000;

export interface LinksOptions {
  readonly site: Site;
  /** By the key that the site file has; `adapters/registry.ts`. */
  readonly protocols: Readonly<Record<string, Protocol>>;
  /** The log's number of every point of the site. */
  readonly numbers: ReadonlyMap<PointKey, PointNumber>;
  readonly clock: Clock;
  readonly log: LinksLog;
  /** Hands an entry to the log; entries are kept in the order of the calls. */
  readonly hand: (entry: LogEntry) => Handed;
  /** What `${ENV}` in a link's settings stands for; `process.env`. */
  readonly env: Environment;
  /** The data folder, in which each protocol has a folder of its key for what it keeps; nothing is kept if absent. */
  readonly dataDir?: string;
  /** 0 to 1; Math.random if absent. */
  readonly random?: () => number;
  /** Real ms that links have to close; {@link CLOSE_WITHIN_MS} if absent. */
  readonly closeWithinMs?: number;
}

/** A link as a person may ask of it. */
export interface HeldAdapter {
  /** Undefined where the link has not begun to run, or cannot, as `facts` tell. */
  readonly adapter: Adapter | undefined;
  /** Aborts when the link is held no more: what is asked of the adapter must end then. */
  readonly over: AbortSignal;
}

/** All links of a site, held up. */
export interface Links {
  /** What is known of each link now, in the order of the site file. */
  facts(): readonly LinkFacts[];
  /** How many links are trying to connect, and how many wait until they may. */
  attempts(): { readonly underWay: number; readonly waiting: number };
  /** The adapter of a link, for what a person asks of it; undefined where there is no such link. */
  held(key: string): HeldAdapter | undefined;
  /** Ends the connection of a link that is up, and lets one that waits wait no longer: it connects anew at once. */
  reconnect(key: string): void;
  /** Calls `listener` after every change of a link's facts, until the function that it returns is called. */
  onChange(listener: (facts: LinkFacts) => void): () => void;
  /**
   * Takes over another site: ends the links that it touches, waits for `adopt`, which tells everybody else of the site and
   * gives the numbers of its points, and starts what the new site has instead. All other links run on undisturbed. If
   * `adopt` rejects, so does this, and the links that were ended run again as before. One call at a time.
   */
  takeOver(site: Site, adopt: () => Promise<ReadonlyMap<PointKey, PointNumber>>): Promise<LinkChanges>;
  /** Ends all links; resolves when they are closed, or have taken too long for it. */
  close(): Promise<void>;
}

/**
 * Runs the adapter of every link of the site: connects, backs off, writes `samples` and `link` entries. What is wrong
 * with one link is that link's own matter; the others go on.
 */
export function startLinks(options: LinksOptions): Links {
  return new Supervisor(options);
}

/** A link that is held up, until `stop` aborts. */
interface HeldLink {
  readonly runner: LinkRunner;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

class Supervisor implements Links {
  readonly #options: LinksOptions;
  readonly #listeners = new Set<(facts: LinkFacts) => void>();
  #site: Site;
  #numbers: ReadonlyMap<PointKey, PointNumber>;
  #held: readonly HeldLink[] = [];
  #closing: Promise<void> | undefined;
  readonly #attempts = new Attempts();
  /** By key, what did not end in time: nobody else holds the link before it has. */
  readonly #leftBehind = new Map<string, Promise<void>>();
  readonly #turns = setInterval(() => {
    for (const { runner } of this.#held) runner.wire.turn();
  }, WIRE_SLOT_MS);

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#site = options.site;
    this.#numbers = options.numbers;
    this.#holdAll();
  }

  facts(): readonly LinkFacts[] {
    return this.#held.map(({ runner }) => runner.facts);
  }

  attempts(): { readonly underWay: number; readonly waiting: number } {
    return this.#attempts.counts;
  }

  held(key: string): HeldAdapter | undefined {
    const held = this.#held.find(({ runner }) => runner.facts.key === key);
    return held && { adapter: held.runner.adapter, over: held.stop.signal };
  }

  reconnect(key: string): void {
    this.#held.find(({ runner }) => runner.facts.key === key)?.runner.reconnect();
  }

  onChange(listener: (facts: LinkFacts) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async takeOver(site: Site, adopt: () => Promise<ReadonlyMap<PointKey, PointNumber>>): Promise<LinkChanges> {
    const changes = linkChanges(this.#site, site);
    const touched = new Set([...changes.restarted, ...changes.removed]);
    const ending = this.#held.filter(({ runner }) => touched.has(runner.facts.key));
    for (const held of await endAll(ending, this.#options)) this.#leaveBehind(held);
    try {
      this.#numbers = await adopt();
      this.#site = site;
    } finally {
      this.#holdAll();
    }
    return changes;
  }

  close(): Promise<void> {
    clearInterval(this.#turns);
    this.#closing ??= endAll(this.#held, this.#options).then(() => undefined);
    return this.#closing;
  }

  /** Holds the links of the site: those that run go on, the others are started. */
  #holdAll(): void {
    if (this.#closing !== undefined) return;
    const running = new Map(
      this.#held.filter(({ stop }) => !stop.signal.aborted).map((held) => [held.runner.facts.key, held]),
    );
    const pointsOfLink = groupPoints(this.#site, this.#numbers);
    this.#held = this.#site.links.map((link) => {
      const held = running.get(link.key);
      held?.runner.rename(link.name);
      return held ?? this.#hold(link, pointsOfLink.get(link.key) ?? []);
    });
  }

  #leaveBehind({ runner, done }: HeldLink): void {
    const { key } = runner.facts;
    const ended = done.then(() => {
      if (this.#leftBehind.get(key) === ended) this.#leftBehind.delete(key);
    });
    this.#leftBehind.set(key, ended);
  }

  #hold(link: Link, points: readonly LinkPoint<unknown>[]): HeldLink {
    const { clock, log, hand, random = Math.random } = this.#options;
    const stop = new AbortController();
    const runner: LinkRunner = new LinkRunner(link, {
      clock,
      log,
      hand,
      random,
      attempts: this.#attempts,
      onChange: () => {
        for (const listener of this.#listeners) listener(runner.facts);
      },
    });
    return {
      runner,
      stop,
      done: holdLink(this.#options, link, runner, points, {
        signal: stop.signal,
        former: this.#leftBehind.get(link.key),
      }),
    };
  }
}

async function holdLink(
  { protocols, clock, log, env, dataDir }: LinksOptions,
  link: Link,
  runner: LinkRunner,
  points: readonly LinkPoint<unknown>[],
  { signal, former }: { readonly signal: AbortSignal; readonly former: Promise<void> | undefined },
): Promise<void> {
  const protocol = Object.hasOwn(protocols, link.protocol) ? protocols[link.protocol] : undefined;
  if (protocol === undefined) return runner.refuse(unknownProtocol(link.protocol));
  const resolved = resolveSettings(link.settings, env);
  if (!resolved.ok) return runner.refuse(unsetVariables(resolved.unset));
  const [mistake] = Value.Errors(protocol.settingsSchema, resolved.settings);
  if (mistake !== undefined) return runner.refuse(wrongSetting(mistake.instancePath, mistake.message));
  const plan = {
    key: link.key,
    settings: resolved.settings,
    points,
    clock,
    log: {
      info: (fields: object, message: string) => log.info({ link: link.key, ...fields }, message),
      warn: (fields: object, message: string) => log.warn({ link: link.key, ...fields }, message),
    },
    wire: runner.wire,
    ...(dataDir !== undefined && { folder: join(dataDir, protocol.key) }),
  };
  await runner.hold(() => protocol.create(plan), signal, former);
}

function groupPoints(
  site: Site,
  numbers: ReadonlyMap<PointKey, PointNumber>,
): ReadonlyMap<string, readonly LinkPoint<unknown>[]> {
  const byLink = new Map<string, LinkPoint<unknown>[]>(site.links.map((link) => [link.key, []]));
  for (const asset of site.assets) {
    for (const { key, kind, states, address } of asset.points) {
      const number = numbers.get(key);
      if (number === undefined) throw new RangeError(`point ${key} has no number`);
      byLink.get(asset.link)?.push({ number, key, kind, address, ...(states === undefined ? {} : { states }) });
    }
  }
  return byLink;
}

/** Tells links to end, and waits until they have, or have taken too long for it: those are given back. */
async function endAll(
  ending: readonly HeldLink[],
  { log, closeWithinMs = CLOSE_WITHIN_MS }: LinksOptions,
): Promise<readonly HeldLink[]> {
  for (const { stop } of ending) stop.abort(new Error('the link is ended'));
  const open = new Set(ending);
  const all = Promise.all(ending.map((held) => held.done.then(() => open.delete(held))));
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, closeWithinMs);
  });
  await Promise.race([all, tooLong]);
  clearTimeout(timer);
  const links = [...open].map(({ runner }) => runner.facts.key);
  if (links.length > 0) log.warn({ links }, 'links did not close in time');
  return [...open];
}

function unknownProtocol(protocol: string): Text {
  return { zh: `没有 ${protocol} 协议`, en: `there is no protocol ${protocol}` };
}

function unsetVariables(names: readonly string[]): Text {
  const list = names.join(', ');
  return { zh: `环境变量未设置：${list}`, en: `environment variable not set: ${list}` };
}

/** Says where and what, never the value: it may be a secret. */
function wrongSetting(path: string, message: string): Text {
  const where = path === '' ? 'settings' : path.slice(1).replaceAll('/', '.');
  return { zh: `链路设置 ${where} 有误：${message}`, en: `link setting ${where}: ${message}` };
}
