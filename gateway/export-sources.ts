import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Value } from 'typebox/value';
import { MAX_PAGE_SAMPLES, type SamplePlace } from '../model/history.ts';
import type { PointKey, PointNumber } from '../model/point.ts';
import { Quality } from '../model/sample.ts';
import type { CsvSamples } from '../model/sample-csv.ts';
import { CommandFailed } from './exit.ts';
import { readIdentity } from './history/offset-file.ts';
import { openHistoryForReading } from './history/read-history.ts';
import { ErrorReply, SamplesReply } from './http/contract.ts';
import { type Instance, presentInstance, reachableUrl } from './instance.ts';

/** Real ms that the gateway may take for a page of samples; its own bound on the history store is below that. */
const PAGE_TIMEOUT_MS = 30_000;

/** A point as history knows it. */
export interface AskedPoint {
  readonly number: PointNumber;
  readonly key: PointKey;
}

/** Where samples come from. */
export interface SampleSource {
  /** Samples of a point with a source time in [fromMs, endMs), in order, a bounded number at a time. */
  samples(point: AskedPoint, fromMs: number, endMs: number, signal: AbortSignal): AsyncIterable<CsvSamples>;
  close(): void;
}

/**
 * The history of a data folder: its own file, or the InfluxDB that the gateway which runs on it writes to, asked through
 * that gateway. Throws a CommandFailed where there is no history, or no gateway to ask.
 */
export async function openSampleSource(dataDir: string): Promise<SampleSource> {
  const home = await readIdentity(join(dataDir, 'history', 'offset.json'));
  if (home?.startsWith('influx') !== true) return embeddedSource(dataDir);
  const instance = presentInstance(dataDir);
  if (instance) return gatewaySource(instance);
  throw new CommandFailed(
    {
      zh: `${dataDir} 的历史存于 InfluxDB，要通过网关读取，而现在没有网关在运行`,
      en: `the history of ${dataDir} is in InfluxDB and is read through the gateway, of which none runs`,
    },
    { exitCode: 3 },
  );
}

/** A page at a time, read from the file while a gateway may be writing it. */
function embeddedSource(dataDir: string): SampleSource {
  const history = openHistoryForReading(dataDir);
  if (!history) {
    throw new CommandFailed({ zh: `${dataDir} 中没有内置历史库`, en: `there is no embedded history in ${dataDir}` });
  }
  return {
    async *samples(point, fromMs, endMs, signal) {
      let after: SamplePlace | undefined;
      do {
        // The file answers at once, so that nothing else would get its turn, not even Ctrl-C.
        await nextTurn(undefined, { signal });
        const page = history.page(point, fromMs, endMs, { after, limit: MAX_PAGE_SAMPLES });
        yield page;
        after = page.next ?? undefined;
      } while (after !== undefined);
    },
    close: () => history.close(),
  };
}

/** A page at a time, asked of a gateway, wherever its history is. */
function gatewaySource(instance: Instance): SampleSource {
  return {
    async *samples({ key }, fromMs, endMs, signal) {
      let after: string | undefined;
      do {
        const page = await askPage(instance, { point: key, from: fromMs, to: endMs, after }, signal);
        // A point that the site has no more is one whose history nobody can ask for.
        if (page === undefined) return;
        yield columnsOf(page);
        after = page.next ?? undefined;
      } while (after !== undefined);
    },
    close: () => undefined,
  };
}

interface PageQuestion {
  readonly point: PointKey;
  readonly from: number;
  readonly to: number;
  readonly after: string | undefined;
}

/** Undefined where the gateway knows no such point. Throws a CommandFailed where it does not answer, or cannot. */
async function askPage(
  instance: Instance,
  { point, from, to, after }: PageQuestion,
  signal: AbortSignal,
): Promise<SamplesReply | undefined> {
  const query = new URLSearchParams({ point, from: String(from), to: String(to), limit: String(MAX_PAGE_SAMPLES) });
  if (after !== undefined) query.set('after', after);
  const { status, body } = await get(instance, `/api/history/samples?${query}`, signal);
  if (status === 200 && Value.Check(SamplesReply, body)) return body;
  if (status === 404 && Value.Check(ErrorReply, body) && body.code === 'unknown-point') return undefined;
  if (Value.Check(ErrorReply, body)) throw new CommandFailed(body.text);
  throw new CommandFailed({ zh: `应答有误（${status}）`, en: `this is no answer of a gateway (${status})` });
}

async function get(
  instance: Instance,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const url = reachableUrl(instance);
  try {
    const response = await fetch(url + path, {
      ...(instance.token !== null && { headers: { authorization: `Bearer ${instance.token}` } }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(PAGE_TIMEOUT_MS)]),
    });
    return { status: response.status, body: await response.json() };
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new CommandFailed(
      { zh: `${url} 上的网关没有应答`, en: `the gateway at ${url} does not answer` },
      { exitCode: 3, cause },
    );
  }
}

function columnsOf({ ms, value, quality }: SamplesReply): CsvSamples {
  const texts = value.flatMap((one, row) => (typeof one === 'string' ? [[row, one] as const] : []));
  return {
    ms: Float64Array.from(ms),
    value: Float64Array.from(value, (one) => (typeof one === 'number' ? one : Number.NaN)),
    quality: Uint8Array.from(quality, (name) => Quality[name]),
    texts: new Map(texts),
  };
}
