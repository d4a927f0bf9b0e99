import { SetupRefused } from '../../model/adapter.ts';
import { parseDuration } from '../../model/duration.ts';
import { MAX_BITS, MAX_REGISTERS } from './polling/plan.ts';
import { MAX_POLL_MS, MAX_TIMEOUT_MS, MIN_POLL_MS, MIN_TIMEOUT_MS } from './polling/reading.ts';
import { DEFAULT_POLL, ENDPOINT_TEXT, type ModbusSettings } from './schema.ts';
import { type Endpoint, readEndpoint } from './transport/endpoint.ts';

const DEFAULT_TIMEOUT = '1s';

/** A link's settings as the polling works with them. */
export interface LinkSettings {
  readonly endpoint: Endpoint;
  /** How long a request waits for its answer, real time, where the unit has no time-out of its own. */
  readonly timeoutMs: number;
  /** Interval of the points that have none of their own, site time. */
  readonly pollMs: number;
  /** Most that the devices give at once. */
  readonly maxRegisters: number;
  readonly maxBits: number;
}

/** Reads what the site file has, with `${ENV}` replaced. Throws SetupRefused where it cannot work. */
export function readLinkSettings(settings: ModbusSettings): LinkSettings {
  const endpoint = readEndpoint(settings);
  if (endpoint === undefined) {
    throw new SetupRefused({ zh: `endpoint 应为 ${ENDPOINT_TEXT.zh}`, en: `endpoint must be ${ENDPOINT_TEXT.en}` });
  }
  return {
    endpoint,
    timeoutMs: readDuration('timeout', settings.timeout ?? DEFAULT_TIMEOUT, MIN_TIMEOUT_MS, MAX_TIMEOUT_MS),
    pollMs: readDuration('poll', settings.poll ?? DEFAULT_POLL, MIN_POLL_MS, MAX_POLL_MS),
    maxRegisters: settings.maxRegisters ?? MAX_REGISTERS,
    maxBits: settings.maxBits ?? MAX_BITS,
  };
}

function readDuration(name: string, text: string, minMs: number, maxMs: number): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < minMs || ms > maxMs) {
    throw new SetupRefused({
      zh: `${name} 应为 ${minMs}ms 到 ${maxMs}ms 之间的时长，例如 1s`,
      en: `${name} must be a duration from ${minMs}ms to ${maxMs}ms, such as 1s`,
    });
  }
  return ms;
}
