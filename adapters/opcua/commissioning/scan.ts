import { AttributeIds, type ClientSession } from 'node-opcua';
import { LinkLost, SetupRefused } from '../../../model/adapter.ts';
import { parseDuration } from '../../../model/duration.ts';
import type { ScanAnswer, ScanEnd, ScanEvent, ScanOptions, Shown, Unreadable } from '../../../model/probe.ts';
import type { Text } from '../../../model/text.ts';
import type { OpcuaLink } from '../link.ts';
import { BrowsedPoints, pointsTable } from './browsed-points.ts';
import { type NodePlace, parseNode, pointIndex } from './node-place.ts';
import { typeText, variantText } from './node-text.ts';
import { connectionAdvice, type PersonsPlan } from './probe.ts';
import { type FoundNode, Walk, type WalkWanted } from './walk.ts';

/** Characters of a value that are shown. */
const SHOWN_VALUE = 60;
const PROGRESS_EVERY_MS = 200;
/** Variables of which values or points are looked at together. */
const SHOWN_TOGETHER = 50;

const DEFAULT_DEPTH = '6';
const MAX_DEPTH = 20;
const DEFAULT_PACE = '20ms';
const DEFAULT_LIMIT = '5min';

const objectsFolder: NodePlace = { namespace: 0, node: 'i=85' };

const known: ReadonlySet<string> = new Set(['from', 'depth', 'pace', 'for', 'points']);

type Table = Extract<ScanEvent, { kind: 'table' }>['table'];

const variablesTable: Table = {
  key: 'nodes',
  title: { zh: '变量', en: 'Variables' },
  columns: [
    { key: 'node', title: { zh: '节点', en: 'node' } },
    { key: 'path', title: { zh: '路径', en: 'path' } },
    { key: 'type', title: { zh: '类型', en: 'type' } },
    { key: 'points', title: { zh: '站点文件中的点', en: 'points of the site file' }, right: true },
    { key: 'value', title: { zh: '值', en: 'value' } },
  ],
};

interface Wanted extends WalkWanted {
  /** Points for the site file in place of variables as they are. */
  readonly points: boolean;
}

/**
 * Looks through the server's address space for variables; see `Commissioning.scan`. With the option `points` it tells
 * of each what a map would have: see {@link pointsTable}.
 */
export async function scanOpcua(
  plan: PersonsPlan,
  link: Pick<OpcuaLink, 'withSession'>,
  options: ScanOptions,
  signal: AbortSignal,
  tell: (event: ScanEvent) => void,
): Promise<ScanAnswer> {
  const wanted = wantedOf(options, plan);
  if (!wanted.ok) return wanted;
  tell({ kind: 'table', table: wanted.points ? pointsTable : variablesTable });
  const scan = new Scan(plan, wanted, signal, tell);
  try {
    return { ok: true, end: await link.withSession((session) => scan.run(session)) };
  } catch (error) {
    return { ok: true, end: scan.brokenOff(reasonOf(error), error instanceof SetupRefused ? [] : connectionAdvice) };
  }
}

function reasonOf(error: unknown): Text {
  if (error instanceof LinkLost || error instanceof SetupRefused) return error.reason;
  const why = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
  return { zh: `扫描中断：${why}`, en: `the scan broke off: ${why}` };
}

function wantedOf(options: ScanOptions, { points }: PersonsPlan): ({ readonly ok: true } & Wanted) | Unreadable {
  const [other] = Object.keys(options).filter((name) => !known.has(name));
  if (other !== undefined) {
    return {
      ok: false,
      text: {
        zh: `OPC UA 扫描没有选项 --${other}；有 --from（起始节点）、--depth、--pace、--for`,
        en: `a scan over OPC UA has no option --${other}; there are --from (node to begin at), --depth, --pace and --for`,
      },
    };
  }
  const from =
    options.from === undefined ? { ok: true as const, place: objectsFolder } : parseNode(options.from, points);
  if (!from.ok) return from;
  const depth = Number(options.depth ?? DEFAULT_DEPTH);
  if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH) {
    return { ok: false, text: { zh: `--depth 为 1 到 ${MAX_DEPTH}`, en: `--depth is 1 to ${MAX_DEPTH}` } };
  }
  const paceMs = parseDuration(options.pace ?? DEFAULT_PACE);
  const limitMs = parseDuration(options.for ?? DEFAULT_LIMIT);
  if (paceMs === undefined || paceMs > 10_000 || limitMs === undefined || limitMs < 1000 || limitMs > 86_400_000) {
    return {
      ok: false,
      text: {
        zh: '--pace（0ms 到 10s）与 --for（1s 到 1d）为时长，例如 20ms',
        en: '--pace (0ms to 10s) and --for (1s to 1d) are durations such as 20ms',
      },
    };
  }
  return { ok: true, from: from.place, depth, paceMs, limitMs, points: options.points !== undefined };
}

