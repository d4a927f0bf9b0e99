import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import {
  type HistoryQueries,
  MAX_HISTORY_BUCKETS,
  MAX_HISTORY_POINTS,
  MAX_PAGE_SAMPLES,
  type SamplePage,
  type SamplePlace,
} from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';
import { type CsvForm, type CsvPoint, csvHead, csvRows } from '../../model/sample-csv.ts';
import { stampFormat } from '../../model/stamp-format.ts';
import { ErrorReply, HistoryReply, SamplesReply, TimelineReply } from './contract.ts';
import { fail } from './errors.ts';
import { MAX_TIME_MS, TimeQuery } from './time-query.ts';

/** Real ms that a question to the history store, or one page of an export, may take. */
const HISTORY_TIMEOUT_MS = 15_000;
/** What of history is answered where no range is asked for, ms. */
const DEFAULT_RANGE_MS = 3_600_000;
const DEFAULT_BUCKETS = 300;
const DEFAULT_PIXELS = 1000;
const DEFAULT_PAGE_SAMPLES = 1000;
/** Exports at a time; each may go on for as long as its reader takes. */
const MAX_EXPORTS = 4;

export interface HistoryRouteOptions {
  readonly history: HistoryQueries;
  readonly pointInfo: (key: string) => PointInfo | undefined;
  /** What a point's values are called, by value or bit. */
  readonly pointStates: (key: string) => CsvPoint['states'];
  /** Site time and IANA zone. */
  readonly site: () => { readonly nowMs: number; readonly timeZone: string };
}

const Span = {
  from: TimeQuery('an hour before `to` if absent'),
  to: TimeQuery('now if absent'),
};
const PointKeys = Type.Array(Type.String({ maxLength: 300 }), {
  minItems: 1,
  maxItems: MAX_HISTORY_POINTS,
  description: 'repeated for several points',
});
const Buckets = Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_HISTORY_BUCKETS }));
const Place = Type.String({ pattern: '^-?[0-9]{1,16}\\.[0-9]{1,16}$', description: '`next` of the page before' });

interface SpanQuery {
  readonly from?: number;
  readonly to?: number;
}

/** What history is asked: charts, raw samples, states, and all of it as a file. */
export function historyRoutes(app: FastifyInstance, options: HistoryRouteOptions): void {
  const { history } = options;
  app.get<{ Querystring: SpanQuery & { point: string; buckets?: number } }>(
    '/api/history',
    {
      schema: {
        querystring: Type.Object({ point: Type.String(), ...Span, buckets: Buckets }),
        response: { 200: HistoryReply, default: ErrorReply },
      },
    },
    (request, reply) => {
      const { point, buckets = DEFAULT_BUCKETS } = request.query;
      return answer(options, request, reply, [point], async ([info], fromMs, toMs, signal) =>
        history.series(info as PointInfo, fromMs, toMs, buckets, signal),
      );
    },
  );
  app.get<{ Querystring: SpanQuery & { point: string[]; buckets?: number } }>(
    '/api/history/chart',
    {
      schema: {
        querystring: Type.Object({ point: PointKeys, ...Span, buckets: Buckets }),
        response: { 200: Type.Array(HistoryReply), default: ErrorReply },
      },
    },
    (request, reply) => {
      const { point, buckets = DEFAULT_BUCKETS } = request.query;
      return answer(options, request, reply, point, (points, fromMs, toMs, signal) =>
        history.chart(points, fromMs, toMs, buckets, signal),
      );
    },
  );
  app.get<{ Querystring: SpanQuery & { point: string[]; pixels?: number } }>(
    '/api/history/states',
    {
      schema: {
        querystring: Type.Object({ point: PointKeys, ...Span, pixels: Buckets }),
        response: { 200: Type.Array(TimelineReply), default: ErrorReply },
      },
    },
    (request, reply) => {
      const { point, pixels = DEFAULT_PIXELS } = request.query;
      return answer(options, request, reply, point, (points, fromMs, toMs, signal) =>
        history.states(points, fromMs, toMs, pixels, signal),
      );
    },
  );
  sampleRoute(app, options);
  csvRoute(app, options);
}

function sampleRoute(app: FastifyInstance, options: HistoryRouteOptions): void {
  app.get<{ Querystring: SpanQuery & { point: string; limit?: number; after?: string } }>(
    '/api/history/samples',
    {
      schema: {
        querystring: Type.Object({
          point: Type.String(),
          ...Span,
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE_SAMPLES })),
          after: Type.Optional(Place),
        }),
        response: { 200: SamplesReply, default: ErrorReply },
      },
    },
    (request, reply) => {
      const { point, limit = DEFAULT_PAGE_SAMPLES, after } = request.query;
      const page = { limit, after: after === undefined ? undefined : placeOf(after) };
      return answer(options, request, reply, [point], async ([info], fromMs, toMs, signal) =>
        samplesReply(await options.history.samples(info as PointInfo, fromMs, toMs, page, signal)),
      );
    },
  );
}

