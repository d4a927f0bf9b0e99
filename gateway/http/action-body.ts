import { Value } from 'typebox/value';
import type { Action } from '../../model/log.ts';
import { ActionBody } from './contract.ts';

/** Who acted where the body does not say. */
const NOBODY_IN_PARTICULAR = 'operator';

/** What was asked for, or what is wrong with the asking. */
export type ReadAction =
  | { readonly ok: true; readonly action: Action }
  | { readonly ok: false; readonly problem: string };

const kinds = new Map(ActionBody.anyOf.map((schema) => [schema.properties.type.const as string, schema]));

/**
 * Reads the body of an action as it is: nothing in it is converted or left out, since null and 0 are not the same end of
 * a shelving. The kind decides what else may stand there, so that a mistake is told of that kind.
 */
export function readAction(body: unknown): ReadAction {
  const type = typeof body === 'object' && body !== null && 'type' in body ? body.type : undefined;
  const schema = typeof type === 'string' ? kinds.get(type) : undefined;
  if (schema === undefined) return { ok: false, problem: `body/type must be one of ${[...kinds.keys()].join(', ')}` };
  const [mistake] = Value.Errors(schema, body);
  if (mistake !== undefined) return { ok: false, problem: `body${mistake.instancePath} ${mistake.message}` };
  const sound = body as ActionBody;
  return { ok: true, action: { ...sound, by: sound.by ?? NOBODY_IN_PARTICULAR } };
}
