import { Value } from 'typebox/value';
import type { LinkPoint, Protocol } from '../../model/adapter.ts';
import type { Clock } from '../../model/clock.ts';
import { type Environment, resolveSettings } from '../../model/environment.ts';
import type { LogEntry } from '../../model/log.ts';
import type { PointKey, PointNumber } from '../../model/point.ts';
import type { Link, Site } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';
import type { LinkFacts } from './link-facts.ts';
import { LinkRunner, type LinksLog } from './link-runner.ts';

/** Real ms that links have to close; those that take longer are left behind, and named. */
const CLOSE_WITHIN_MS = 5000;

export interface LinksOptions {
  readonly site: Site;
  /** By the key that the site file has; `adapters/registry.ts`. */
  readonly protocols: Readonly<Record<string, Protocol>>;
  /** The log's number of every point of the site. */
  readonly numbers: ReadonlyMap<PointKey, PointNumber>;
  readonly clock: Clock;
  readonly log: LinksLog;
  /** Resolves when the entry is on disk; entries are kept in the order of the calls. */
  readonly append: (entry: LogEntry) => Promise<unknown>;
  /** What `${ENV}` in a link's settings stands for; `process.env`. */
  readonly env: Environment;
  /** 0 to 1; Math.random if absent. */
  readonly random?: () => number;
}

/** All links of a site, held up. */
export interface Links {
  /** What is known of each link now, in the order of the site file. */
  facts(): readonly LinkFacts[];
  /** Calls `listener` after every change of a link's facts, until the function that it returns is called. */
  onChange(listener: (facts: LinkFacts) => void): () => void;
  /** Ends all links; resolves when they are closed, or have taken too long for it. */
  close(): Promise<void>;
}

/**
 * Runs the adapter of every link of the site: connects, backs off, writes `samples` and `link` entries. What is wrong
 * with one link is that link's own matter; the others go on.
 */
export function startLinks(options: LinksOptions): Links {
  const { site, clock, log, append, random = Math.random } = options;
  const stop = new AbortController();
  const listeners = new Set<(facts: LinkFacts) => void>();
  const pointsOfLink = groupPoints(options);
  const running: { readonly runner: LinkRunner; readonly done: Promise<void> }[] = site.links.map((link) => {
    const runner: LinkRunner = new LinkRunner(link, {
      clock,
      log,
      append,
      random,
      onChange: () => {
        for (const listener of listeners) listener(runner.facts);
      },
    });
    return { runner, done: holdLink(options, link, runner, pointsOfLink.get(link.key) ?? [], stop.signal) };
  });
  let closing: Promise<void> | undefined;
  return {
    facts: () => running.map(({ runner }) => runner.facts),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      stop.abort(new Error('links are closing'));
      closing ??= closeAll(running, log);
      return closing;
    },
  };
}

async function holdLink(
  { protocols, clock, log, env }: LinksOptions,
  link: Link,
  runner: LinkRunner,
  points: readonly LinkPoint<unknown>[],
  signal: AbortSignal,
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
  };
  await runner.hold(() => protocol.create(plan), signal);
}

function groupPoints({ site, numbers }: LinksOptions): ReadonlyMap<string, readonly LinkPoint<unknown>[]> {
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

async function closeAll(
  running: readonly { readonly runner: LinkRunner; readonly done: Promise<void> }[],
  log: LinksLog,
): Promise<void> {
  const open = new Set(running.map(({ runner }) => runner.facts.key));
  const all = Promise.all(running.map(({ runner, done }) => done.then(() => open.delete(runner.facts.key))));
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_WITHIN_MS);
  });
  await Promise.race([all, tooLong]);
  clearTimeout(timer);
  if (open.size > 0) log.warn({ links: [...open] }, 'links did not close in time');
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
