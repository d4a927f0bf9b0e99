import type { Figure, Measurement } from '../support/measurement.ts';
import { measureModbus } from './modbus-polling.ts';

/** How fast adapters read: Modbus, beside the bare library on the same device in the same run. */
export const run: Measurement = async (measuring): Promise<readonly Figure[]> => measureModbus(measuring);
