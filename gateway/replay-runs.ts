import { virtualName } from '../model/asset-key.ts';
import type { Site } from '../model/site.ts';
import type { Text } from '../model/text.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import type { StoredHistory } from './history/read-history.ts';
import { ChangedRun } from './replay/changed-run.ts';
import { compareSites, type RunReport, reportRun, type Span } from './replay/compare-sites.ts';
import { findStart } from './replay/find-start.ts';
import { historyRecords, linksOf, startFromNothing } from './replay/history-records.ts';
import type { Progress, ProgressStream } from './replay/progress.ts';
import { runJson, sideBySideJson } from './replay/report-json.ts';
import { type ReportStyle, runLines, sideBySideLines, verificationLines } from './replay/report-text.ts';
import { sideBySide } from './replay/side-by-side.ts';
import { siteNumbers } from './replay/site-numbers.ts';
import { verifyReplay } from './replay/verify-replay.ts';
import { words } from './replay/words.ts';
import { openHistorySource, type ReplaySources, siteBefore } from './replay-sources.ts';

/** Results go to `stdout`, progress and remarks to `stderr`. */
export interface ReplayOutput {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressStream;
}

/** One replay, all set: what to read, and how to tell of it. */
export interface Replay extends Span {
  readonly sources: ReplaySources;
  /** The site file that the log begins with. */
  readonly recordedSite: Site;
  readonly json: boolean;
  readonly timeZone: string;
  readonly formatMs: (ms: number) => string;
  readonly progress: Progress;
  readonly output: ReplayOutput;
}

/** A site file that is tried in place of the recorded one. */
export interface ChangedSite {
  readonly site: Site;
  readonly file: string;
}

/** Runs the log again and compares with what is stored. Exit code 1 where there are differences. */
export async function verifyLog(replay: Replay): Promise<ExitCode> {
  const { sources, fromMs, toMs, progress } = replay;
  const { state } = sources;
  if (!state) {
    throw new CommandFailed({
      zh: `${sources.dataDir} 中没有属于该日志的 state.db，无从比较`,
      en: `there is no state.db of this log in ${sources.dataDir}, nothing to compare with`,
    });
  }
  const { records, newState } = startOf(replay);
  const verification = await verifyReplay({
    state: newState(),
    records,
    fromMs,
    storedOf: (logSeq) => state.changesOf(logSeq),
    progress: sources.progress,
    onRecords: progress.at,
  });
  const { notKept, notStored, damaged, differences } = verification;
  print(replay, { mode: 'verify', fromMs, toMs, ...verification }, () =>
    verificationLines(verification, styleOf(replay, undefined, false)),
  );
  if (notKept + notStored + damaged === verification.records) {
    throw new CommandFailed({ zh: '没有一条记录可以比较', en: 'not one record could be compared' });
  }
  return differences > 0 ? 1 : 0;
}

/** Runs the log with its own and with another site file, and shows both side by side. */
export async function compareLog(replay: Replay, changed: ChangedSite): Promise<ExitCode> {
  const { sources, fromMs, progress, formatMs } = replay;
  const { records, newState } = startOf(replay);
  const changedRun = new ChangedRun(newState(), changed.site, sources.log.pointNumbers);
  const reports = await compareSites(newState(), changedRun, records, replay, progress.at);
  const { sitesLeftOut } = changedRun;
  const heads: Text[] = [
    spanText(replay, reports.records),
    {
      zh: `原站点文件：日志所记；新站点文件：${changed.file}，自 ${formatMs(fromMs)} 起生效`,
      en: `recorded: the site file of the log; changed: ${changed.file}, taken over at ${formatMs(fromMs)}`,
    },
  ];
  if (sitesLeftOut > 0) {
    heads.push({
      zh: `日志其后换过 ${sitesLeftOut} 次站点文件，新站点文件一侧不予采用`,
      en: `site files that the log takes over after that, left out of the changed run: ${sitesLeftOut}`,
    });
  }
  printSideBySide(replay, changed, reports, heads, { approximate: false, sitesLeftOut });
  return 0;
}

/** From history alone: the recorded site by itself, or with another one side by side. */
export async function replayHistory(replay: Replay, changed: ChangedSite | undefined): Promise<ExitCode> {
  const { sources, fromMs, toMs } = replay;
  const history = await openHistorySource(sources.dataDir);
  remark(replay.output, { zh: '仅由历史数据近似回放', en: 'replaying from history alone, approximately' });
  try {
    const recorded = await runHistory(replay, history, siteBefore(sources, fromMs) ?? replay.recordedSite);
    const { approximate, approximateWhy } = words;
    const heads = [
      { zh: `${approximate.zh}：${approximateWhy.zh}`, en: `${approximate.en}: ${approximateWhy.en}` },
      spanText(replay, undefined),
    ];
    if (changed) {
      const reports = { recorded, changed: await runHistory(replay, history, changed.site) };
      printSideBySide(replay, changed, reports, heads, { approximate: true, sitesLeftOut: 0 });
      return 0;
    }
    const style = styleOf(replay, undefined, true);
    print(replay, runJson(recorded, replay), () => [
      ...heads.map((head) => head[style.language]),
      ...runLines(recorded, toMs, style),
    ]);
    return 0;
  } finally {
    history.close();
  }
}

