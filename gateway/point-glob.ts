/** Characters of a pattern at most. */
const MAX_GLOB_LENGTH = 500;

/**
 * Reads a pattern of point keys: `*` stands for any characters and `?` for one within asset or point, so that
 * `lift-?/position` is the position of each of nine lifts. Without a slash it means all points of the assets. Patterns are
 * separated by commas. Throws a RangeError where it is longer than anybody needs.
 */
export function pointGlob(pattern: string): (key: string) => boolean {
  if (pattern.length > MAX_GLOB_LENGTH) throw new RangeError(`a pattern has ${MAX_GLOB_LENGTH} characters at most`);
  const parts = pattern.split(',').map((part) => part.trim());
  const wanted = parts.filter((part) => part !== '').map(matcherOf);
  return (key) => wanted.some((matches) => matches(key));
}

function matcherOf(pattern: string): (key: string) => boolean {
  const slash = pattern.indexOf('/');
  const [asset, point] = slash < 0 ? [pattern, '*'] : [pattern.slice(0, slash), pattern.slice(slash + 1)];
  return (key) => {
    const at = key.indexOf('/');
    return at > 0 && matches(asset, key.slice(0, at)) && matches(point, key.slice(at + 1));
  };
}

/**
 * Whether a pattern with `*` and `?` is a text. At a mismatch the last star takes one character more, so that the time is
 * bounded by the product of both lengths, whatever the pattern.
 */
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let inPattern = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    if (pattern[inPattern] === '*') {
      star = inPattern++;
      starAt = at;
    } else if (pattern[inPattern] === '?' || pattern[inPattern] === text[at]) {
      inPattern++;
      at++;
    } else if (star >= 0) {
      inPattern = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (pattern[inPattern] === '*') inPattern++;
  return inPattern === pattern.length;
}
