import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CFB, utils, write } from '@e965/xlsx';
import { afterAll, describe, expect, test } from 'vitest';
import { openList } from './open-list.ts';
import { MAX_LIST_BYTES, MAX_ROWS, readSheets } from './sheets.ts';
import { csvOf } from './write-sheets.ts';

const folder = mkdtempSync(join(tmpdir(), 'lamplighter-sheets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A workbook with one sheet, whose rows are given as they stand in its file. */
function workbookWith(rows: string, range = 'A1'): Buffer {
  const sheet = `<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="${range}"/><sheetData>${rows}</sheetData></worksheet>`;
  const container = CFB.read(bookOf([['x']]), { type: 'buffer' });
  const entry = CFB.find(container, '/xl/worksheets/sheet1.xml');
  if (entry === null) throw new Error('a workbook has a sheet');
  entry.content = Buffer.from(sheet);
  entry.size = sheet.length;
  return Buffer.from(CFB.write(container, { type: 'buffer', fileType: 'zip', compression: true }));
}

function bookOf(rows: unknown[][], merges: string[] = []): Buffer {
  const sheet = utils.aoa_to_sheet(rows);
  sheet['!merges'] = merges.map((range) => utils.decode_range(range));
  const workbook = utils.book_new();
  utils.book_append_sheet(workbook, sheet, 'Lifts');
  return write(workbook, { type: 'buffer', bookType: 'xlsx' }) as Buffer;
}

function sheetsOf(path: string) {
  const read = readSheets(path);
  if (!read.ok) throw new Error(read.text.en);
  return read.sheets;
}

/** `资产,点\r\n电梯,门` as a Chinese Windows saves it. */
const GB18030 = Buffer.from([
  ...[0xd7, 0xca, 0xb2, 0xfa, 0x2c, 0xb5, 0xe3, 0x0d, 0x0a],
  ...[0xb5, 0xe7, 0xcc, 0xdd, 0x2c, 0xc3, 0xc5],
]);

describe('text with separators', () => {
  const table = [
    ['资产', '点'],
    ['电梯', '门'],
  ];
  test.each([
    ['UTF-8', Buffer.from('资产,点\n电梯,门\n')],
    ['UTF-8 with a byte order mark', Buffer.from('\ufeff资产,点\r\n电梯,门\r\n')],
    ['UTF-16, as "Unicode text" is saved', Buffer.from('\ufeff资产\t点\r\n电梯\t门\r\n', 'utf16le')],
    ['GB18030', GB18030],
    ['semicolons', Buffer.from('资产;点\n电梯;门\n')],
    ['quotes', Buffer.from('"资产","点"\n"电梯","门"\n')],
  ])('%s', (name, bytes) => {
    expect(sheetsOf(file(`${name.replaceAll(/\W/g, '')}.csv`, bytes))).toEqual([
      { name: expect.any(String), rows: table, broken: [] },
    ]);
  });

  test('stays as it is written: leading zeros, what looks like a date, full-width figures as figures', () => {
    const [sheet] = sheetsOf(file('as-written.csv', 'asset,address\n007,1-2\nlift：１,４０１６１\n'));
    expect(sheet?.rows.slice(1)).toEqual([
      ['007', '1-2'],
      ['lift:1', '40161'],
    ]);
  });
});

describe('a workbook', () => {
  test('merged cells all have the value of the first', () => {
    const path = file(
      'merged.xlsx',
      bookOf(
        [
          ['asset', 'unit'],
          ['lift-1', 7],
          [null, null],
          ['lift-2', 8],
        ],
        ['A2:A3', 'B2:B3'],
      ),
    );
    expect(sheetsOf(path)[0]?.rows).toEqual([
      ['asset', 'unit'],
      ['lift-1', 7],
      ['lift-1', 7],
      ['lift-2', 8],
    ]);
  });

  test('what the spreadsheet could not work out is told, and is no value', () => {
    const broken = { t: 'e', v: 0x17, w: '#REF!' };
    const [sheet] = sheetsOf(file('broken.xlsx', bookOf([['asset'], [broken]])));
    expect(sheet?.broken).toEqual([{ row: 1, column: 0, shown: '#REF!' }]);
    expect(sheet?.rows[1]).toEqual([null]);
  });

  test('a date is the day that is written there', () => {
    const [sheet] = sheetsOf(file('dates.xlsx', bookOf([['warrantyUntil'], [new Date(2027, 2, 31)]])));
    expect(sheet?.rows[1]).toEqual(['2027-03-31']);
  });
});

test('an export in text begins no formula, and an import takes its mark off', () => {
  const rows = [
    ['asset', 'name_en', 'scale'],
    ['lift-1', '=HYPERLINK("http://x")', -0.5],
    ['lift-2', '-', 1],
  ];
  const text = csvOf({ name: 'points', rows });
  expect(text.toString()).toContain(`'=HYPERLINK`);
  expect(text.toString()).toContain(',-0.5');
  const [sheet] = sheetsOf(file('guarded.csv', text));
  expect(sheet?.rows[1]).toEqual(['lift-1', '=HYPERLINK("http://x")', '-0.5']);
  expect(sheet?.rows[2]).toEqual(['lift-2', '-', '1']);
});

test('a file that unpacks to more memory than it may take is refused', async () => {
  const cells = (row: number) => [...'ABCDEF'].map((column) => `<c r="${column}${row}"><v>${row}.5</v></c>`).join('');
  const rows = Array.from({ length: 45_000 }, (_, row) => `<row r="${row + 1}">${cells(row + 1)}</row>`);
  const list = file('bomb.xlsx', workbookWith(rows.join('')));
  expect((await openList(list)).ok).toBe(true);
  const read = await openList(list, 16);
  expect(read.ok ? '' : read.text.en).toContain('unpacks to too much');
});

test('a cell far away makes its sheet too large, whatever range is declared', () => {
  const far =
    '<row r="1"><c r="A1" t="inlineStr"><is><t>asset</t></is></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>';
  const read = readSheets(file('far.xlsx', workbookWith(far)));
  expect(read.ok ? '' : read.text.en).toContain('is larger than');
  const declared = readSheets(
    file('declared.xlsx', workbookWith('<row r="1"><c r="A1"><v>1</v></c></row>', 'A1:XFD1048576')),
  );
  expect(declared.ok && declared.sheets[0]?.rows).toEqual([[1]]);
});

describe('is refused in words', () => {
  test.each([
    ['no file', () => join(folder, 'none.csv'), 'there is no file'],
    ['no workbook', () => file('no-book.xlsx', Buffer.from('PK\x03\x04 is no archive')), 'cannot be read'],
    ['too many bytes', () => file('huge.csv', Buffer.alloc(MAX_LIST_BYTES + 1, 'a')), 'the bound is'],
    ['too many rows', () => file('long.csv', 'a,b\n'.repeat(MAX_ROWS + 1)), 'is larger than'],
  ])('%s', (_, path, text) => {
    const read = readSheets(path());
    expect(read.ok ? '' : read.text.en).toContain(text);
    expect(read.ok ? '' : read.text.zh).not.toBe('');
  });
});
