import type { Text } from '../../model/text.ts';

/** A mistake (`E…`) or a warning (`W…`) in a site file, a profile or a map. Line and column count from 1. */
export interface SiteProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly text: Text;
  /** What was probably meant. */
  readonly suggestion?: string;
}

/** What is wrong, without the place. */
export interface Finding {
  readonly code: string;
  readonly text: Text;
  readonly suggestion?: string;
}

/** A place in a file. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Bound on the problems of one load; what comes after is only counted. */
export const MAX_PROBLEMS = 1000;

/**
 * Collects problems. One mistake is one problem: the same code at the same place (thirty lamps of one entry) is kept
 * once, with the number of the others.
 */
export class ProblemCollector {
  readonly #found = new Map<string, { at: Position; finding: Finding; more: number }>();
  #dropped = 0;

  add(at: Position, finding: Finding): void {
    const place = `${at.file}:${at.line}:${at.column} ${finding.code}`;
    const known = this.#found.get(place);
    if (known !== undefined) {
      if (known.finding.text.en !== finding.text.en) known.more++;
    } else if (this.#found.size < MAX_PROBLEMS) {
      this.#found.set(place, { at, finding, more: 0 });
    } else {
      this.#dropped++;
    }
  }

  get hasMistakes(): boolean {
    return [...this.#found.values()].some(({ finding }) => isMistake(finding));
  }

  /** All problems; those of `firstFile` first, then by file, line and column. */
  sorted(firstFile: string): readonly SiteProblem[] {
    const problems = [...this.#found.values()].map(({ at, finding, more }): SiteProblem => {
      const { code, text, suggestion } = finding;
      return {
        file: at.file,
        line: at.line,
        column: at.column,
        code,
        text: more === 0 ? text : andMore(text, more),
        ...(suggestion !== undefined && { suggestion }),
      };
    });
    const rank = (file: string) => (file === firstFile ? 0 : 1);
    problems.sort(
      (a, b) =>
        rank(a.file) - rank(b.file) ||
        (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
        a.line - b.line ||
        a.column - b.column ||
        (a.code < b.code ? -1 : 1),
    );
    if (this.#dropped > 0) {
      problems.push({ file: firstFile, line: 1, column: 1, ...mistakes.tooManyProblems(this.#dropped) });
    }
    return problems;
  }
}

function andMore(text: Text, more: number): Text {
  return { zh: `${text.zh}（另有 ${more} 处相同）`, en: `${text.en} (and ${more} more like it)` };
}

/** True for mistakes, false for warnings. */
export function isMistake(problem: { readonly code: string }): boolean {
  return problem.code.startsWith('E');
}

/** One line for a person: `site.yaml:41:9 E012 … did you mean "holding"?` */
export function formatProblem(problem: SiteProblem, language: 'zh' | 'en'): string {
  const { file, line, column, code, text, suggestion } = problem;
  const hint =
    suggestion === undefined
      ? ''
      : language === 'zh'
        ? `，是否想写 "${suggestion}"？`
        : `; did you mean "${suggestion}"?`;
  return `${file}:${line}:${column} ${code} ${text[language]}${hint}`;
}

/** A finding with what was probably meant, if anything was. */
export function withSuggestion(finding: Finding, suggestion: string | undefined): Finding {
  return suggestion === undefined ? finding : { ...finding, suggestion };
}

/** A duration as site files have it, in the largest unit that it is whole in: `90min`, `36h`. */
export function shownDuration(ms: number): string {
  const units = { d: 86_400_000, h: 3_600_000, min: 60_000, s: 1000 };
  const [unit, unitMs] = Object.entries(units).find(([, length]) => ms % length === 0) ?? ['ms', 1];
  return `${ms / unitMs}${unit}`;
}

function entry<Parameters extends readonly unknown[]>(code: string, text: (...parameters: Parameters) => Text) {
  const make = (...parameters: Parameters): Finding => ({ code, text: text(...parameters) });
  return Object.assign(make, { code });
}

/** Says which point a protocol's text is about, unless the text does. */
const about = (point: string, text: string) => (text.includes(point) ? text : `${point}: ${text}`);

const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ');

/** The catalogue. Codes are stable: scripts and manuals refer to them; a retired one is not used again. */
export const mistakes = {
  unreadable: entry('E001', (reason: string) => ({
    zh: reason === 'ENOENT' ? '没有这个文件' : `无法读取文件：${reason}`,
    en: reason === 'ENOENT' ? 'there is no such file' : `the file cannot be read: ${reason}`,
  })),
  tooLarge: entry('E002', (bytes: number, bound: number) => ({
    zh: `文件有 ${bytes} 字节，超过上限 ${bound}`,
    en: `the file has ${bytes} bytes, the bound is ${bound}`,
  })),
  syntax: entry('E003', (zh: string, en: string) => ({ zh: `YAML 语法错误：${zh}`, en: `YAML syntax: ${en}` })),
  repeatedKey: entry('E004', (key: string) => ({
    zh: `同一处两次写了 "${key}"`,
    en: `"${key}" is written twice in one place`,
  })),
  tooManyProblems: entry('E009', (more: number) => ({
    zh: `还有 ${more} 处问题未列出`,
    en: `${more} more problems are not listed`,
  })),
  unknownKey: entry('E010', (key: string, known: readonly string[] = []) => ({
    zh: `未知的键 "${key}"${known.length > 0 ? `，这里可用：${quoted(known)}` : ''}`,
    en: `unknown key "${key}"${known.length > 0 ? `; known here: ${quoted(known)}` : ''}`,
  })),
  missingKey: entry('E011', (keys: readonly string[]) => ({
    zh: `缺少 ${quoted(keys)}`,
    en: `${quoted(keys)} is missing`,
  })),
  notAllowed: entry('E012', (value: string, allowed: readonly string[]) => ({
    zh: `${value} 不是可用的值，可用：${allowed.join(', ')}`,
    en: `${value} is not one of the possible values: ${allowed.join(', ')}`,
  })),
  wrongType: entry('E013', (expected: Text, found: Text) => ({
    zh: `这里应为${expected.zh}，现为${found.zh}`,
    en: `${expected.en} is needed here, this is ${found.en}`,
  })),
  malformed: entry('E014', (value: string, expected: Text) => ({
    zh: `${value} 不符合要求：${expected.zh}`,
    en: `${value} will not do: ${expected.en}`,
  })),
  doesNotGo: entry('E015', (key: string) => ({
    zh: `"${key}" 不能与这里的其他设置并用`,
    en: `"${key}" does not go with the other settings here`,
  })),
  // YAML reads { en: one, two } as two keys; people mean one text.
  unquotedText: entry('E016', (key: string) => ({
    zh: `"${key}" 被当作键；花括号里含逗号的文本请加引号`,
    en: `"${key}" is read as a key; in braces, put a text with a comma in quotes`,
  })),
  needsOneOf: entry('E017', (keys: readonly string[]) => ({
    zh: `这里至少要写 ${quoted(keys)} 之一`,
    en: `one of ${quoted(keys)} is needed here`,
  })),
  badSettings: entry('E018', (text: Text) => text),
  assetsNotAList: entry('E019', () => ({
    zh: 'assets 须写成带短横的列表（每个资产一项），点表才能加入',
    en: 'assets must be a list with dashes, one entry each, for a list of points to be added',
  })),
  unknownLink: entry('E020', (key: string) => ({ zh: `没有链路 "${key}"`, en: `there is no link "${key}"` })),
  unknownSystem: entry('E021', (key: string) => ({ zh: `没有系统 "${key}"`, en: `there is no system "${key}"` })),
  unknownProfile: entry('E022', (key: string) => ({
    zh: `没有设备类型 "${key}"（站点文件旁的 profiles/，或 rules/profiles/）`,
    en: `there is no profile "${key}" (profiles/ beside the site file, or rules/profiles/)`,
  })),
  unknownMap: entry('E023', (key: string, protocol: string) => ({
    zh: `协议 ${protocol} 没有点表 "${key}"（站点文件旁的 maps/${protocol}/，或 adapters/${protocol}/maps/）`,
    en: `there is no map "${key}" for ${protocol} (maps/${protocol}/ beside the site file, or adapters/${protocol}/maps/)`,
  })),
  unknownParent: entry('E024', (asset: string, parent: string) => ({
    zh: `"${asset}" 的上级 "${parent}" 不存在`,
    en: `parent "${parent}" of "${asset}" does not exist`,
  })),
  unknownProtocol: entry('E025', (key: string, known: readonly string[]) => ({
    zh: `没有协议 "${key}"，可用：${quoted(known)}`,
    en: `there is no protocol "${key}"; there are ${quoted(known)}`,
  })),
  unknownChannel: entry('E026', (key: string, known: readonly string[]) => ({
    zh: `没有通知渠道 "${key}"，可用：${quoted(known)}`,
    en: `there is no channel "${key}"; there are ${quoted(known)}`,
  })),
  profileNotInSystem: entry('E027', (profile: string, system: string) => ({
    zh: `系统 "${system}" 中没有类型为 "${profile}" 的资产，该指标不会有数据`,
    en: `system "${system}" has no asset of profile "${profile}"; this rate would never have a figure`,
  })),
  unknownAsset: entry('E028', (key: string) => ({ zh: `没有资产 "${key}"`, en: `there is no asset "${key}"` })),
  unknownCampaign: entry('E029', (key: string) => ({
    zh: `campaigns 里没有 "${key}"`,
    en: `there is no campaign "${key}" under campaigns`,
  })),
  duplicate: entry('E030', (what: Text, key: string, line: number) => ({
    zh: `${what.zh} "${key}" 重复，第 ${line} 行已有`,
    en: `${what.en} "${key}" exists already, see line ${line}`,
  })),
  sameKey: entry('E033', (key: string) => ({
    zh: `each 展开的资产都叫 "${key}"：键里要有变量，例如 ${key}-{n}`,
    en: `all that each makes would be "${key}": put its variable into the key, e.g. ${key}-{n}`,
  })),
  parentCycle: entry('E031', (keys: readonly string[]) => ({
    zh: `上级关系成环：${keys.join(' → ')}`,
    en: `parents form a circle: ${keys.join(' → ')}`,
  })),
  formerlyTaken: entry('E032', (asset: string, former: string) => ({
    zh: `"${asset}" 的旧名 "${former}" 仍是另一资产的键`,
    en: `former key "${former}" of "${asset}" is the key or former key of another asset`,
  })),
  noAssetMatches: entry('E034', (choice: string) => ({
    zh: `没有资产符合 ${choice}`,
    en: `no asset matches ${choice}`,
  })),
  unknownVariable: entry('E040', (name: string, known: readonly string[]) => ({
    zh: `模板变量 {${name}} 未在 each 中定义${known.length > 0 ? `，已有：${quoted(known)}` : ''}`,
    en: `each does not define {${name}}${known.length > 0 ? `; it defines ${quoted(known)}` : ''}`,
  })),
  badTemplate: entry('E041', (text: string) => ({
    zh: `${text} 不是有效的模板，写法：{n} 或 {n:02}`,
    en: `${text} is not a template; write {n} or {n:02}`,
  })),
  badRange: entry('E042', (text: string) => ({
    zh: `${text} 不是有效的范围，写法：1..23 或 [1, 2, 5]，上界不小于下界`,
    en: `${text} is not a range; write 1..23 or [1, 2, 5], with the end not before the start`,
  })),
  tooManyAssets: entry('E043', (bound: number) => ({
    zh: `资产超过 ${bound} 个`,
    en: `there are more than ${bound} assets`,
  })),
  tooManyPoints: entry('E044', (bound: number) => ({
    zh: `点超过 ${bound} 个`,
    en: `there are more than ${bound} points`,
  })),
  badVariable: entry('E045', (text: string) => ({
    zh: `${text} 不是有效的环境变量引用，写法：\${NAME} 或 \${NAME:-默认值}`,
    en: `${text} is not a reference to the environment; write \${NAME} or \${NAME:-default}`,
  })),
  tooManyEntries: entry('E046', (bound: number) => ({
    zh: `条目超过 ${bound} 条`,
    en: `there are more than ${bound} entries`,
  })),
  badAddress: entry('E050', (point: string, text: Text) => ({
    zh: `${point}：${text.zh}`,
    en: `${point}: ${text.en}`,
  })),
  addressConflict: entry('E051', (point: string, text: Text) => ({
    zh: `地址冲突：${about(point, text.zh)}`,
    en: `addresses conflict: ${about(point, text.en)}`,
  })),
  badExpression: entry('E060', (text: Text) => text),
  expressionAgainstProfile: entry('E061', (profile: string, text: Text) => ({
    zh: `用于 "${profile}" 的资产时：${text.zh}`,
    en: `for assets of "${profile}": ${text.en}`,
  })),
  parentNeeded: entry('E062', (profile: string, point: string, parent: string | undefined) => ({
    zh: `"${profile}" 要读上级的 ${point}，${parent === undefined ? '而该资产没有上级' : `而上级类型 "${parent}" 没有这个点`}`,
    en: `"${profile}" reads ${point} of its parent, ${parent === undefined ? 'but this asset has none' : `but profile "${parent}" has no such point`}`,
  })),
  badRule: entry('E063', (text: Text) => text),
  ruleTooOften: entry('E064', (text: Text) => text),
  neverPlanned: entry('E065', () => ({
    zh: '按这条规则，计划作业一次也不会发生',
    en: 'by this rule the work would never take place',
  })),
  startNotInRule: entry('E066', (start: string) => ({
    zh: `规则在 ${start} 并不发生；start 应为第一次的开始时间`,
    en: `the rule does not come at ${start}; start is when the first one begins`,
  })),
  plannedOverlap: entry('E067', (duration: string, every: string) => ({
    zh: `每次 ${duration}，而隔 ${every} 又开始一次，就没有结束的时候`,
    en: `it takes ${duration} and comes again after ${every}: it would never be over`,
  })),
  mapLacksPoint: entry('E070', (points: readonly string[], profile: string) => ({
    zh: `点表缺少 "${profile}" 必需的点：${quoted(points)}`,
    en: `the map lacks points that "${profile}" requires: ${quoted(points)}`,
  })),
  pointNotInProfile: entry('E071', (point: string, profile: string) => ({
    zh: `设备类型 "${profile}" 没有点 "${point}"`,
    en: `profile "${profile}" has no point "${point}"`,
  })),
  mapOfOtherProfile: entry('E072', (map: string, of: string, profile: string) => ({
    zh: `点表 "${map}" 用于 "${of}"，该资产是 "${profile}"`,
    en: `map "${map}" is for "${of}", this asset is "${profile}"`,
  })),
  pointTwice: entry('E073', (point: string, other: string) => ({
    zh: `点 "${point}" 已由 "${other}" 给出`,
    en: `point "${point}" is already given by "${other}"`,
  })),
  notWritable: entry('E074', (point: string, protocol: string, writes: boolean) => ({
    zh: writes ? `点表没有允许写 "${point}"（writable: true）` : `协议 ${protocol} 不支持写入，"${point}" 不能写`,
    en: writes
      ? `the map does not say that "${point}" takes values (writable: true)`
      : `protocol ${protocol} does not write, so "${point}" cannot be written`,
  })),
  writableUnknown: entry('E075', (point: string, profile: string) => ({
    zh: `writable：类型为 "${profile}" 的设备没有点 "${point}"，或点表没有给出`,
    en: `writable: equipment of profile "${profile}" has no point "${point}", or the map does not give it`,
  })),
  fireWritable: entry('E076', (point: string, reason: Text) => ({
    zh: `"${point}" 不能写：${reason.zh}`,
    en: `"${point}" is never written: ${reason.en}`,
  })),
  badTimeZone: entry('E080', (zone: string) => ({
    zh: `没有时区 "${zone}"，例：Asia/Shanghai`,
    en: `there is no time zone "${zone}"; an example is Asia/Shanghai`,
  })),
  badTarget: entry('E081', (value: string) => ({
    zh: `目标 ${value} 不在 0 到 1（0% 到 100%）之间`,
    en: `target ${value} is not between 0 and 1 (0% and 100%)`,
  })),
  countedNotLive: entry('E082', () => ({
    zh: 'window: live 是按数量计（counted: true），其余窗口按时间计（counted: false）',
    en: 'window: live counts assets (counted: true), all other windows weigh by time (counted: false)',
  })),
  badLocalTime: entry('E083', (text: string) => ({
    zh: `"${text}" 不是当地时间，写法：2026-07-01T09:00（不带时区）`,
    en: `"${text}" is not a local time; the form is 2026-07-01T09:00, without a zone`,
  })),
  badDate: entry('E084', (text: string) => ({
    zh: `"${text}" 不是日期，写法：2026-06-01`,
    en: `"${text}" is not a date; the form is 2026-06-01`,
  })),
  fromAfterTo: entry('E085', (from: string, to: string) => ({
    zh: `结束日期 ${to} 早于开始日期 ${from}`,
    en: `it ends on ${to}, before it begins on ${from}`,
  })),
  campaignTooLong: entry('E086', (days: number, bound: number) => ({
    zh: `共 ${days} 天，超过上限 ${bound} 天`,
    en: `it has ${days} days, the bound is ${bound}`,
  })),
  badPlannedDuration: entry('E087', (text: string, least: string, most: string) => ({
    zh: `计划作业时长 ${text} 不在 ${least} 到 ${most} 之间`,
    en: `planned work of ${text} is not within ${least} and ${most}`,
  })),
  unknownMask: entry('E090', (mask: string) => ({
    zh: `masks：没有另一个报警 "${mask}"`,
    en: `masks: there is no other alarm "${mask}"`,
  })),
  noCondition: entry('E091', () => ({ zh: '报警缺少条件 when', en: 'the alarm lacks its condition, when' })),
  needlessCondition: entry('E092', () => ({
    zh: 'data-lost 由台账的未知状态触发，不写 when',
    en: 'data-lost follows from the ledger’s unknown; it has no when',
  })),
  badStates: entry('E093', (text: Text) => text),
  suppressedLifeSafety: entry('E094', () => ({
    zh: '1 级（人身安全）报警不能抑制，不写 suppressWhen',
    en: 'an alarm of priority 1 (life safety) is never suppressed; it has no suppressWhen',
  })),
  latchingDataLost: entry('E095', () => ({
    zh: 'data-lost 随数据恢复而消失，不能保持（latching）',
    en: 'data-lost is over when data is back; it cannot be latching',
  })),
  needlessReturn: entry('E096', () => ({
    zh: 'data-lost 没有 when，也就没有 returnWhen',
    en: 'data-lost has no when, so it has no returnWhen',
  })),
  staleTooLate: entry('E097', (profile: string, point: string, stale: string, link: string, interval: string) => ({
    zh: `"${profile}" 的 ${point} 无应答 ${stale} 才算失效，超过链路 "${link}" 的三个周期（每个 ${interval}）；请缩短 staleAfter，或在设备类型里用 staleReason 写明理由`,
    en: `${point} of "${profile}" is trusted for ${stale} without a reply, longer than three intervals of link "${link}" (${interval} each); shorten staleAfter, or give the profile a staleReason`,
  })),
  unsetVariable: entry('W001', (name: string) => ({
    zh: `环境变量 ${name} 未设置，也没有默认值`,
    en: `environment variable ${name} is not set and has no default`,
  })),
  openSecret: entry('W002', (key: string) => ({
    zh: `"${key}" 的内容直接写在文件里，请改用 \${环境变量}`,
    en: `the content of "${key}" stands in the file; use \${VARIABLE} instead`,
  })),
  shadowed: entry('W003', (file: string) => ({
    zh: `用站点旁的 ${file}，不用程序自带的同名文件`,
    en: `${file} beside the site file is used, not the program’s own of the same name`,
  })),
} as const;
