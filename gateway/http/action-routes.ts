import type { FastifyBaseLogger, FastifyInstance, FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Action } from '../../model/log.ts';
import type { Text } from '../../model/text.ts';
import type { AlarmView } from '../../model/view.ts';
import { readAction } from './action-body.ts';
import { AcknowledgeBody, ActionBody, ActionReply, AlarmReply, ErrorReply } from './contract.ts';
import { errorReply, fail } from './errors.ts';

/** An action as it stands in the log; `workedIn` is false where the engine is too far behind to wait for. */
export interface ActionTaken {
  readonly logSeq: number;
  readonly workedIn: boolean;
}

export interface ActionsSource {
  /** An activation, open or over. */
  activation(activationId: string): AlarmView | undefined;
  /** Why the action cannot be taken at present; undefined where it can. */
  refusal(action: Action): Text | undefined;
  /** Puts the action into the log; rejects where it cannot be written. */
  act(action: Action): Promise<ActionTaken>;
}

/** What people do: every action by its body, and the two that an alarm's own address stands for. */
export function actionRoutes(app: FastifyInstance, source: ActionsSource): void {
  app.post(
    '/api/actions',
    {
      schema: { body: ActionBody, response: { 200: ActionReply, default: ErrorReply } },
      // The body is read by the handler: the framework would turn null into 0, and leave out what it does not expect.
      validatorCompiler: () => () => true,
    },
    async ({ body, log }, reply) => {
      const read = readAction(body);
      if (!read.ok) return fail(reply, 'bad-request', read.problem);
      const taken = await take(source, read.action, log, reply);
      return taken ? { logSeq: taken.logSeq } : reply;
    },
  );
  shorthand(app, source, 'ack', 'acknowledge');
  shorthand(app, source, 'reset', 'reset');
}

/** `POST /api/alarms/ID/WORD` with an optional `by`: answers the activation as it is then. */
function shorthand(app: FastifyInstance, source: ActionsSource, word: string, type: 'acknowledge' | 'reset'): void {
  app.post<{ Params: { activationId: string }; Body: { by?: string } | null }>(
    `/api/alarms/:activationId/${word}`,
    {
      schema: { body: Type.Union([AcknowledgeBody, Type.Null()]), response: { 200: AlarmReply, default: ErrorReply } },
    },
    async ({ params: { activationId }, body, log }, reply) => {
      if (!source.activation(activationId)) return fail(reply, 'unknown-alarm');
      const action = readAction({ type, activationId, ...body });
      if (!action.ok) return fail(reply, 'bad-request', action.problem);
      // Whoever acknowledges second is shown who was first; that is an answer, not a refusal.
      const taken = await take(source, action.action, log, reply, type === 'acknowledge');
      return taken ? source.activation(activationId) : reply;
    },
  );
}

/** Takes an action; undefined where it was not, and `reply` has been answered. */
async function take(
  source: ActionsSource,
  action: Action,
  log: FastifyBaseLogger,
  reply: FastifyReply,
  always = false,
): Promise<ActionTaken | undefined> {
  const refusal = always ? undefined : source.refusal(action);
  if (refusal !== undefined) {
    const { status, body } = errorReply('refused');
    reply.code(status).send({ ...body, text: refusal });
    return undefined;
  }
  try {
    const taken = await source.act(action);
    if (taken.workedIn) return taken;
    fail(reply, 'engine-behind');
  } catch (error) {
    log.error({ err: error, type: action.type }, 'an action could not be recorded');
    fail(reply, 'log-failed');
  }
  return undefined;
}