function csvRoute(app: FastifyInstance, { history, pointInfo, pointStates, site }: HistoryRouteOptions): void {
  let running = 0;
  app.get<{ Querystring: SpanQuery & { point: string[]; lang?: 'zh' | 'en' } }>(
    '/api/history.csv',
    {
      schema: {
        querystring: Type.Object({
          point: PointKeys,
          ...Span,
          lang: Type.Optional(Type.Enum(['zh', 'en'], { description: 'of heads, qualities and states; zh if absent' })),
        }),
      },
      // A HEAD would make a file that nobody reads.
      exposeHeadRoute: false,
    },
    (request, reply) => {
      const { query, log } = request;
      const { nowMs, timeZone } = site();
      const points = knownPoints(pointInfo, query.point);
      if (typeof points === 'string') return fail(reply, 'unknown-point', points);
      const span = spanOf(query, nowMs);
      if (span === undefined) return fail(reply, 'bad-range');
      if (running >= MAX_EXPORTS) return fail(reply, 'too-many-exports');
      running++;
      const gone = goneSignal(reply);
      const form = { language: query.lang ?? 'zh', stamp: stampFormat(timeZone), spreadsheet: true };
      const named = points.map((point) => ({ point, states: pointStates(point.key) }));
      const lines = csvPieces(named, form, (point, after) => {
        const signal = AbortSignal.any([gone, AbortSignal.timeout(HISTORY_TIMEOUT_MS)]);
        return history.samples(point, span.fromMs, span.toMs, { after, limit: MAX_PAGE_SAMPLES }, signal);
      });
      const stream = Readable.from(lines);
      stream.once('close', () => {
        running--;
      });
      // What is sent cannot be taken back: the reader sees a file that ends without its end.
      stream.once('error', (error) => {
        if (!gone.aborted) log.warn({ err: error }, 'history store did not answer within an export');
      });
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', 'attachment; filename="history.csv"')
        .header('cache-control', 'no-store')
        .send(stream);
    },
  );
}

/**
 * The file of an export piece by piece, in memory bounded by one page: head, then point after point, each in order of time.
 */
async function* csvPieces(
  points: readonly { readonly point: PointInfo; readonly states: CsvPoint['states'] }[],
  form: CsvForm,
  pageOf: (point: PointInfo, after: SamplePlace | undefined) => Promise<SamplePage>,
): AsyncGenerator<string, void> {
  yield csvHead(form);
  for (const { point, states } of points) {
    const named = { asset: point.asset, point: point.point, unit: point.unit, kind: point.kind, states };
    let after: SamplePlace | undefined;
    do {
      const page = await pageOf(point, after);
      if (page.ms.length > 0) yield csvRows(named, page, form);
      after = page.next ?? undefined;
    } while (after !== undefined);
  }
}

/** Answers a question about points and a span, or says what is wrong with it, or that the store does not answer. */
async function answer<T>(
  { pointInfo, site }: HistoryRouteOptions,
  request: FastifyRequest<{ Querystring: SpanQuery }>,
  reply: FastifyReply,
  keys: readonly string[],
  ask: (points: readonly PointInfo[], fromMs: number, toMs: number, signal: AbortSignal) => Promise<T>,
): Promise<T | FastifyReply> {
  const points = knownPoints(pointInfo, keys);
  if (typeof points === 'string') return fail(reply, 'unknown-point', points);
  const span = spanOf(request.query, site().nowMs);
  if (span === undefined) return fail(reply, 'bad-range');
  const gone = goneSignal(reply);
  try {
    const signal = AbortSignal.any([gone, AbortSignal.timeout(HISTORY_TIMEOUT_MS)]);
    return await ask(points, span.fromMs, span.toMs, signal);
  } catch (error) {
    if (error instanceof RangeError) return fail(reply, 'bad-request', error.message);
    if (!gone.aborted) request.log.warn({ err: error, points: keys }, 'history store did not answer');
    return fail(reply, 'history-failed');
  }
}

/** The points that are called so, or the first key that no point has. */
function knownPoints(pointInfo: HistoryRouteOptions['pointInfo'], keys: readonly string[]): PointInfo[] | string {
  const points: PointInfo[] = [];
  for (const key of keys) {
    const point = pointInfo(key);
    if (point === undefined) return key;
    points.push(point);
  }
  return points;
}

function spanOf({ from, to }: SpanQuery, nowMs: number): { fromMs: number; toMs: number } | undefined {
  const toMs = to ?? nowMs;
  const fromMs = from ?? Math.max(toMs - DEFAULT_RANGE_MS, -MAX_TIME_MS);
  return toMs > fromMs ? { fromMs, toMs } : undefined;
}

/** Aborts where the asker is gone before the answer is. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}

function placeOf(text: string): SamplePlace {
  const [ms, ordinal] = text.split('.');
  return { ms: Number(ms), ordinal: Number(ordinal) };
}

const qualityNames = ['good', 'uncertain', 'bad'] as const;

function samplesReply({ point, ms, value, quality, texts, next }: SamplePage): SamplesReply {
  return {
    point,
    ms: [...ms],
    value: Array.from(value, (number, row) => texts.get(row) ?? (Number.isNaN(number) ? null : number)),
    quality: Array.from(quality, (of) => qualityNames[of] ?? 'bad'),
    next: next && `${next.ms}.${next.ordinal}`,
  };
}
