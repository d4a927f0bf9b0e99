import { type StatusCode, StatusCodes } from 'node-opcua';

/**
 * Statuses of a whole call that say nothing of what was asked for: session, channel or server are gone, and so is the
 * link. Everything else that a server answers may be the fault of one of the nodes.
 */
const lost: ReadonlySet<number> = new Set(
  [
    StatusCodes.BadSessionIdInvalid,
    StatusCodes.BadSessionClosed,
    StatusCodes.BadSessionNotActivated,
    StatusCodes.BadSecureChannelIdInvalid,
    StatusCodes.BadSecureChannelClosed,
    StatusCodes.BadConnectionClosed,
    StatusCodes.BadSubscriptionIdInvalid,
    StatusCodes.BadShutdown,
    StatusCodes.BadServerHalted,
    StatusCodes.BadTimeout,
    StatusCodes.BadRequestTimeout,
    StatusCodes.BadCommunicationError,
  ].map(({ value }) => value),
);

/** Statuses of a whole call that tell of the server: it can do no more just now, whatever is asked for. */
const ofServer: ReadonlySet<number> = new Set(
  [
    StatusCodes.BadServerTooBusy,
    StatusCodes.BadTcpServerTooBusy,
    StatusCodes.BadOutOfMemory,
    StatusCodes.BadResourceUnavailable,
  ].map(({ value }) => value),
);

/** Statuses of a session that is no more, or never came to be. */
const gone: ReadonlySet<number> = new Set(
  [StatusCodes.BadSessionIdInvalid, StatusCodes.BadSessionClosed, StatusCodes.BadSessionNotActivated].map(
    ({ value }) => value,
  ),
);

/** Statuses of a call in which there was too much. */
const tooMuch: ReadonlySet<number> = new Set(
  [
    StatusCodes.BadTooManyOperations,
    StatusCodes.BadEncodingLimitsExceeded,
    StatusCodes.BadRequestTooLarge,
    StatusCodes.BadResponseTooLarge,
    StatusCodes.BadTcpMessageTooLarge,
  ].map(({ value }) => value),
);

/** The status by which a server refused a whole call, as the library throws it; undefined for any other error. */
export function faultOf(error: unknown): StatusCode | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { response } = error as { readonly response?: { readonly responseHeader?: { serviceResult?: StatusCode } } };
  return response?.responseHeader?.serviceResult;
}

/** Whether a call that was refused with this status may succeed in other words: in parts, or without one of its nodes. */
export function mayBisect(status: StatusCode): boolean {
  return !lost.has(status.value);
}

/** Whether the server says that it can do no more just now: no fault of what it was asked for, and no call in parts helps. */
export function isOfServer(status: StatusCode): boolean {
  return ofServer.has(status.value);
}

/** Whether the server says that there was too much in one call. */
export function isTooMuch(status: StatusCode): boolean {
  return tooMuch.has(status.value);
}

/** Whether the server says that it does not have the session any more. */
export function isSessionGone(status: StatusCode): boolean {
  return gone.has(status.value);
}
