import { type CellObject, utils, write } from '@e965/xlsx';
import type { PointTable } from './list-points.ts';
import type { CellValue } from './sheets.ts';

/** A workbook (`.xlsx`) with a sheet for each table. */
export function workbookOf(tables: readonly PointTable[]): Buffer {
  const book = utils.book_new();
  for (const { name, rows } of tables) utils.book_append_sheet(book, sheetOf(rows), name);
  return write(book, { type: 'buffer', bookType: 'xlsx', compression: true }) as Buffer;
}

/** Text with commas, in UTF-8 with the mark by which spreadsheets know it. */
export function csvOf({ rows }: PointTable): Buffer {
  const guarded = rows.map((row) => row.map((value) => (typeof value === 'string' ? unformulated(value) : value)));
  return Buffer.from(`\ufeff${utils.sheet_to_csv(sheetOf(guarded), { RS: '\r\n' })}`);
}

/** Text in a text file has no type: a spreadsheet would run what begins like a formula. An import takes the mark off. */
function unformulated(text: string): string {
  return /^[=+\-@]/.test(text) ? `'${text}` : text;
}

function sheetOf(rows: PointTable['rows']) {
  return utils.aoa_to_sheet(rows.map((row) => row.map(cellOf)));
}

/** Texts stay texts, also those that look like numbers or formulas. */
function cellOf(value: CellValue): CellObject | null {
  if (value === null) return null;
  return typeof value === 'string' ? { t: 's', v: value } : { t: typeof value === 'number' ? 'n' : 'b', v: value };
}
