import type { Text } from '../model/text.ts';

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
    if (!(error instanceof CommandFailed)) throw error;
    process.stderr.write(`lamplighter: ${error.text[terminalLanguage(process.env)]}\n`);
    process.exitCode = error.exitCode;
  }
}
