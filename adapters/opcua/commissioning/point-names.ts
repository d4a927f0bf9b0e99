/** Longest name of a point, as profiles have them. */
const MAX_POINT = 64;
const MAX_ASSET = 80;

/** What a name is where nothing of a node's own can be in one, such as Chinese characters. */
const UNNAMED_POINT = 'point';
const UNNAMED_ASSET = 'asset';

/** A point's name out of the names of nodes: `Motor`, `Car_Speed` is `motorCarSpeed`. */
export function pointName(parts: readonly string[]): string {
  const words = parts.flatMap((part) => part.match(/[A-Za-z0-9]+/g) ?? []);
  const [first = '', ...more] = words;
  // What is written in capitals is one word: `RPM` is `rpm`, `RPMSpeed` stays as readable as it was.
  const begin = first === first.toUpperCase() ? first.toLowerCase() : first.charAt(0).toLowerCase() + first.slice(1);
  const name = begin + more.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  const usable = /^[a-z]/.test(name) ? name : name === '' ? UNNAMED_POINT : `${UNNAMED_POINT}${name}`;
  return usable.slice(0, MAX_POINT);
}

/** An asset's key out of a node's name. */
export function assetKey(name: string): string {
  const key = name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/([._-])[._-]+/g, '$1')
    .slice(0, MAX_ASSET)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
  return key === '' ? UNNAMED_ASSET : key;
}

/** Gives names that nobody has yet: a second `speed` is `speedB`, the next `speedC`, since numbers count elements. */
export class Names {
  readonly #taken = new Set<string>();

  take(name: string, separator: string): string {
    let free = name;
    for (let at = 1; this.#taken.has(free); at += 1) free = `${name.slice(0, MAX_POINT - 4)}${separator}${letters(at)}`;
    this.#taken.add(free);
    return free;
  }
}

/** 1 is B, 25 is Z, 26 is AA. */
function letters(at: number): string {
  const [rest, letter] = [Math.floor(at / 26), String.fromCharCode(65 + (at % 26))];
  return rest === 0 ? letter : letters(rest - 1) + letter;
}
