import type { Environment } from '../model/environment.ts';
import { CommandFailed } from './exit.ts';

/** Characters of a token at least. */
export const MIN_TOKEN_LENGTH = 16;

/**
 * The token that a request shows to write to controllers, from LAMPLIGHTER_WRITE_TOKEN; undefined where there is none, and
 * nobody may write. It is another one than the access token, so that whoever looks cannot write.
 */
export function writeToken(environment: Environment, accessToken: string | undefined): string | undefined {
  const token = environment.LAMPLIGHTER_WRITE_TOKEN || undefined;
  if (token === undefined || (token.length >= MIN_TOKEN_LENGTH && token !== accessToken)) return token;
  throw new CommandFailed({
    zh: `LAMPLIGHTER_WRITE_TOKEN 至少 ${MIN_TOKEN_LENGTH} 个字符，且不能与 LAMPLIGHTER_TOKEN 相同`,
    en: `LAMPLIGHTER_WRITE_TOKEN has at least ${MIN_TOKEN_LENGTH} characters, and is not LAMPLIGHTER_TOKEN again`,
  });
}
