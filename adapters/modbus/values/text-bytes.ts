import type { TextEncoding } from '../schema.ts';

/**
 * Reads a text of fixed length: up to its first NUL, as C strings end there and controllers leave old characters behind
 * it, without the spaces that fill it up. Undefined where the bytes are not of the encoding.
 */
export function textReader(encoding: TextEncoding): (bytes: Buffer) => string | undefined {
  // TextDecoder takes "ascii" for windows-1252, in which every byte is a character.
  const decoder = new TextDecoder(encoding === 'ascii' ? 'utf-8' : encoding, { fatal: true, ignoreBOM: true });
  return (bytes) => {
    const nul = bytes.indexOf(0);
    const text = nul === -1 ? bytes : bytes.subarray(0, nul);
    if (encoding === 'ascii' && text.some((byte) => byte > 0x7f)) return undefined;
    try {
      return decoder.decode(text).replace(/ +$/, '');
    } catch {
      // The decoder throws for bytes that are no text of the encoding; a TypeError is all that it tells.
      return undefined;
    }
  };
}

/** Writes a text as bytes; undefined where a character has none in the encoding. */
export function textWriter(encoding: TextEncoding): (text: string) => Buffer | undefined {
  if (encoding === 'gb18030') return gbkWriter();
  return (text) => {
    const fits = encoding === 'ascii' ? [...text].every(isAscii) : text.isWellFormed() && !text.includes('\0');
    return fits ? Buffer.from(text, 'utf8') : undefined;
  };
}

/** NUL ends a text, so that it cannot be in one. */
function isAscii(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return code >= 1 && code <= 0x7f;
}

/** The lead and the second bytes of the two-byte codes of GB 18030, which are those of GBK. */
const LEAD = { first: 0x81, last: 0xfe } as const;
const SECOND = { first: 0x40, last: 0xfe } as const;

/**
 * There is a decoder of GB 18030 in the platform and no encoder, so that the table is made by decoding every two-byte
 * code once. The four-byte codes (rare characters, other scripts) are not written.
 */
function gbkWriter(): (text: string) => Buffer | undefined {
  const decoder = new TextDecoder('gb18030');
  const codes = new Map<string, number>();
  for (let lead: number = LEAD.first; lead <= LEAD.last; lead++) {
    for (let second: number = SECOND.first; second <= SECOND.last; second++) {
      const character = decoder.decode(Uint8Array.of(lead, second));
      // Where a code is none, the decoder gives a replacement, perhaps with the second byte behind it.
      if ([...character].length === 1 && character !== '\ufffd' && !codes.has(character)) {
        codes.set(character, lead * 256 + second);
      }
    }
  }
  return (text) => {
    const bytes: number[] = [];
    for (const character of text) {
      const code = isAscii(character) ? character.charCodeAt(0) : codes.get(character);
      if (code === undefined) return undefined;
      if (code > 0xff) bytes.push(code >> 8);
      bytes.push(code & 0xff);
    }
    return Buffer.from(bytes);
  };
}
