import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterLog } from '../../model/adapter.ts';
import type { HistoryHome, PointLookup } from '../../model/history.ts';
import type { Log } from '../../model/log.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { CountedHome } from './counted-home.ts';
import { openEmbeddedHistory } from './embedded.ts';
import { type ChangeSource, type HistoryFacts, startHistoryReader } from './history-reader.ts';
import { influxHistory } from './influx.ts';
import type { InfluxTarget } from './influx-target.ts';

/** Database where the address names none. */
const DEFAULT_DATABASE = 'lamplighter';

export interface HistoryOptions {
  readonly dataDir: string;
  /** `http://user:password@host:8086/database`; history is embedded in `dataDir` where undefined. */
  readonly influxUrl: string | undefined;
  readonly log: Log;
  readonly points: PointLookup;
  readonly changes: ChangeSource;
  readonly logger: AdapterLog;
}

/** History at work: it follows the log and the engine into its home, and answers from there. */
export interface History {
  readonly home: HistoryHome;
  facts(): HistoryFacts;
  /** Stops following and closes the home; the log and the changes must still be open. */
  close(): Promise<void>;
}

/**
 * Opens the home and starts to fill it. An InfluxDB that is away is no error. Rejects with a StorageError where the
 * embedded file cannot be used or `influxUrl` is no address.
 */
export async function openHistory(options: HistoryOptions): Promise<History> {
  const { dataDir, log, changes, logger } = options;
  const home = await openHome(options);
  try {
    const folder = join(dataDir, 'history');
    mkdirSync(folder, { recursive: true });
    const reader = await startHistoryReader({ log, changes, home, offsetFile: join(folder, 'offset.json'), logger });
    // A reader that ends is a bug; history then stays behind, which its facts show, and the alarms go on.
    reader.ended.catch((error: unknown) => logger.warn({ err: error }, 'history has stopped'));
    return {
      home,
      facts: () => reader.facts(),
      async close() {
        await reader.stop().catch(() => undefined);
        await home.close();
      },
    };
  } catch (error) {
    await home.close();
    throw error;
  }
}

async function openHome({ dataDir, influxUrl, points, logger }: HistoryOptions): Promise<CountedHome> {
  if (influxUrl === undefined) {
    return await openEmbeddedHistory({ dir: join(dataDir, 'history'), lookup: points, logger });
  }
  return influxHistory({ ...parseInfluxUrl(influxUrl), lookup: points });
}

/** Takes `http://user:password@host:8086/database` apart. Throws a StorageError, without the address in it. */
export function parseInfluxUrl(address: string): InfluxTarget {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const parts = url && decoded([url.username, url.password, url.pathname.replace(/^\/+|\/+$/g, '')]);
  if (url === undefined || parts === undefined || !/^https?:$/.test(url.protocol)) {
    throw new StorageError('unreadable', {
      zh: 'InfluxDB 地址有误，应形如 http://用户:密码@主机:8086/数据库',
      en: 'the address of InfluxDB must be like http://user:password@host:8086/database',
    });
  }
  const [username = '', password = '', database] = parts;
  return {
    url: url.origin,
    database: database || DEFAULT_DATABASE,
    ...(username === '' ? {} : { username, password }),
  };
}

/** Parts of an address with `%20` and the like replaced; undefined where one of them cannot be. */
function decoded(parts: readonly string[]): readonly string[] | undefined {
  try {
    return parts.map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
