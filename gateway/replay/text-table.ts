/** A column: its title, and whether its cells are numbers, which stand to the right. */
export interface TableColumn {
  readonly title: string;
  readonly right?: boolean;
}

/** Between two columns. */
const GAP = '  ';

/**
 * Lines of a table whose columns stand below each other on a terminal, where a Chinese character is as wide as two Latin
 * ones. Titles come first; no line ends with blanks.
 */
export function textTable(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) =>
    lines.reduce((most, line) => Math.max(most, textWidth(line[index] ?? '')), 0),
  );
  return lines.map((line) =>
    columns
      .map(({ right }, index) => {
        const cell = line[index] ?? '';
        const blanks = ' '.repeat((widths[index] ?? 0) - textWidth(cell));
        return right ? blanks + cell : cell + blanks;
      })
      .join(GAP)
      .trimEnd(),
  );
}

/** Wide ones of Unicode's East Asian Width: ideographs, kana, hangul, their punctuation, full-width forms. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\u3000-\u303e\u3200-\u33ff\uff01-\uff60\uffe0-\uffe6]/u;
const NO_WIDTH = /\p{M}|\p{Cf}/u;

/** Cells that a text takes on a terminal. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : NO_WIDTH.test(character) ? 0 : 1;
  return width;
}
