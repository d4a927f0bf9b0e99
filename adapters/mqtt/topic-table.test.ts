import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TopicTable } from './topic-table.ts';

test('finds what a map finds, wherever the name lies', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 12 });
  fc.assert(
    fc.property(fc.uniqueArray(name), fc.array(name), (known, asked) => {
      const values = new Map(known.map((topic, index) => [topic, index]));
      const table = new TopicTable(values);
      for (const topic of [...known, ...asked]) {
        const bytes = Buffer.from(`<${topic}>`);
        expect(table.find(bytes, 1, bytes.length - 1)).toBe(values.get(topic));
      }
    }),
  );
});
