import type { Migration } from '../storage/open-database.ts';

/** A file, or a folder of files, of the data folder that a box cannot do without. */
export interface BoxFile {
  /** Path below the data folder, with slashes. */
  readonly path: string;
  /** `folder`: holds files that are written once under their name and never changed afterwards. */
  readonly kind: 'database' | 'file' | 'folder';
  /** What brings a database up to date; its number is the newest version that this program knows. */
  readonly migrations?: readonly Migration[];
  /** Where it is missing there is nothing to copy. */
  readonly needed?: true;
}

/** The entry that a path below the data folder belongs to; undefined for one that this program does not know. */
export function boxFileOf(boxFiles: readonly BoxFile[], path: string): BoxFile | undefined {
  return boxFiles.find((file) => (file.kind === 'folder' ? isDirectlyIn(file.path, path) : file.path === path));
}

function isDirectlyIn(folder: string, path: string): boolean {
  return path.startsWith(`${folder}/`) && !path.slice(folder.length + 1).includes('/');
}
