import { type StatusCode, StatusCodes } from 'node-opcua';
import type { ReasonKey } from '../../../model/reason.ts';

const reasons: ReadonlyMap<number, ReasonKey> = new Map([
  [StatusCodes.BadNodeIdUnknown.value, 'unknown-node'],
  [StatusCodes.BadNodeIdInvalid.value, 'unknown-node'],
  [StatusCodes.BadAttributeIdInvalid.value, 'unknown-node'],
  [StatusCodes.BadNotReadable.value, 'access-denied'],
  [StatusCodes.BadUserAccessDenied.value, 'access-denied'],
]);

/** The low half of a status holds flags, e.g. of what else changed. */
const CODE = 0xffff0000;

/**
 * Why a node with this status is asked for less often than the others: asking again soon changes nothing. Undefined for
 * any other status, also a bad one: that is how the device is just now.
 */
export function lastingReason(status: { readonly value: number }): ReasonKey | undefined {
  return reasons.get((status.value & CODE) >>> 0);
}

const filterRefusals: ReadonlySet<StatusCode> = new Set<StatusCode>([
  StatusCodes.BadMonitoredItemFilterUnsupported,
  StatusCodes.BadMonitoredItemFilterInvalid,
  StatusCodes.BadFilterNotAllowed,
  StatusCodes.BadDeadbandFilterInvalid,
]);

/** Whether an item was refused for its deadband alone. */
export function refusesFilter(status: StatusCode): boolean {
  return filterRefusals.has(status);
}
