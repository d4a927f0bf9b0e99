import type { Text } from '../model/text.ts';
import { storageErrorOf } from './storage/storage-error.ts';

/** Exit codes of every command: 1 findings, 2 usage, set-up or environment, 3 nobody answers. */
export type ExitCode = 0 | 1 | 2 | 3;

/** Ends a command with one clear line; thrown anywhere, caught once, in `main.ts` and `start.ts`. */
export class CommandFailed extends Error {
  readonly text: Text;
  readonly exitCode: ExitCode;
  constructor(text: Text, options: { exitCode?: ExitCode; cause?: unknown } = {}) {
    super(text.en, options);
    this.name = 'CommandFailed';
    this.text = text;
    this.exitCode = options.exitCode ?? 2;
  }
}

/** Language of a person at the terminal, from `LC_ALL`, `LC_MESSAGES` or `LANG`. */
export function terminalLanguage(environment: NodeJS.ProcessEnv): 'zh' | 'en' {
  const locale = environment.LC_ALL || environment.LC_MESSAGES || environment.LANG || '';
  return locale.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

/** Runs a command to its end and sets the exit code; an unknown error is a bug and keeps its stack. */
export async function runToExit(command: () => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    process.stderr.write(`lamplighter: ${failure.text[terminalLanguage(process.env)]}\n`);
    process.exitCode = failure.exitCode;
  }
}

/** What an error means to the person at the terminal; undefined for one that only a bug can give. */
function failureOf(error: unknown): CommandFailed | undefined {
  if (error instanceof CommandFailed) return error;
  const text = storageErrorOf(error)?.text ?? usageText(error);
  return text && new CommandFailed(text, { cause: error });
}

/** What `parseArgs` has to say, in both languages; of its own English sentence only what it names is taken. */
function usageText(error: unknown): Text | undefined {
  if (!(error instanceof TypeError) || !('code' in error)) return undefined;
  const named = /'([^' ]*)[^']*'/.exec(error.message)?.[1] ?? '';
  switch (error.code) {
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION':
      return { zh: `没有选项 ${named}`, en: `there is no option ${named}` };
    case 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL':
      return { zh: `多余的参数：${named}`, en: `unexpected argument: ${named}` };
    case 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE':
      return error.message.includes('does not take')
        ? { zh: `选项 ${named} 不带值`, en: `option ${named} takes no value` }
        : { zh: `选项 ${named} 缺少值`, en: `option ${named} needs a value` };
    default:
      return undefined;
  }
}
