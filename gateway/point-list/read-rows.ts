import type { Text } from '../../model/text.ts';
import { nearest } from '../../rules/expressions/expression.ts';
import { assetColumns, columnOf, knownValues, POINT_COLUMN } from './columns.ts';
import type { ListMapping } from './list-mapping.ts';
import { type CellValue, cellName, type Sheet } from './sheets.ts';

/** Rows of a sheet among which the titles of its columns are looked for. */
const MAX_TITLE_ROW = 20;
/** Of the titles so many at least must be known, so that a cover sheet is not taken for a list. */
const LEAST_TITLES = 2;

/** A place in a list, for people: sheet, row from 1, and the cell where one is meant. */
export interface ListPlace {
  readonly sheet: string;
  readonly row: number;
  /** Such as `C7`; null where the row as a whole is meant. */
  readonly cell: string | null;
}

/** What is wrong with a list, and where. */
export interface ListMistake {
  readonly place: ListPlace;
  readonly text: Text;
}

/** One row that names a point. */
export interface ListRow {
  readonly sheet: string;
  /** From 1, as spreadsheets count. */
  readonly row: number;
  readonly values: ReadonlyMap<string, Exclude<CellValue, null>>;
  /** Where a column stands in the sheet, from 0; none for what comes from the mapping's defaults. */
  readonly columns: ReadonlyMap<string, number>;
}

export interface ListRows {
  readonly rows: readonly ListRow[];
  readonly mistakes: readonly ListMistake[];
  /** Sheets without titles, and rows without a point, each as a person would look it up. */
  readonly leftOut: readonly string[];
  /** Titles that nobody knows, whose columns were not read. */
  readonly unknownTitles: readonly string[];
}

/** Finds the titles of each sheet and makes rows of what stands below; `known` are the columns that there are. */
export function readRows(sheets: readonly Sheet[], mapping: ListMapping, known: ReadonlySet<string>): ListRows {
  const mistakes: ListMistake[] = [];
  const rows: ListRow[] = [];
  const leftOut: string[] = [];
  const unknownTitles = new Set<string>();
  const wanted = mapping.sheets;
  for (const name of wanted ?? []) {
    if (!sheets.some((sheet) => sheet.name === name)) mistakes.push(noSheet(name, sheets));
  }
  for (const column of [...Object.keys(mapping.values ?? {}), ...Object.keys(mapping.defaults ?? {})]) {
    if (!known.has(column)) mistakes.push({ place: IN_MAPPING, text: unknownColumn(column, known) });
  }
  for (const sheet of sheets) {
    if (wanted !== undefined && !wanted.includes(sheet.name)) continue;
    const titles = findTitles(sheet, mapping, known);
    if (titles === undefined) {
      leftOut.push(sheet.name);
      continue;
    }
    mistakes.push(...titles.mistakes, ...brokenCells(sheet, titles));
    for (const title of titles.unknown) unknownTitles.add(title);
    rows.push(...rowsBelow(sheet, titles, mapping, leftOut));
  }
  if (rows.length === 0 && mistakes.length === 0) mistakes.push(nothingFound(sheets));
  return { rows, mistakes, leftOut, unknownTitles: [...unknownTitles] };
}

const IN_MAPPING: ListPlace = { sheet: '--mapping', row: 1, cell: null };

interface Titles {
  /** From 0. */
  readonly row: number;
  readonly columns: ReadonlyMap<string, number>;
  readonly mistakes: readonly ListMistake[];
  readonly unknown: readonly string[];
}

function findTitles(sheet: Sheet, mapping: ListMapping, known: ReadonlySet<string>): Titles | undefined {
  if (mapping.header !== undefined) return titlesOf(sheet, mapping.header - 1, mapping, known);
  let best: Titles | undefined;
  for (let row = 0; row < Math.min(MAX_TITLE_ROW, sheet.rows.length); row++) {
    const titles = titlesOf(sheet, row, mapping, known);
    if (titles.columns.size >= LEAST_TITLES && titles.columns.size > (best?.columns.size ?? 0)) best = titles;
  }
  return best;
}

/** The columns of one row of titles. A title that nobody knows is a mistake only where the mapping names it wrongly. */
function titlesOf(sheet: Sheet, row: number, mapping: ListMapping, known: ReadonlySet<string>): Titles {
  const columns = new Map<string, number>();
  const mistakes: ListMistake[] = [];
  const unknown: string[] = [];
  for (const [index, cell] of (sheet.rows[row] ?? []).entries()) {
    if (cell === null) continue;
    const title = String(cell);
    const named = Object.entries(mapping.columns ?? {}).find(([written]) => written.trim() === title)?.[1];
    const column = named ?? columnOf(title, known);
    if (column === undefined) unknown.push(title);
    if (column === undefined || column === 'ignore') continue;
    const place = { sheet: sheet.name, row: row + 1, cell: cellName(row, index) };
    if (!known.has(column)) mistakes.push({ place, text: unknownColumn(column, known) });
    else if (columns.has(column) && columns.get(column) !== index - 1) mistakes.push({ place, text: twice(column) });
    // A title that is merged over two columns names the first of them.
    else if (!columns.has(column)) columns.set(column, index);
  }
  return { row, columns, mistakes, unknown };
}

