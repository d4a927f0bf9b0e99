import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterLog } from '../../model/adapter.ts';
import type { HistoryHome, PointLookup } from '../../model/history.ts';
import type { Leap } from '../../model/leaps.ts';
import type { Log } from '../../model/log.ts';
import type { CountedHome } from './counted-home.ts';
import { openEmbeddedHistory } from './embedded.ts';
import { type ChangeSource, type HistoryFacts, startHistoryReader } from './history-reader.ts';
import { influxHistory } from './influx.ts';
import { influxAccess, parseInfluxUrl } from './influx-access.ts';
import { RAW_DURATION } from './influx-setup.ts';

export interface HistoryOptions {
  readonly dataDir: string;
  /** `http://user:password@host:8086/database`; history is embedded in `dataDir` where undefined. */
  readonly influxUrl: string | undefined;
  /** Where {@link influxAccess} looks for credentials; none are if absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The site's clock is made up; it is the machine's if absent. */
  readonly simulated?: boolean;
  /** When the clock leapt ahead; the embedded home removes nothing for the age that this gives it. Never if absent. */
  readonly leaps?: () => readonly Leap[];
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
  const { dataDir, log, points, changes, logger } = options;
  const home = await openHome(options);
  try {
    const folder = join(dataDir, 'history');
    mkdirSync(folder, { recursive: true });
    const reader = await startHistoryReader({
      log,
      points,
      changes,
      home,
      offsetFile: join(folder, 'offset.json'),
      logger,
    });
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

async function openHome({
  dataDir,
  influxUrl,
  env = {},
  simulated = false,
  points,
  leaps,
  logger,
}: HistoryOptions): Promise<CountedHome> {
  const folder = join(dataDir, 'history');
  if (influxUrl === undefined)
    return await openEmbeddedHistory({ dir: folder, lookup: points, ...(leaps && { leaps }), logger });
  const target = { ...parseInfluxUrl(influxUrl), ...influxAccess(env) };
  return influxHistory({
    ...target,
    lookup: points,
    // InfluxDB goes by its own clock: what a simulated site says of another year would be too old at once.
    ...(!simulated && { rawDuration: RAW_DURATION }),
    deadLetterDir: join(folder, 'dead-letters'),
    logger,
  });
}
