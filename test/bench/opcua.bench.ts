import type { Measurement } from '../support/measurement.ts';
import { measureNotifications } from './opcua-notifications.ts';

/** What a server notifies, made into samples, beside the bare library: throughput, processor and memory. */
export const run: Measurement = measureNotifications;
