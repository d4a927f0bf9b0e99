import { parseDuration } from '../../../model/duration.ts';
import { DEFAULT_POLL_MS, DEFAULT_QUEUE, type OpcuaAddress, type OpcuaSettings } from '../schema.ts';

/** Real ms between two looks of the server at a node, where neither map nor site file says. */
const DEFAULT_SAMPLING_MS = 500;
/** Site ms between two reads of a node that is polled, at the least: what is read is asked for with a request each time. */
const LEAST_POLL_MS = 100;

/** How far a value must change to be notified; `absolute` in the node's own unit, `percent` of its EURange. */
export interface Deadband {
  readonly type: 'absolute' | 'percent';
  readonly value: number;
}

/** What a server is asked for a node's item, and how often the node is read where there is none. */
export interface ItemRequest {
  readonly samplingMs: number;
  readonly queueSize: number;
  readonly deadband: Deadband | null;
  readonly pollMs: number;
}

/** What is wanted of a point's node: what its map says, else what the link's settings say, else the defaults. */
export function itemRequestOf(kind: string, address: OpcuaAddress, settings: OpcuaSettings): ItemRequest {
  const samplingMs = parseDuration(address.sampling ?? settings.sampling ?? '');
  return {
    samplingMs: samplingMs ?? DEFAULT_SAMPLING_MS,
    queueSize: address.queue ?? settings.queue ?? DEFAULT_QUEUE,
    deadband: kind === 'double' && address.member === undefined ? deadbandOf(address, settings) : null,
    pollMs: Math.max(LEAST_POLL_MS, samplingMs ?? DEFAULT_POLL_MS),
  };
}

function deadbandOf({ deadband, deadbandPercent, scale = 1 }: OpcuaAddress, settings: OpcuaSettings): Deadband | null {
  if (deadband !== undefined) {
    return deadband === 0 || scale === 0 ? null : { type: 'absolute', value: deadband / Math.abs(scale) };
  }
  const percent = deadbandPercent ?? settings.deadbandPercent ?? 0;
  return percent === 0 ? null : { type: 'percent', value: percent };
}
