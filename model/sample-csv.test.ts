import { expect, test } from 'vitest';
import { Quality } from './sample.ts';
import { type CsvForm, type CsvPoint, type CsvSamples, csvHead, csvRows } from './sample-csv.ts';

const plain: CsvForm = { language: 'en', stamp: (ms) => `T${ms}`, spreadsheet: false };
const excel: CsvForm = { ...plain, language: 'zh', spreadsheet: true };
const power: CsvPoint = { asset: 'lamp-1', point: 'power', unit: 'kWh', kind: 'double', states: undefined };
const state = (zh: string, en: string) => ({ zh, en });

function samples(
  ...rows: readonly (readonly [ms: number, value: number | string | null, quality?: number])[]
): CsvSamples {
  const texts = rows.flatMap(([, value], row) => (typeof value === 'string' ? [[row, value] as const] : []));
  return {
    ms: Float64Array.from(rows, ([ms]) => ms),
    value: Float64Array.from(rows, ([, value]) => (typeof value === 'number' ? value : Number.NaN)),
    quality: Uint8Array.from(rows, ([, , quality = Quality.good]) => quality),
    texts: new Map(texts),
  };
}

test('a line for each sample; a bad one has no value', () => {
  expect(csvHead(plain)).toBe('asset,point,time,value,text,quality,unit\n');
  expect(csvRows(power, samples([1, 0.1], [2, -1e21, Quality.uncertain], [3, null, Quality.bad]), plain)).toBe(
    'lamp-1,power,T1,0.1,,good,kWh\nlamp-1,power,T2,-1e+21,,uncertain,kWh\nlamp-1,power,T3,,,bad,kWh\n',
  );
});

test('an enumeration and the bits that are set are named', () => {
  const mode: CsvPoint = {
    ...power,
    point: 'mode',
    unit: undefined,
    kind: 'enum',
    states: { 2: state('检修', 'inspection') },
  };
  expect(csvRows(mode, samples([1, 2], [2, 9]), plain)).toBe(
    'lamp-1,mode,T1,2,inspection,good,\nlamp-1,mode,T2,9,,good,\n',
  );
  const faults: CsvPoint = {
    ...mode,
    kind: 'bitset',
    states: { 0: state('甲', 'a'), 31: state('乙', 'b'), 3: state('丙', 'c') },
  };
  expect(csvRows(faults, samples([1, 2 ** 31 + 1], [2, 0]), plain)).toBe(
    'lamp-1,mode,T1,2147483649,a; b,good,\nlamp-1,mode,T2,0,,good,\n',
  );
  expect(csvRows(faults, samples([1, 9]), excel)).toBe('lamp-1,mode,T1,9,甲、丙,好,\r\n');
});

test('a text is quoted where it must be', () => {
  expect(csvRows({ ...power, unit: '"' }, samples([1, 'a "b", c'], [2, 'd\ne'], [3, '张三']), plain)).toBe(
    'lamp-1,power,T1,,"a ""b"", c",good,""""\nlamp-1,power,T2,,"d\ne",good,""""\nlamp-1,power,T3,,张三,good,""""\n',
  );
});

test('for a spreadsheet it begins with a byte order mark, speaks the language, and has no formulas from devices', () => {
  expect(csvHead(excel)).toBe('\ufeff资产,点,时间,数值,文字,质量,单位\r\n');
  for (const formula of ['=HYPERLINK(1)', '+1', '-1', '@SUM(A1)', '\tx']) {
    expect(csvRows(power, samples([1, formula]), excel)).toBe(`lamp-1,power,T1,,'${formula},好,kWh\r\n`);
    expect(csvRows(power, samples([1, formula]), plain)).toContain(`,${formula},`);
  }
  // A number is one, whatever its sign.
  expect(csvRows(power, samples([1, -5]), excel)).toBe('lamp-1,power,T1,-5,,好,kWh\r\n');
});
