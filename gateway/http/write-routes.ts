import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { PointValue } from '../../model/point.ts';
import type { Text } from '../../model/text.ts';
import { ErrorReply, WRITE_TOKEN_HEADER, WriteBody, WriteReply } from './contract.ts';
import { errorReply, fail } from './errors.ts';
import { sameSecret } from './same-secret.ts';

export interface WritesSource {
  /** What a request must show to be allowed to write; undefined: nobody may. */
  readonly token: string | undefined;
  write(wanted: {
    readonly asset: string;
    readonly point: string;
    readonly value: PointValue;
    readonly by: string;
    readonly reason: string;
  }): Promise<
    | { readonly kind: 'unknown-point' | 'too-many' | 'log-failed' }
    | { readonly kind: 'refused' | 'failed'; readonly why: Text }
    | {
        readonly kind: 'done';
        readonly logSeq: number;
        readonly before: PointValue | null;
        readonly after: PointValue | null;
      }
  >;
}

/** `POST /api/points/ASSET/POINT/write`: a value to a controller, for whoever has the write token as well. */
export function writeRoutes(app: FastifyInstance, source: WritesSource): void {
  app.post<{ Params: { asset: string; point: string } }>(
    '/api/points/:asset/:point/write',
    {
      schema: {
        params: Type.Object({ asset: Type.String(), point: Type.String() }),
        body: WriteBody,
        response: { 200: WriteReply, default: ErrorReply },
      },
      // The body is read by the handler: the framework would turn null into 0, and "" into false.
      validatorCompiler: () => () => true,
    },
    async ({ params, body, headers }, reply) => {
      if (source.token === undefined) return fail(reply, 'writing-off');
      const given = headers[WRITE_TOKEN_HEADER];
      if (typeof given !== 'string' || !sameSecret(given, source.token)) return fail(reply, 'write-token-needed');
      const [mistake] = Value.Errors(WriteBody, body);
      if (mistake !== undefined) return fail(reply, 'bad-request', `body${mistake.instancePath} ${mistake.message}`);
      const { value, by, reason } = body as WriteBody;
      const wanted = { ...params, value: typeof value === 'boolean' ? Number(value) : value, by, reason };
      const answer = await source.write(wanted);
      switch (answer.kind) {
        case 'done':
          return { logSeq: answer.logSeq, before: answer.before, after: answer.after };
        case 'refused':
        case 'failed': {
          const { status, body: error } = errorReply(answer.kind === 'refused' ? 'refused' : 'write-failed');
          return reply.code(status).send({ ...error, text: answer.why });
        }
        case 'too-many':
          return fail(reply, 'too-many-writes');
        default:
          return fail(reply, answer.kind);
      }
    },
  );
}
