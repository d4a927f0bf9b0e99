import { effect } from '@preact/signals';
import { describe, expect, it } from 'vitest';
import { Table } from './table.ts';

interface Row {
  readonly key: string;
  readonly value: number;
}

function tableOf(...rows: Row[]): Table<Row> {
  const table = new Table<Row>((row) => row.key);
  table.replace(rows);
  return table;
}

describe('Table', () => {
  it('wakes only those who read a row that changed', () => {
    const table = tableOf({ key: 'a', value: 1 }, { key: 'b', value: 1 });
    const seen: string[] = [];
    const ends = ['a', 'b'].map((key) => effect(() => void seen.push(`${key}=${table.get(key)?.value.value}`)));
    let regrouped = 0;
    ends.push(
      effect(() => {
        table.keys.value.length;
        regrouped += 1;
      }),
    );
    table.merge([{ key: 'b', value: 2 }]);
    expect(seen).toEqual(['a=1', 'b=1', 'b=2']);
    expect(regrouped).toBe(1);
    for (const end of ends) end();
  });

  it('adds rows that are new, behind the others', () => {
    const table = tableOf({ key: 'b', value: 1 });
    table.merge([
      { key: 'a', value: 1 },
      { key: 'b', value: 3 },
    ]);
    expect(table.all()).toEqual([
      { key: 'b', value: 3 },
      { key: 'a', value: 1 },
    ]);
  });

  it('becomes exactly what a snapshot says, and keeps the signals of rows that stay', () => {
    const table = tableOf({ key: 'a', value: 1 }, { key: 'b', value: 1 });
    const before = table.get('b');
    table.replace([
      { key: 'c', value: 1 },
      { key: 'b', value: 5 },
    ]);
    expect(table.keys.value).toEqual(['c', 'b']);
    expect(table.get('a')).toBeUndefined();
    expect(table.get('b')).toBe(before);
    expect(before?.value.value).toBe(5);
  });

  it('forgets a removed row', () => {
    const table = tableOf({ key: 'a', value: 1 }, { key: 'b', value: 1 });
    table.remove('a');
    table.remove('never-there');
    expect(table.all()).toEqual([{ key: 'b', value: 1 }]);
  });
});
