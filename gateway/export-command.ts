import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import type { PointNumber } from '../model/point.ts';
import { type CsvForm, type CsvPoint, csvHead, csvRows } from '../model/sample-csv.ts';
import type { Site } from '../model/site.ts';
import { stampFormat } from '../model/stamp-format.ts';
import type { Text } from '../model/text.ts';
import { targetError } from './backup/target-error.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { type AskedPoint, openSampleSource, type SampleSource } from './export-sources.ts';
import { DEFAULT_DATA_DIR } from './instance.ts';
import { interruptible } from './interrupt.ts';
import { pointGlob } from './point-glob.ts';
import { type Moment, momentMs } from './replay/moment.ts';
import { momentOf } from './replay-command.ts';
import { lastSite, openSources, type ReplaySources } from './replay-sources.ts';

/** Characters of output that are gathered before they are handed on. */
const PIECE_CHARACTERS = 64 * 1024;

interface Wanted {
  readonly dataDir: string;
  readonly points: string;
  readonly from: Moment;
  readonly to: Moment;
  readonly out: string | undefined;
  readonly spreadsheet: boolean;
}

/**
 * `export --points GLOB --from T --to T [--out FILE] [--data DATA] [--excel]`: the samples of points from the history of a
 * data folder as CSV, also while a gateway writes it, or through that gateway where history is in InfluxDB; to stdout where
 * there is no `--out`. Both times are inclusive. How many there were goes to stderr. `export LIST.xlsx`: see `exportPoints`.
 */
export async function exportCommand(args: readonly string[]): Promise<ExitCode> {
  // A file by itself is a list of points; samples go to stdout or to `--out`.
  if (args[0]?.startsWith('-') === false) {
    const { exportPoints } = await import('./export-points.ts');
    return exportPoints(args);
  }
  const wanted = readArguments(args);
  const language = terminalLanguage(process.env);
  const sources = openSources(wanted.dataDir);
  try {
    const site = await lastSite(sources);
    if (!site) throw new CommandFailed({ zh: '日志中没有站点文件', en: 'the log has no site file' });
    const source = await openSampleSource(wanted.dataDir);
    try {
      const job = exportJob(wanted, site, sources, source);
      await interruptible((signal) => write(linesOf(job, signal), wanted.out, signal));
      process.stderr.write(`${summary(job)[language]}\n`);
      return 0;
    } finally {
      source.close();
    }
  } finally {
    await sources.close();
  }
}

function readArguments(args: readonly string[]): Wanted {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: 'string', default: DEFAULT_DATA_DIR },
      points: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      out: { type: 'string' },
      excel: { type: 'boolean', default: false },
    },
  });
  const { points, out } = values;
  if (points === undefined) {
    throw new CommandFailed({
      zh: "请用 --points 指定点，例如 'lift-*/position'；* 表示任意字符",
      en: "name the points with --points, for example 'lift-*/position'; * stands for any characters",
    });
  }
  const [from, to] = [momentOf('--from', values.from), momentOf('--to', values.to)];
  return { dataDir: resolve(values.data), points, from, to, out, spreadsheet: values.excel };
}

interface ExportJob {
  readonly points: readonly (CsvPoint & AskedPoint)[];
  readonly source: SampleSource;
  readonly fromMs: number;
  /** Not inclusive. */
  readonly endMs: number;
  readonly form: CsvForm;
  /** How many samples have been written. */
  samples: number;
}

function exportJob(wanted: Wanted, site: Site, { log }: ReplaySources, source: SampleSource): ExportJob {
  const { timeZone } = site;
  const [fromMs, toMs] = [momentMs(wanted.from, timeZone), momentMs(wanted.to, timeZone)];
  if (fromMs > toMs) throw new CommandFailed({ zh: '--from 晚于 --to', en: '--from is after --to' });
  const points = pointsOf(wanted.points, site, log.pointNumbers);
  if (points.length === 0) {
    throw new CommandFailed({ zh: `没有符合 ${wanted.points} 的点`, en: `no point matches ${wanted.points}` });
  }
  return {
    points,
    source,
    fromMs,
    endMs: toMs + 1,
    form: { language: terminalLanguage(process.env), stamp: stampFormat(timeZone), spreadsheet: wanted.spreadsheet },
    samples: 0,
  };
}

/** The points that a pattern names, by key; also those that the site has no more, of which only the key is known. */
function pointsOf(pattern: string, site: Site, numbers: ReadonlyMap<string, PointNumber>): ExportJob['points'] {
  const isWanted = globOf(pattern);
  const known = new Map(site.assets.flatMap(({ points }) => points).map((point) => [point.key, point]));
  return [...numbers]
    .filter(([key]) => isWanted(key))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, number]) => {
      const slash = key.indexOf('/');
      const { unit, kind, states } = known.get(key) ?? {};
      return { number, key, asset: key.slice(0, slash), point: key.slice(slash + 1), unit, kind, states };
    });
}

function globOf(pattern: string): (key: string) => boolean {
  try {
    return pointGlob(pattern);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CommandFailed({ zh: '--points 太长', en: '--points is too long' }, { cause: error });
  }
}

/** The file, piece by piece, point after point. */
async function* linesOf(job: ExportJob, signal: AbortSignal): AsyncGenerator<string, void> {
  const { source, form, fromMs, endMs } = job;
  let piece = csvHead(form);
  for (const point of job.points) {
    for await (const samples of source.samples(point, fromMs, endMs, signal)) {
      job.samples += samples.ms.length;
      piece += csvRows(point, samples, form);
      if (piece.length < PIECE_CHARACTERS) continue;
      yield piece;
      piece = '';
    }
  }
  yield piece;
}

/** Writes to stdout, or to a file that is there only once it is whole. */
async function write(pieces: AsyncIterable<string>, out: string | undefined, signal: AbortSignal): Promise<void> {
  if (out === undefined) {
    try {
      await pipeline(pieces, process.stdout, { signal, end: false });
    } catch (error) {
      // Whoever reads has seen enough, as `head` has.
      if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
    }
    return;
  }
  const next = `${out}.next`;
  try {
    await pipeline(pieces, createWriteStream(next, { flush: true }), { signal });
    await rename(next, out);
  } catch (error) {
    await rm(next, { force: true });
    throw signal.aborted || !isFileError(error) ? error : targetError(out, error);
  }
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function summary({ samples, points }: ExportJob): Text {
  return {
    zh: `${points.length} 个点，${samples} 个样本`,
    en: `${points.length} points, ${samples} samples`,
  };
}
