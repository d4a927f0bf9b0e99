import type { LinkPlan } from '../../../model/adapter.ts';
import type { Fact, Finding, ProbeAnswer, ProbeRequest, ShownTable } from '../../../model/probe.ts';
import type { Text } from '../../../model/text.ts';
import { isBitTable, type ModbusAddress, registerOf } from '../address.ts';
import type { ModbusSettings, Table } from '../schema.ts';
import type { Reply } from '../transport/connection.ts';
import { failureText, outcomeOf, troubleOf } from './advice.ts';
import { aroundOf, bytesFact, decodingTable, entryTable, pointTable, type Shows, textFacts } from './decodings.ts';
import type { PersonsLine } from './persons-line.ts';
import { type ProbePlace, parsePlace } from './probe-address.ts';

/** Entries that one read asks for at most; with a neighbour on each side it is what one request may read. */
const MAX_COUNT = 123;
/** Registers of a read where the person does not say; enough for 32 bits, and with `wide` for 64. */
const REGISTERS = 2;
const WIDE_REGISTERS = 4;

const functionOf: Readonly<Record<Table, string>> = {
  coil: '01 Read Coils',
  discrete: '02 Read Discrete Inputs',
  holding: '03 Read Holding Registers',
  input: '04 Read Input Registers',
};

/** Exceptions after which a part of what was asked for may still be had. */
const SPLITTING: ReadonlySet<number> = new Set([2, 3, 4]);

/** Reads one place with its neighbours and decodes it in every way; see `Commissioning.probe`. */
export async function probeModbus(
  plan: Pick<LinkPlan<ModbusSettings, ModbusAddress>, 'key' | 'settings' | 'points'>,
  line: PersonsLine,
  request: ProbeRequest,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const wanted = wantedOf(plan, request);
  if (!wanted.ok) return wanted;
  const { place, count } = wanted;
  try {
    const read = await readAround(line, place, count, signal);
    const { wordOrder = 'big', byteOrder = 'big' } = plan.settings;
    const shows: Shows = {
      place,
      count,
      entries: read.entries,
      wide: request.wide ?? false,
      points: plan.points,
      order: { wordOrder, byteOrder },
    };
    const { reply } = read;
    const finding: Finding = {
      outcome: outcomeOf(reply),
      facts: factsOf(shows, read),
      tables: tablesOf(shows, read),
      trouble:
        reply.kind === 'data'
          ? null
          : troubleOf(reply, {
              place,
              link: plan.key,
              endpoint: plan.settings.endpoint,
              lost: line.lost,
              readable: readableBeside(read, place.address),
            }),
    };
    return { ok: true, finding };
  } finally {
    await line.close();
  }
}

type Wanted =
  | { readonly ok: true; readonly place: ProbePlace; readonly count: number }
  | { readonly ok: false; readonly text: Text };

function wantedOf(
  { points }: Pick<LinkPlan<ModbusSettings, ModbusAddress>, 'points'>,
  { where, count, wide }: ProbeRequest,
): Wanted {
  const point = points.find(({ key }) => key === where);
  const units = [...new Set(points.map(({ address }) => address.unit))].sort((a, b) => a - b);
  const parsed = point ? { ok: true as const, place: point.address } : parsePlace(where, units);
  if (!parsed.ok) return parsed;
  const { unit, table, address } = parsed.place;
  const least = isBitTable(table) ? 1 : wide ? WIDE_REGISTERS : REGISTERS;
  // What the site file has here is read whole, so that its value can be shown.
  const mapped = points
    .filter(
      (other) => other.address.unit === unit && other.address.table === table && other.address.address === address,
    )
    .map((other) => other.address.count);
  const asked = count ?? Math.min(MAX_COUNT, Math.max(least, ...mapped));
  if (!(asked >= 1 && asked <= MAX_COUNT)) {
    const text = { zh: `一次读 1 到 ${MAX_COUNT} 个`, en: `one read asks for 1 to ${MAX_COUNT} entries` };
    return { ok: false, text };
  }
  return { ok: true, place: { unit, table, address }, count: Math.min(asked, 65_536 - address) };
}

