import { parseDuration } from '../../../model/duration.ts';
import type { ModbusAssetAddress, ModbusMapPoint } from '../schema.ts';

export const MIN_TIMEOUT_MS = 10;
export const MAX_TIMEOUT_MS = 60_000;
export const MIN_POLL_MS = 10;
export const MAX_POLL_MS = 86_400_000;

/** How a point is to be read, where its map or its asset wants it otherwise than the link has it. */
export interface Reading {
  /** Interval, ms of site time. */
  readonly pollMs?: number;
  /** How long the unit may take for an answer, ms of real time. */
  readonly timeoutMs?: number;
  /** Most that the unit gives at once. */
  readonly maxRegisters?: number;
  readonly maxBits?: number;
}

type Tell = (path: readonly (string | number)[], zh: string, en: string) => void;

/** What a map's point and its asset say of reading; undefined where they say nothing. Tells what cannot be. */
export function readingOf(map: ModbusMapPoint, asset: ModbusAssetAddress, problem: Tell): Reading | undefined {
  const { maxRegisters, maxBits } = asset;
  const pollMs = durationOf('poll', map.poll, MIN_POLL_MS, MAX_POLL_MS, problem);
  const timeoutMs = durationOf('timeout', asset.timeout, MIN_TIMEOUT_MS, MAX_TIMEOUT_MS, problem);
  if ([pollMs, timeoutMs, maxRegisters, maxBits].every((wish) => wish === undefined)) return undefined;
  return {
    ...(pollMs !== undefined && { pollMs }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(maxRegisters !== undefined && { maxRegisters }),
    ...(maxBits !== undefined && { maxBits }),
  };
}

function durationOf(
  key: string,
  text: string | undefined,
  minMs: number,
  maxMs: number,
  problem: Tell,
): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
  problem(
    [key],
    `${key} 应在 ${minMs}ms 到 ${maxMs}ms 之间，例如 10s`,
    `${key} must be from ${minMs}ms to ${maxMs}ms, such as 10s`,
  );
  return undefined;
}
