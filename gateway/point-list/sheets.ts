import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { read, utils, type WorkBook, type WorkSheet } from '@e965/xlsx';
import type { Text } from '../../model/text.ts';

/** Bound on a point list, in bytes; a list of 10,000 points has about one megabyte. */
export const MAX_LIST_BYTES = 16 * 1024 * 1024;
/** Bound on the rows of one sheet, and on its columns; what lies beyond is refused, never left out. */
export const MAX_ROWS = 50_000;
export const MAX_COLUMNS = 200;
/** Bound on the sheets of a workbook. */
export const MAX_SHEETS = 100;

/** What stands in a cell; null where there is nothing. */
export type CellValue = string | number | boolean | null;

/** A cell that the spreadsheet itself could not work out, such as `#REF!`. */
export interface BrokenCell {
  readonly row: number;
  readonly column: number;
  readonly shown: string;
}

/** A sheet as a table: `rows[0]` is the first row of the sheet. Merged cells all have the value of their first one. */
export interface Sheet {
  readonly name: string;
  readonly rows: readonly (readonly CellValue[])[];
  readonly broken: readonly BrokenCell[];
}

/** What a list has, or why it cannot be read. */
export type ReadSheets =
  | { readonly ok: true; readonly sheets: readonly Sheet[] }
  | { readonly ok: false; readonly text: Text };

/**
 * Reads a list of points: a workbook (`.xlsx`, `.xls`, `.ods`), or else text with separators (`.csv`, `.txt`). What a small
 * file unpacks to has no bound here: a stranger's file is read in a thread that has one, by `open-list.ts`.
 */
export function readSheets(path: string): ReadSheets {
  const bytes = readBounded(path);
  if (!Buffer.isBuffer(bytes)) return { ok: false, text: bytes };
  const isBook = ['.xlsx', '.xlsm', '.xls', '.ods'].includes(extname(path).toLowerCase());
  let book: WorkBook;
  try {
    // Cells of a text file stay as they are written: what looks like a date or has leading zeros may be a key. The range
    // that a workbook declares is nobody's word for where its cells are.
    book = isBook
      ? read(bytes, { type: 'buffer', dense: true, nodim: true, cellDates: true, cellFormula: false, cellHTML: false })
      : read(decodeText(bytes), { type: 'string', dense: true, raw: true });
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      text: { zh: `${path} 无法读取：${cause}`, en: `${path} cannot be read: ${cause}` },
    };
  }
  const sheets: Sheet[] = [];
  for (const name of book.SheetNames) {
    const sheet = book.Sheets[name];
    const range = sheet?.['!ref'] === undefined ? undefined : utils.decode_range(sheet['!ref']);
    if (sheet === undefined || range === undefined) continue;
    const shownName = isBook ? name : basename(path);
    if (range.e.r >= MAX_ROWS || range.e.c >= MAX_COLUMNS) return { ok: false, text: tooLarge(shownName) };
    if (sheets.length === MAX_SHEETS) return { ok: false, text: tooManySheets(path) };
    sheets.push(toSheet(shownName, sheet, !isBook));
  }
  return { ok: true, sheets };
}

function readBounded(path: string): Buffer | Text {
  try {
    const handle = openSync(path, 'r');
    try {
      const { size } = fstatSync(handle);
      if (size > MAX_LIST_BYTES) {
        return {
          zh: `${path} 有 ${size} 字节，超过上限 ${MAX_LIST_BYTES}`,
          en: `${path} has ${size} bytes, the bound is ${MAX_LIST_BYTES}`,
        };
      }
      return readFileSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return code === 'ENOENT'
      ? { zh: `没有文件 ${path}`, en: `there is no file ${path}` }
      : { zh: `${path} 无法读取：${code}`, en: `${path} cannot be read: ${code}` };
  }
}

/**
 * Text of a list: UTF-8 or UTF-16 where a byte order mark says so, UTF-8 where the bytes are that, else GB18030, in which
 * spreadsheets on a Chinese Windows save.
 */
export function decodeText(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // Not UTF-8: that is what the decoder was asked.
    return new TextDecoder('gb18030').decode(bytes);
  }
}

/** Rows are as long as what is in them; those without anything are empty. */
function toSheet(name: string, sheet: WorkSheet, isText: boolean): Sheet {
  const broken: BrokenCell[] = [];
  const rows: CellValue[][] = [];
  const data = (sheet['!data'] ?? []) as ((Cell | undefined)[] | undefined)[];
  for (const [row, written] of data.entries()) {
    const cells: CellValue[] = [];
    for (const [column, cell] of (written ?? []).entries()) {
      if (cell?.t === 'e') broken.push({ row, column, shown: cell.w ?? '#?' });
      cells.push(cell === undefined || cell.t === 'e' ? null : cellOf(cell.v, isText));
    }
    rows.push(cells);
  }
  for (const { s, e } of sheet['!merges'] ?? []) {
    const value = rows[s.r]?.[s.c] ?? null;
    const last = Math.min(e.c, MAX_COLUMNS - 1);
    for (const cells of value === null ? [] : rows.slice(s.r, e.r + 1)) {
      while (cells.length <= last) cells.push(null);
      cells.fill(value, s.c, last + 1);
    }
  }
  return { name, rows, broken };
}

/** A cell as the library has it. */
interface Cell {
  readonly t: string;
  readonly v?: unknown;
  readonly w?: string;
}

function cellOf(value: unknown, isText: boolean): CellValue {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (value instanceof Date) return localDate(value);
  // Full-width letters, digits and colons are what a Chinese input method leaves in a list; blanks are nobody's meaning.
  const text = String(value ?? '')
    .normalize('NFKC')
    .trim();
  if (text === '') return null;
  // The mark that keeps a spreadsheet from taking a text for a formula; see `csvOf`.
  return isText && GUARDED.test(text) ? text.slice(1) : text;
}

const GUARDED = /^'[=+\-@]/;

/** A spreadsheet's date has no zone; the library gives its day in the machine's. */
function localDate(date: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function tooManySheets(path: string): Text {
  return {
    zh: `${path} 的工作表超过 ${MAX_SHEETS} 个`,
    en: `${path} has more than ${MAX_SHEETS} sheets`,
  };
}

function tooLarge(sheet: string): Text {
  return {
    zh: `工作表 ${sheet} 超过上限：${MAX_ROWS} 行、${MAX_COLUMNS} 列`,
    en: `sheet ${sheet} is larger than ${MAX_ROWS} rows or ${MAX_COLUMNS} columns`,
  };
}

/** A cell's name in its sheet, both counted from 0: `C7`. */
export function cellName(row: number, column: number): string {
  return utils.encode_cell({ r: row, c: column });
}
