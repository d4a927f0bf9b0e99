import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { SamplePage } from '../../model/history.ts';
import type { PointInfo, PointNumber } from '../../model/point.ts';
import { openDatabaseForReading } from '../storage/open-database.ts';
import type { PointColumns } from './column-block.ts';
import { EmbeddedReader } from './embedded-reader.ts';
import { HOUR_MS } from './embedded-rows.ts';
import { HISTORY_FILE, historyMigrations } from './embedded-schema.ts';
import type { AskedPage } from './history-buckets.ts';

/** The embedded history, read while a gateway may be writing it. */
export interface StoredHistory {
  /**
   * Every sample of these points with a source time in [fromMs, toMs), each point's in order; points without one are
   * left out. Span of an hour at most, since all of it is in memory.
   */
  samples(points: Iterable<PointNumber>, fromMs: number, toMs: number): Map<PointNumber, PointColumns>;
  /** A page of a point's samples, of any span; as `HistoryQueries.samples` of a running gateway gives it. */
  page(point: Pick<PointInfo, 'number' | 'key'>, fromMs: number, toMs: number, page: AskedPage): SamplePage;
  close(): void;
}

/** Opens the embedded history of a data folder for reading only; undefined where there is none. Throws a StorageError. */
export function openHistoryForReading(dataDir: string): StoredHistory | undefined {
  const path = join(dataDir, 'history', HISTORY_FILE);
  if (!existsSync(path)) return undefined;
  const reader = new EmbeddedReader(openDatabaseForReading(path, historyMigrations));
  return {
    samples(points, fromMs, toMs) {
      if (toMs - fromMs > HOUR_MS) throw new RangeError('history is read an hour at a time');
      const found = new Map<PointNumber, PointColumns>();
      for (const point of points) {
        const columns = reader.columns(point, fromMs, toMs);
        if (columns.ms.length > 0) found.set(point, columns);
      }
      return found;
    },
    page: (point, fromMs, toMs, page) => reader.samples(point, fromMs, toMs, page),
    close: () => reader.close(),
  };
}