function brokenCells(sheet: Sheet, { row: titleRow, columns }: Titles): ListMistake[] {
  const used = new Set(columns.values());
  return sheet.broken
    .filter(({ row, column }) => row > titleRow && used.has(column))
    .map(({ row, column, shown }) => ({
      place: { sheet: sheet.name, row: row + 1, cell: cellName(row, column) },
      text: { zh: `单元格是错误值 ${shown}`, en: `the cell is the error ${shown}` },
    }));
}

/**
 * Rows below the titles. Where the column of the asset is empty, the row goes on with the asset above it, and so do the
 * other columns of the asset: people write them once, or merge their cells, which a text file cannot.
 */
function* rowsBelow(sheet: Sheet, titles: Titles, mapping: ListMapping, leftOut: string[]): Generator<ListRow> {
  let above: ReadonlyMap<string, Exclude<CellValue, null>> = new Map();
  for (let row = titles.row + 1; row < sheet.rows.length; row++) {
    const own = new Map<string, Exclude<CellValue, null>>();
    for (const [column, index] of titles.columns) {
      const cell = sheet.rows[row]?.[index] ?? null;
      if (cell !== null) own.set(column, meant(column, cell, mapping));
    }
    if (own.size === 0) continue;
    const values = new Map(own);
    if (!own.has('asset')) for (const [column, value] of above) if (!values.has(column)) values.set(column, value);
    above = new Map(
      [...values].filter(([column]) => (assetColumns as readonly string[]).includes(column) || column === 'unit'),
    );
    for (const [column, value] of Object.entries(mapping.defaults ?? {})) {
      if (!values.has(column)) values.set(column, value);
    }
    if (own.has(POINT_COLUMN)) yield { sheet: sheet.name, row: row + 1, values, columns: titles.columns };
    else leftOut.push(`${sheet.name}!${row + 1}`);
  }
}

/** What a cell means: by the mapping's words, else by those that lists commonly use, else as it stands. */
function meant(column: string, cell: Exclude<CellValue, null>, mapping: ListMapping): string | number | boolean {
  const written = String(cell);
  for (const words of [mapping.values?.[column], knownValues[column]]) {
    if (words !== undefined && Object.hasOwn(words, written)) return words[written] ?? cell;
  }
  return cell;
}

/** Where a mistake of a row is: at the cell of `column`, or at the row where that column is not in the sheet. */
export function placeOf({ sheet, row, columns }: ListRow, column?: string): ListPlace {
  const index = column === undefined ? undefined : columns.get(column);
  return { sheet, row, cell: index === undefined ? null : cellName(row - 1, index) };
}

/** `Lifts!C7`, or `Lifts!7` for a whole row. */
export function shownPlace({ sheet, row, cell }: ListPlace): string {
  return `${sheet}!${cell ?? row}`;
}

function unknownColumn(column: string, known: ReadonlySet<string>): Text {
  const suggestion = nearest(column, [...known]);
  const zh = suggestion === undefined ? '' : `，是否想写 "${suggestion}"？`;
  const en = suggestion === undefined ? '' : `; did you mean "${suggestion}"?`;
  return {
    zh: `映射文件中的列 "${column}" 不存在${zh}`,
    en: `the mapping names a column "${column}" that does not exist${en}`,
  };
}

function twice(column: string): Text {
  return { zh: `列 "${column}" 出现了两次`, en: `column "${column}" is there twice` };
}

function noSheet(name: string, sheets: readonly Sheet[]): ListMistake {
  const there = sheets.map((sheet) => sheet.name).join(', ');
  return {
    place: { sheet: name, row: 1, cell: null },
    text: { zh: `没有工作表 "${name}"，现有：${there}`, en: `there is no sheet "${name}"; there are: ${there}` },
  };
}

function nothingFound(sheets: readonly Sheet[]): ListMistake {
  return {
    place: { sheet: sheets[0]?.name ?? '', row: 1, cell: null },
    text: {
      zh: `没有找到点：前 ${MAX_TITLE_ROW} 行里没有认得的列名（如 asset、point、register 或 资产、点、寄存器），请用 --mapping 说明`,
      en: `no points found: none of the first ${MAX_TITLE_ROW} rows has titles that are known (asset, point, register …); name them with --mapping`,
    },
  };
}