interface Around {
  /** That which decides: for the whole of what was asked for, or for its first entry where the whole cannot be had. */
  readonly reply: Reply;
  readonly entries: ReadonlyMap<number, number | Text>;
  readonly roundTripMs: number;
}

/**
 * Reads `count` entries with one on each side: in one request where the device gives that, else what was asked for by
 * itself, else its first entry, and each neighbour alone.
 */
async function readAround(line: PersonsLine, place: ProbePlace, count: number, signal: AbortSignal): Promise<Around> {
  const entries = new Map<number, number | Text>();
  const { unit, table, address } = place;
  let roundTripMs = 0;
  const read = async (from: number, many: number): Promise<Reply> => {
    const startMs = performance.now();
    const reply = await line.ask({ unit, table, address: from, count: many }, signal);
    roundTripMs = performance.now() - startMs;
    if (reply.kind === 'data') takeEntries(entries, table, from, many, reply.bytes);
    else if (many === 1) entries.set(from, failureText(reply, line.lost));
    return reply;
  };
  const around = aroundOf(address, count);
  const whole = await read(around[0] ?? address, around.length);
  if (!maySplit(whole)) return { reply: whole, entries, roundTripMs };
  let reply = await read(address, count);
  if (maySplit(reply) && count > 1) reply = await read(address, 1);
  const answer = { reply, roundTripMs };
  if (reply.kind === 'timeout' || reply.kind === 'lost') return { ...answer, entries };
  for (const other of around) {
    if (entries.has(other) || signal.aborted) continue;
    if (other !== address && (await read(other, 1)).kind === 'lost') break;
  }
  return { ...answer, entries };
}

function maySplit(reply: Reply): boolean {
  // Some devices keep silent where they should refuse.
  return reply.kind === 'timeout' || (reply.kind === 'exception' && SPLITTING.has(reply.code));
}

function takeEntries(
  entries: Map<number, number | Text>,
  table: Table,
  from: number,
  count: number,
  bytes: Buffer,
): void {
  for (let i = 0; i < count; i++) {
    entries.set(from + i, isBitTable(table) ? ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1 : bytes.readUInt16BE(i * 2));
  }
}

function readableBeside({ entries }: Around, address: number): number[] {
  return [address - 1, address + 1].filter((beside) => typeof entries.get(beside) === 'number');
}

function factsOf(shows: Shows, { reply, roundTripMs }: Around): Fact[] {
  const { unit, table, address } = shows.place;
  const fact = (key: string, zh: string, en: string, value: Fact['value']): Fact => ({ key, name: { zh, en }, value });
  const bytes = bytesFact(shows);
  return [
    fact('unit', '站号', 'unit', String(unit)),
    fact('table', '表', 'table', table),
    fact('address', '线上地址（从 0）', 'address on the wire, from 0', `${table}:${address}@${unit}`),
    fact('register', '手册地址（从 1）', 'as manuals count, from 1', `${registerOf(table, address)}@${unit}`),
    fact('function', '功能码', 'function', functionOf[table]),
    ...(reply.kind === 'lost' || reply.kind === 'timeout'
      ? []
      : [fact('roundTrip', '应答用时', 'answered in', `${roundTripMs.toFixed(roundTripMs < 10 ? 1 : 0)} ms`)]),
    ...(bytes ? [bytes] : []),
    ...textFacts(shows),
  ];
}

function tablesOf(shows: Shows, { entries }: Around): ShownTable[] {
  const values = [...entries.values()];
  if (values.length === 0) return [];
  const points = pointTable(shows);
  const decodings = values.some((entry) => typeof entry === 'number') ? decodingTable(shows) : undefined;
  return [entryTable(shows), ...(decodings ? [decodings] : []), ...(points ? [points] : [])];
}
