import type { Text } from '../../../model/text.ts';
import { parseRegister } from '../address.ts';
import type { Table } from '../schema.ts';

/** A place that a person named. */
export interface ProbePlace {
  readonly unit: number;
  readonly table: Table;
  /** As on the wire, from 0. */
  readonly address: number;
}

export type ParsedPlace =
  | { readonly ok: true; readonly place: ProbePlace }
  | { readonly ok: false; readonly text: Text };

const LAST_ADDRESS = 65_535;
const LAST_UNIT = 255;

const tables: Readonly<Record<string, Table>> = {
  holding: 'holding',
  input: 'input',
  coil: 'coil',
  discrete: 'discrete',
};

/**
 * Reads a place as integrators write it: `holding:160@1`, address as on the wire, from 0 (also `0xA0`), or `40161@1`, as
 * manuals count, from 1, in five or six digits; the unit stands behind `@`. Where the link has only one unit, among
 * `units`, it may be left out.
 */
export function parsePlace(text: string, units: readonly number[]): ParsedPlace {
  const match =
    /^(?:(?<table>[a-z]+):(?<address>0x[0-9a-f]{1,4}|\d{1,6})|(?<register>\d{1,6}))(?:@(?<unit>\d{1,3}))?$/i.exec(
      text.trim(),
    );
  if (match?.groups === undefined) return wrong(text);
  const place = placeOf(match.groups);
  if ('ok' in place) return place;
  const unit = unitOf(match.groups.unit, units, text);
  return typeof unit === 'number' ? { ok: true, place: { ...place, unit } } : unit;
}

type Refused = Extract<ParsedPlace, { readonly ok: false }>;

function placeOf({
  table: name,
  address: written,
  register,
}: Partial<Record<string, string>>): Omit<ProbePlace, 'unit'> | Refused {
  if (register !== undefined) {
    const place = register.length < 5 ? undefined : parseRegister(Number(register));
    if (place !== undefined) return { table: place.table, address: place.base };
    return refused(
      `${register} 看不出是哪个表：请写 holding:${register}@站号（从 0 起），或五、六位的 4xxxx、3xxxx、1xxxx、0xxxx（从 1 起）`,
      `${register} does not say which table: write holding:${register}@UNIT (from 0), or five or six digits as 4xxxx, 3xxxx, 1xxxx, 0xxxx (from 1)`,
    );
  }
  const table = tables[(name ?? '').toLowerCase()];
  if (table === undefined) {
    return refused(
      `没有 ${name} 这个表；有 holding（保持）、input（输入）、coil（线圈）、discrete（离散输入）`,
      `there is no table ${name}; there are holding, input, coil and discrete`,
    );
  }
  const address = Number(written);
  if (address <= LAST_ADDRESS) return { table, address };
  const seems = parseRegister(address);
  const hint = seems === undefined ? undefined : `${seems.table}:${seems.base}`;
  return refused(
    `${table} 的地址为 0 到 ${LAST_ADDRESS}，没有 ${written}${hint === undefined ? '' : `；是指 ${hint} 吗`}`,
    `${table} has addresses 0 to ${LAST_ADDRESS}, not ${written}${hint === undefined ? '' : `; is ${hint} meant`}`,
  );
}

function unitOf(written: string | undefined, units: readonly number[], text: string): number | Refused {
  if (written !== undefined) {
    const unit = Number(written);
    return unit <= LAST_UNIT ? unit : refused(`站号为 0 到 ${LAST_UNIT}`, `a unit is 0 to ${LAST_UNIT}`);
  }
  const [only, ...more] = units;
  if (only !== undefined && more.length === 0) return only;
  const some = units.slice(0, 20).join(', ');
  const known = some === '' ? '' : `: ${some}${units.length > 20 ? ' …' : ''}`;
  return refused(
    `请在 @ 后写站号，例如 ${text}@${only ?? 1}${known === '' ? '' : `；站点文件中有${known}`}`,
    `write the unit behind @, such as ${text}@${only ?? 1}${known === '' ? '' : `; the site file has${known}`}`,
  );
}

/** What was meant for the key of a point, of which the link has none by this name. */
const POINT_KEY = /^[^@:/\s]+\/[^@:/\s]+$/;

function wrong(text: string): Refused {
  if (POINT_KEY.test(text.trim())) {
    return refused(
      `链路上没有点 "${text}"；“check 站点文件 --points”列出全部点及其地址`,
      `there is no point "${text}" on this link; "check FILE --points" lists all of them with their addresses`,
    );
  }
  return refused(
    `地址“${text}”无法识别；请写 holding:160@1（从 0 起，@ 后为站号）、40161@1（从 1 起），或点的键`,
    `cannot read the address "${text}"; write holding:160@1 (from 0, unit behind @), 40161@1 (from 1), or the key of a point`,
  );
}

function refused(zh: string, en: string): Refused {
  return { ok: false, text: { zh, en } };
}
