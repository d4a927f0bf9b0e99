import { CommandFailed } from './exit.ts';

/** Links that the message names. */
const MAX_NAMED = 30;

/** A link that the site does not have; the message names those that it has. */
export function unknownLink(link: string, known: readonly string[]): CommandFailed {
  const names = `${known.slice(0, MAX_NAMED).join(', ')}${known.length > MAX_NAMED ? ' …' : ''}`;
  return new CommandFailed({
    zh: `没有链路 ${link}；有：${names}`,
    en: `there is no link ${link}; there are: ${names}`,
  });
}
