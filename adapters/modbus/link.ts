import type { Emit, LinkPlan, Wire } from '../../model/adapter.ts';
import type { ModbusAddress } from './address.ts';
import { readLinkSettings } from './link-settings.ts';
import type { KnownUnits } from './polling/known-units.ts';
import { Line } from './polling/line.ts';
import { Poller } from './polling/poller.ts';
import type { ToldChanges } from './polling/told-changes.ts';
import type { ModbusSettings } from './schema.ts';

/** What outlives the runs of a link: what was told of it, and what is known of its units. */
export interface Lasting {
  readonly told: ToldChanges;
  readonly known: KnownUnits;
}

/** Holds a Modbus link; see `Adapter.run`. `hold` is told the line while there is one. */
export async function runModbusLink(
  plan: LinkPlan<ModbusSettings, ModbusAddress>,
  emit: Emit,
  signal: AbortSignal,
  up: () => void,
  hold: (line: Line | undefined) => void,
  lasting: Lasting,
): Promise<void> {
  const settings = readLinkSettings(plan.settings);
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) stop.abort();
  let line: Line | undefined;
  try {
    line = await Line.open({ ...settings, wire: plan.wire }, stop.signal);
    hold(line);
    await new Poller(plan, { settings, line, emit, stop, up, ...lasting }).run();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    hold(undefined);
    await line?.close();
  }
}

/** A line besides the link's own, for what a person asks while the link holds none. Rejects as `Line.open` does. */
export function openPersonsLine(settings: ModbusSettings, wire: Wire, signal: AbortSignal): Promise<Line> {
  return Line.open({ ...readLinkSettings(settings), wire }, signal);
}
