import type { Action } from '../model/log.ts';
import type { Text } from '../model/text.ts';
import type { EngineState } from './state.ts';

/** Why an action cannot be taken at `nowMs`; undefined where it can. The engine leaves out what is refused. */
export function refusalOf(_state: EngineState, _action: Action, _nowMs: number): Text | undefined {
  return undefined;
}