async function runHistory(replay: Replay, history: StoredHistory, site: Site): Promise<RunReport> {
  const numbers = siteNumbers(site, [replay.sources.log.pointNumbers]);
  let isEmpty = true;
  const read = (...span: Parameters<StoredHistory['samples']>) => {
    const found = history.samples(...span);
    isEmpty &&= found.size === 0;
    return found;
  };
  const records = historyRecords(read, linksOf(site, numbers), replay);
  const state = startFromNothing(site, numbers, replay.fromMs);
  const report = await reportRun(state, records, replay, replay.progress.at);
  if (!isEmpty) return report;
  throw new CommandFailed({ zh: '历史库在这段时间里没有数据', en: 'history has no samples in this span' });
}

/** Where a replay of the log begins, and the records from there to the end of the span. */
function startOf({ sources, fromMs, toMs, formatMs, output }: Replay) {
  const { log, state } = sources;
  const start = findStart(state?.snapshots(log.lastSeqBefore(fromMs)) ?? [], log.first.logSeq);
  if (!start) {
    throw new CommandFailed({
      zh: '--from 之前没有可用的快照，而日志已不完整；可加 --history，仅由历史数据近似回放',
      en: 'there is no readable snapshot before --from, and the log no longer has its beginning; with --history it is replayed from history alone, approximately',
    });
  }
  for (const reason of start.passedOver) {
    remark(output, {
      zh: `有一个快照不可用（${reason}），改用更早的`,
      en: `a snapshot cannot be used (${reason}), taking the one before`,
    });
  }
  const { snapshot } = start;
  const at = snapshot && formatMs(snapshot.logMs);
  remark(
    output,
    at === undefined
      ? { zh: '从日志开头开始', en: 'starting from the beginning of the log' }
      : { zh: `从 ${at} 的快照开始`, en: `starting from the snapshot of ${at}` },
  );
  const records = log.records(snapshot?.logSeq ?? log.first.logSeq - 1, log.lastSeqBefore(toMs + 1));
  return { records, newState: start.newState };
}

function printSideBySide(
  replay: Replay,
  changedSite: ChangedSite,
  { recorded, changed }: { readonly recorded: RunReport; readonly changed: RunReport },
  heads: readonly Text[],
  facts: { readonly approximate: boolean; readonly sitesLeftOut: number },
): void {
  const { fromMs, toMs } = replay;
  const found = sideBySide(recorded, changed);
  const style = styleOf(replay, changedSite, facts.approximate);
  const json = sideBySideJson(found, recorded.figures, changed.figures, { fromMs, toMs, ...facts });
  print(replay, json, () => [
    ...heads.map((head) => head[style.language]),
    ...sideBySideLines(found, recorded.figures, changed.figures, toMs, style),
  ]);
}

function spanText({ fromMs, toMs, timeZone, formatMs }: Replay, records: number | undefined): Text {
  const [from, to] = [formatMs(fromMs), formatMs(toMs)];
  const count = records === undefined ? { zh: '', en: '' } : { zh: `，${records} 条记录`, en: `, ${records} records` };
  return { zh: `${from} 至 ${to}（${timeZone}）${count.zh}`, en: `${from} to ${to} (${timeZone})${count.en}` };
}

function styleOf(replay: Replay, changed: ChangedSite | undefined, approximate: boolean): ReportStyle {
  const names = new Map<string, Text>();
  const sites = changed ? [replay.recordedSite, changed.site] : [replay.recordedSite];
  for (const site of sites) {
    for (const { key, name } of site.assets) names.set(key, name);
  }
  const { formatMs } = replay;
  const nameOf = (key: string) =>
    names.get(key) ?? sites.map((site) => virtualName(site, key)).find((name) => name !== undefined);
  return { language: terminalLanguage(process.env), formatMs, nameOf, approximate };
}

function print({ json, output, progress }: Replay, result: object, lines: () => readonly string[]): void {
  progress.end();
  output.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : `${lines().join('\n')}\n`);
}

/** Something to know besides the result. */
export function remark({ stderr }: ReplayOutput, text: Text): void {
  stderr.write(`${text[terminalLanguage(process.env)]}\n`);
}
