import { CommandFailed } from './exit.ts';
import { DEFAULT_LOG_BOUNDS, type LogBounds } from './log/log-bounds.ts';

const GIB = 1024 ** 3;
const DAY_MS = 24 * 60 * 60 * 1000;
/** GiB and days that make no sense below. */
const MIN_SIZE = 0.001;
/** Segments that the log's file holds at least, so that what moves is a small part of it. */
const MIN_SEGMENTS = 8;

/**
 * How much of the log this box keeps, from its environment: LAMPLIGHTER_LOG_GIB, LAMPLIGHTER_LOG_DAYS,
 * LAMPLIGHTER_ARCHIVE_GIB, LAMPLIGHTER_ARCHIVE_DAYS. Not part of the site file, since it is about the box's disk. Throws
 * a CommandFailed where one is no number.
 */
export function logBounds(env: NodeJS.ProcessEnv): LogBounds {
  const size = (name: string, unit: number, byDefault: number) => {
    const text = env[name];
    if (!text) return byDefault;
    const value = Number(text);
    if (Number.isFinite(value) && value >= MIN_SIZE) return value * unit;
    throw new CommandFailed({
      zh: `${name} 有误：${text}，应为不小于 ${MIN_SIZE} 的数`,
      en: `not a value for ${name}: ${text}; it takes a number of at least ${MIN_SIZE}`,
    });
  };
  const logBytes = size('LAMPLIGHTER_LOG_GIB', GIB, DEFAULT_LOG_BOUNDS.logBytes);
  return {
    logBytes,
    logAgeMs: size('LAMPLIGHTER_LOG_DAYS', DAY_MS, DEFAULT_LOG_BOUNDS.logAgeMs),
    archiveBytes: size('LAMPLIGHTER_ARCHIVE_GIB', GIB, DEFAULT_LOG_BOUNDS.archiveBytes),
    archiveAgeMs: size('LAMPLIGHTER_ARCHIVE_DAYS', DAY_MS, DEFAULT_LOG_BOUNDS.archiveAgeMs),
    segmentBytes: Math.min(DEFAULT_LOG_BOUNDS.segmentBytes, logBytes / MIN_SEGMENTS),
  };
}
