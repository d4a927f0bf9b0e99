import type { FastifyInstance } from 'fastify';
import type { Text } from '../../model/text.ts';
import { ErrorReply, ReloadReply, SiteRefusedReply, SiteReply } from './contract.ts';
import { errorReply } from './errors.ts';

/** What whoever asked for a reload is answered. */
export type ReloadAnswer =
  | { readonly outcome: 'done'; readonly reply: ReloadReply }
  | { readonly outcome: 'refused'; readonly problems: SiteRefusedReply['problems'] }
  | { readonly outcome: 'failed'; readonly text: Text };

export interface SiteSource {
  site(): SiteReply;
  /** Reads the site file again; resolves when that is over, whatever the outcome. */
  reload(): Promise<ReloadAnswer>;
}

/** The site that is shown, and reading its file again. */
export function siteRoutes(app: FastifyInstance, { site, reload }: SiteSource): void {
  app.get('/api/site', { schema: { response: { 200: SiteReply } } }, () => site());
  app.post(
    '/api/site/reload',
    { schema: { response: { 200: ReloadReply, 422: SiteRefusedReply, default: ErrorReply } } },
    async (_request, reply) => {
      const answer = await reload();
      if (answer.outcome === 'done') return answer.reply;
      if (answer.outcome === 'refused') {
        const { status, body } = errorReply('site-refused');
        return reply.code(status).send({ ...body, problems: answer.problems });
      }
      const { status, body } = errorReply('reload-failed');
      const text = { zh: `${body.text.zh}：${answer.text.zh}`, en: `${body.text.en}: ${answer.text.en}` };
      return reply.code(status).send({ ...body, text });
    },
  );
}
