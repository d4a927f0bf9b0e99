import type { Finding, Shown, ShownTable, Trouble } from '../model/probe.ts';
import type { Text } from '../model/text.ts';
import { textTable, textWidth } from './replay/text-table.ts';

/** What a read gave, as lines for people. */
export function findingLines({ facts, tables, trouble }: Finding, language: keyof Text): string[] {
  const width = facts.reduce((most, { name }) => Math.max(most, textWidth(name[language])), 0);
  return [
    ...facts.map(({ name, value }) => {
      const title = name[language];
      return `${title}${' '.repeat(width - textWidth(title))}  ${shown(value, language)}`;
    }),
    ...tables.flatMap((table) => ['', ...tableLines(table, language)]),
    ...(trouble === null ? [] : [...(facts.length > 0 ? [''] : []), ...troubleLines(trouble, language)]),
  ];
}

/** A table with its title above. */
export function tableLines({ title, columns, rows }: ShownTable, language: keyof Text): string[] {
  return [
    `${title[language]}${language === 'zh' ? '：' : ':'}`,
    ...textTable(
      columns.map(({ title: name, right }) => ({ title: shown(name, language), ...(right && { right }) })),
      rows.map((row) => row.map((cell) => shown(cell, language))),
    ),
  ];
}

/** What went wrong, and what to try next. */
export function troubleLines({ what, next }: Trouble, language: keyof Text): string[] {
  return [`✖ ${harmless(what[language])}`, ...next.map((text) => `  → ${harmless(text[language])}`)];
}

function shown(value: Shown, language: keyof Text): string {
  return harmless(typeof value === 'string' ? value : value[language]);
}

/** What a device sent is shown, never obeyed by the terminal. */
export function harmless(text: string): string {
  return text.replace(/\p{Cc}/gu, '·');
}
