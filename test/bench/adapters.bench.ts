import type { Figure, Measurement } from '../support/measurement.ts';
import { measureDeadUnit } from './dead-unit.ts';
import { measureModbus } from './modbus-polling.ts';

/**
 * How fast adapters read: Modbus, beside the bare library on the same device in the same run; and how well living units
 * keep their interval beside a dead one. Arguments name the parts to measure: `speed`, `dead-unit`; both if there are none.
 */
export const run: Measurement = async (measuring): Promise<readonly Figure[]> => {
  const wanted = (part: string) => measuring.args.length === 0 || measuring.args.includes(part);
  const speed = wanted('speed') ? await measureModbus(measuring) : [];
  if (!wanted('dead-unit') || measuring.signal.aborted) return speed;
  measuring.progress('modbus: a dead unit among 20, 200 of 247');
  return [...speed, ...(await measureDeadUnit(measuring.signal))];
};
