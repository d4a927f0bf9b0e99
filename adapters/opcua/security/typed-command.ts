/** Data folder of a command that does not name one. */
const DEFAULT_DATA_DIR = 'data';

/** A command as it is to be typed, for the certificates in `dataDir`; a folder with blanks in its name is in quotes. */
export function typedCommand(command: string, dataDir: string): string {
  const written = /^[\w@%+=:,./-]+$/.test(dataDir) ? dataDir : `'${dataDir.replaceAll("'", `'\\''`)}'`;
  return `npm run lamplighter -- ${command}${dataDir === DEFAULT_DATA_DIR ? '' : ` --data ${written}`}`;
}
