import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Site } from '../model/site.ts';
import { listProblems } from './check-command.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { DEFAULT_DATA_DIR } from './instance.ts';
import type { Span } from './replay/compare-sites.ts';
import { type Moment, momentFormat, momentMs, parseMoment } from './replay/moment.ts';
import { startProgress } from './replay/progress.ts';
import { SpanTooLong } from './replay/run-account.ts';
import { compareLog, type Replay, type ReplayOutput, remark, replayHistory, verifyLog } from './replay-runs.ts';
import { firstSite, openSources, type ReplaySources } from './replay-sources.ts';
import { loadSite } from './site/load-site.ts';

interface Wanted {
  readonly dataDir: string;
  readonly from: Moment;
  readonly to: Moment;
  readonly siteFile: string | undefined;
  readonly json: boolean;
  readonly history: boolean;
}

/**
 * `replay --from T --to T [--data DIR] [--site FILE] [--json] [--history]`: runs the log through the rules again. With
 * the recorded site file it must give what is stored: exit code 0, or 1 with the first differences. With another one,
 * both runs side by side. Results on stdout, progress and remarks on stderr.
 */
export async function replayCommand(args: readonly string[], output: ReplayOutput = process): Promise<ExitCode> {
  const wanted = readArguments(args);
  const changed = wanted.siteFile === undefined ? undefined : loadSite(wanted.siteFile);
  if (changed && !changed.ok) {
    listProblems([...changed.problems, ...changed.warnings], wanted.json, output.stdout);
    return 1;
  }
  const sources = openSources(wanted.dataDir);
  try {
    return await run(wanted, sources, changed?.site, output);
  } catch (error) {
    if (!(error instanceof SpanTooLong)) throw error;
    const text = { zh: '这段时间里的变化太多，请选短一些', en: 'too much happened in this span: choose a shorter one' };
    throw new CommandFailed(text, { cause: error });
  } finally {
    await sources.close();
  }
}

function readArguments(args: readonly string[]): Wanted {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: 'string', default: DEFAULT_DATA_DIR },
      from: { type: 'string' },
      to: { type: 'string' },
      site: { type: 'string' },
      json: { type: 'boolean', default: false },
      history: { type: 'boolean', default: false },
    },
  });
  const { json, history, site: siteFile } = values;
  const [from, to] = [momentOf('--from', values.from), momentOf('--to', values.to)];
  return { dataDir: resolve(values.data), from, to, siteFile, json, history };
}

/** The time that an option gives. Throws a CommandFailed where it is missing, or none. */
export function momentOf(option: string, text: string | undefined): Moment {
  const moment = text === undefined ? undefined : parseMoment(text);
  if (moment) return moment;
  const example = '2026-06-15T20:30, 2026-06-15T20:30+08:00, 1781526600000';
  throw new CommandFailed(
    text === undefined
      ? { zh: `请用 ${option} 指定时间，例如 ${example}`, en: `give a time with ${option}, for example ${example}` }
      : {
          zh: `${option} 的时间写法有误：${text}；例如 ${example}`,
          en: `not a time for ${option}: ${text}; write for example ${example}`,
        },
  );
}

async function run(
  wanted: Wanted,
  sources: ReplaySources,
  changedSite: Site | undefined,
  output: ReplayOutput,
): Promise<ExitCode> {
  const recordedSite = await firstSite(sources);
  if (!recordedSite) {
    throw new CommandFailed({
      zh: '日志中没有站点文件，无从回放',
      en: 'the log has no site file, there is nothing to replay',
    });
  }
  const { timeZone } = changedSite ?? recordedSite;
  const formatMs = momentFormat(timeZone);
  const span = spanOf(wanted, sources, timeZone, output);
  const progress = startProgress({
    stream: output.stderr,
    language: terminalLanguage(process.env),
    formatMs,
    toMs: span.toMs,
    now: () => performance.now(),
  });
  const replay: Replay = { ...span, sources, recordedSite, json: wanted.json, timeZone, formatMs, progress, output };
  const changed = changedSite && { site: changedSite, file: wanted.siteFile ?? '' };
  try {
    if (wanted.history) return await replayHistory(replay, changed);
    return await (changed ? compareLog(replay, changed) : verifyLog(replay));
  } finally {
    progress.end();
  }
}

/** What is asked for, as far as it can be had. Throws a CommandFailed where that is nothing. */
function spanOf({ from, to, history }: Wanted, { log }: ReplaySources, timeZone: string, output: ReplayOutput): Span {
  const formatMs = momentFormat(timeZone);
  const [fromMs, toMs] = [momentMs(from, timeZone), momentMs(to, timeZone)];
  if (fromMs > toMs) throw new CommandFailed({ zh: '--from 晚于 --to', en: '--from is after --to' });
  if (history) return { fromMs, toMs };
  const { first, last } = log;
  if (fromMs < first.logMs) {
    throw new CommandFailed({
      zh: `日志只回溯到 ${formatMs(first.logMs)}；更早的时段可加 --history，仅由历史数据近似回放`,
      en: `the log goes back to ${formatMs(first.logMs)} only; with --history an earlier span is replayed from history alone, approximately`,
    });
  }
  const end = formatMs(last.logMs);
  if (fromMs > last.logMs) {
    throw new CommandFailed({ zh: `日志到 ${end} 为止，--from 在其后`, en: `the log ends at ${end}, before --from` });
  }
  if (toMs > last.logMs) {
    remark(output, { zh: `日志到 ${end} 为止，回放到那时`, en: `the log ends at ${end}; the replay goes up to there` });
  }
  return { fromMs, toMs: Math.min(toMs, last.logMs) };
}
