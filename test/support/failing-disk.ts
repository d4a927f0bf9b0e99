import { DatabaseSync } from 'node:sqlite';

/** Real ms that changing the file waits for whoever writes it. */
const BUSY_TIMEOUT_MS = 5000;

/** Makes a table of the database at `path` refuse every row, as a full disk does, and take them again. */
export function failingDisk(path: string, table: string): { fail(): void; mend(): void } {
  const change = (sql: string) => {
    const other = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    other.exec(sql);
    other.close();
  };
  return {
    fail: () =>
      change(`CREATE TRIGGER refuse BEFORE INSERT ON ${table}
              BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END`),
    mend: () => change('DROP TRIGGER refuse'),
  };
}
