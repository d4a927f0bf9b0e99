import { Type } from 'typebox';

/** Epoch ms of the earliest and the latest moment that a date can hold (ECMA-262, time values). */
export const MAX_TIME_MS = 8.64e15;

/** A moment in a query: epoch ms, whole, within what dates can hold; `absent` says what holds without it. */
export function TimeQuery(absent: string) {
  return Type.Optional(
    Type.Integer({ minimum: -MAX_TIME_MS, maximum: MAX_TIME_MS, description: `epoch ms; ${absent}` }),
  );
}