/** One scan: the walk, what is told of the variables that it meets, and how it ended. */
class Scan {
  readonly #pointsAt: ReturnType<typeof pointIndex>;
  readonly #wanted: Wanted;
  readonly #signal: AbortSignal;
  readonly #tell: (event: ScanEvent) => void;
  #walk: Walk | undefined;
  #rows = 0;
  #progressMs = 0;

  constructor(plan: PersonsPlan, wanted: Wanted, signal: AbortSignal, tell: (event: ScanEvent) => void) {
    this.#pointsAt = pointIndex(plan.points);
    this.#wanted = wanted;
    this.#signal = signal;
    this.#tell = tell;
  }

  async run(session: ClientSession): Promise<ScanEnd> {
    const walk = new Walk(session, this.#wanted, this.#signal, () => this.#progress());
    this.#walk = walk;
    const points = this.#wanted.points ? new BrowsedPoints(walk, session) : undefined;
    await walk.run(async (level) => {
      const variables = level.filter(({ isVariable }) => isVariable);
      for (let at = 0; at < variables.length && !this.#signal.aborted; at += SHOWN_TOGETHER) {
        const some = variables.slice(at, at + SHOWN_TOGETHER);
        const rows = points === undefined ? await this.#variables(walk, some) : await points.of(some);
        for (const { key, cells } of rows) this.#row(points === undefined ? variablesTable : pointsTable, key, cells);
        this.#progress();
      }
    });
    points?.end();
    return this.#end(walk);
  }

  /** The connection is gone, or there never was one. */
  brokenOff(what: Text, next: readonly Text[]): ScanEnd {
    const outcome = 'unreachable';
    return { complete: false, outcome, notes: this.#walk?.notes ?? [], trouble: { what, next } };
  }

  #end({ complete, notes, namespaces }: Walk): ScanEnd {
    const none = { zh: '没有找到变量', en: 'no variable was found' };
    const found = {
      zh: `命名空间：${namespaces.map((uri, index) => `${index} = ${uri}`).join('，')}`,
      en: `namespaces: ${namespaces.map((uri, index) => `${index} = ${uri}`).join(', ')}`,
    };
    return {
      complete: complete && !this.#signal.aborted,
      outcome: this.#rows > 0 ? 'answered' : 'refused',
      notes: [...notes, ...(this.#rows === 0 && complete ? [none] : []), found],
      trouble: null,
    };
  }

  async #variables(walk: Walk, variables: readonly FoundNode[]) {
    const wanted = variables.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value }));
    const values = await walk.read(wanted);
    return variables.map(({ nodeId, path, name }, index) => {
      const value = values.get(wanted[index] ?? { nodeId, attributeId: AttributeIds.Value });
      const bad = (value?.statusCode.value ?? 0) >>> 30 >= 2;
      const text = variantText(value?.value);
      const shown = bad
        ? (value?.statusCode.name ?? '')
        : text.length > SHOWN_VALUE
          ? `${text.slice(0, SHOWN_VALUE)} …`
          : text;
      const points = this.#pointsAt(nodeId, walk.namespaces).length;
      const key = nodeId.toString();
      return { key, cells: [key, path || name, typeText(value?.value), String(points), shown] };
    });
  }

  #row(table: Table, key: string, cells: readonly Shown[]): void {
    this.#rows += 1;
    this.#tell({ kind: 'row', table: table.key, key, cells });
  }

  #progress(): void {
    const nowMs = performance.now();
    if (nowMs - this.#progressMs < PROGRESS_EVERY_MS) return;
    this.#progressMs = nowMs;
    const met = this.#walk?.met ?? 0;
    const text = this.#wanted.points
      ? { zh: `${met} 个节点，${this.#rows} 个点`, en: `${met} nodes, ${this.#rows} points` }
      : { zh: `${met} 个节点，${this.#rows} 个变量`, en: `${met} nodes, ${this.#rows} variables` };
    this.#tell({ kind: 'progress', done: 0, total: 0, text });
  }
}
