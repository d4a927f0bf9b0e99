const GIB = 1024 ** 3;
const DAY_MS = 24 * 60 * 60 * 1000;

/** How much of the log is kept, and where. Ages are of log time, so that they hold for a simulated clock, too. */
export interface LogBounds {
  /** Bytes of the log's own file; what goes beyond moves to the archive, oldest first. */
  readonly logBytes: number;
  /** Age, ms, from which records move to the archive, however much room there is. */
  readonly logAgeMs: number;
  /** Bytes of the archive; beyond them its oldest segments are removed. */
  readonly archiveBytes: number;
  /** Age, ms, from which segments of the archive are removed. */
  readonly archiveAgeMs: number;
  /** Bytes of records, before compression, of one segment. */
  readonly segmentBytes: number;
}

/** The archive is kept for 13 months of 31 days at most, so that a month can be compared with that of the year before. */
export const DEFAULT_LOG_BOUNDS: LogBounds = {
  logBytes: 4 * GIB,
  logAgeMs: 7 * DAY_MS,
  archiveBytes: 32 * GIB,
  archiveAgeMs: 13 * 31 * DAY_MS,
  segmentBytes: 16 * 1024 * 1024,
};
