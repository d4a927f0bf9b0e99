import { setTimeout as delay } from 'node:timers/promises';
import { garbageCollector } from './garbage-collector.ts';
import { HeldOpcuaLink, isWhole } from './opcua-held-link.ts';
import { OpcuaServerProcess } from './opcua-server-process.ts';
import { seededRandom } from './recorded-site.ts';
import { until } from './until.ts';

/** Real ms after which all must be well again, and for what is left to be gone at the end. */
const WHOLE_WITHIN_MS = 30_000;
const GONE_WITHIN_MS = 5_000;
/** How often all values of the server change, and its session time-out is not waited for: real ms. */
const CHANGE_EVERY_MS = 500;
/** Real ms between a start and the next fault, at most, where nobody waits until all is well. */
const HASTY_MS = 800;
/** Real ms of a frozen server, at most, where it is frozen for a moment, and where it is for longer than a request may take. */
const SHORT_FREEZE_MS = 1_000;
const LONG_FREEZE_MS = 4_500;
/** Shares of what happens to the server. */
const KILLED_SHARE = 0.6;
const FROZEN_SHARE = 0.15;
const LONG_FREEZE_SHARE = 0.2;
const HASTY_SHARE = 0.2;
/** Looks at the memory over the whole run. */
const LOOKS = 30;

export interface RestartsPlan {
  readonly restarts: number;
  readonly items: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly progress?: (line: string) => void;
}

/** What was found. Memory is of the process that holds the link, after collection; each a mean over a third of the run. */
export interface RestartsReport {
  readonly killed: number;
  readonly shutDown: number;
  readonly frozen: number;
  readonly frozenLong: number;
  /** Restarts of which the next fault did not wait until all was well. */
  readonly hasty: number;
  /** Times at which the server was asked for its items and had all of them, once. */
  readonly whole: number;
  /** Real ms from a start of the server until it had all items, and each had told something. */
  readonly medianBackMs: number;
  readonly worstBackMs: number;
  readonly heapMb: { readonly first: number; readonly last: number };
  readonly rssMb: { readonly first: number; readonly last: number };
  /** What the server had of us after the end. */
  readonly left: { readonly sessions: number; readonly subscriptions: number; readonly items: number };
}

/**
 * Kills, shuts down and freezes a server at random moments, and starts it again, under a link that watches all its items.
 * Throws where the server does not have each item exactly once again, in one session, or one of them stays silent.
 */
export async function restartOpcuaServer(plan: RestartsPlan): Promise<RestartsReport> {
  const { items, restarts, seed, progress = () => undefined } = plan;
  const server = await OpcuaServerProcess.start({ items, changeEveryMs: CHANGE_EVERY_MS, maxSessions: 1 });
  const link = new HeldOpcuaLink(server.endpoint, items, { refresh: '5s' }, 1);
  const random = seededRandom(seed);
  const tally = { killed: 0, shutDown: 0, frozen: 0, frozenLong: 0, hasty: 0, whole: 0 };
  const memory = new MemoryWatch();
  const backMs: number[] = [];
  const whole = async (what: string, sinceMs: number) => {
    await wholeAgain(link, server, items, sinceMs).catch(async (error: Error) => {
      const counts = JSON.stringify(await server.counts().catch(String));
      throw new Error(`seed ${seed}, ${what}: ${error.message}; ${counts}; ${link.endings.slice(-5).join(' | ')}`);
    });
    tally.whole += 1;
  };
  const prepare = () => {
    const prepared = server.prepare();
    // At the end it is stopped while it loads, and nobody waits for it.
    prepared.catch(() => undefined);
    return prepared;
  };
  let next = prepare();
  try {
    await whole('at the start', 0);
    for (let n = 1; n <= restarts && !plan.signal?.aborted; n += 1) {
      await next;
      if (random() < FROZEN_SHARE) {
        const isLong = random() < LONG_FREEZE_SHARE;
        tally[isLong ? 'frozenLong' : 'frozen'] += 1;
        await freeze(server, isLong ? LONG_FREEZE_MS : Math.round(random() * SHORT_FREEZE_MS));
        if (random() < 0.5) await whole(`freeze before restart ${n}`, Date.now());
      }
      if (random() < KILLED_SHARE) {
        tally.killed += 1;
        await server.kill();
      } else {
        tally.shutDown += 1;
        await server.shutDown();
      }
      const startMs = Date.now();
      await server.start();
      // Loaded while the link comes back: a restart of nothing but a tenth of a second is what takes it by surprise.
      next = prepare();
      if (n < restarts && random() < HASTY_SHARE) {
        tally.hasty += 1;
        await delay(Math.round(random() * HASTY_MS));
      } else {
        await whole(`restart ${n}`, startMs);
        backMs.push(Date.now() - startMs);
      }
      if (n % Math.max(1, Math.floor(restarts / LOOKS)) === 0) {
        memory.look();
        progress(`${n} restarts: ${JSON.stringify(tally)}, ${memory.newest}`);
      }
    }
    if (link.bugs.length > 0) throw link.bugs[0];
    await link.end();
    const gone = async () => {
      const { sessions, subscriptions, items: left } = await server.counts();
      return sessions + subscriptions + left === 0 && { sessions, subscriptions, items: left };
    };
    const left = await until('nothing of ours is left on the server', GONE_WITHIN_MS, gone);
    backMs.sort((a, b) => a - b);
    return {
      ...tally,
      medianBackMs: backMs[Math.floor(backMs.length / 2)] ?? 0,
      worstBackMs: backMs.at(-1) ?? 0,
      ...memory.thirds(),
      left,
    };
  } finally {
    await link.end();
    await server.stop();
  }
}

async function freeze(server: OpcuaServerProcess, forMs: number): Promise<void> {
  server.freeze();
  await delay(forMs);
  server.thaw();
}

/** All items are on the server exactly once, in one session, and each has told something since they are. */
async function wholeAgain(
  link: HeldOpcuaLink,
  server: OpcuaServerProcess,
  items: number,
  sinceMs: number,
): Promise<void> {
  await until('the server has all items once', WHOLE_WITHIN_MS, () => isWhole(link, server, items));
  await until('every item tells', WHOLE_WITHIN_MS, () => link.liveSince(sinceMs) === items);
}

interface Look {
  readonly heapMb: number;
  readonly rssMb: number;
}

class MemoryWatch {
  readonly #collect = garbageCollector();
  readonly #looks: Look[] = [];

  look(): void {
    this.#collect();
    const { heapUsed, rss } = process.memoryUsage();
    this.#looks.push({ heapMb: heapUsed / 2 ** 20, rssMb: rss / 2 ** 20 });
  }

  get newest(): string {
    const { heapMb = 0, rssMb = 0 } = this.#looks.at(-1) ?? {};
    return `heap ${heapMb.toFixed(1)} MB, RSS ${rssMb.toFixed(0)} MB`;
  }

  thirds(): Pick<RestartsReport, 'heapMb' | 'rssMb'> {
    const third = Math.max(1, Math.floor(this.#looks.length / 3));
    const mean = (of: 'heapMb' | 'rssMb', looks: readonly Look[]) =>
      looks.reduce((sum, look) => sum + look[of], 0) / Math.max(1, looks.length);
    const both = (of: 'heapMb' | 'rssMb') => ({
      first: mean(of, this.#looks.slice(0, third)),
      last: mean(of, this.#looks.slice(-third)),
    });
    return { heapMb: both('heapMb'), rssMb: both('rssMb') };
  }
}
