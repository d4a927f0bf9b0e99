import { checkCommand } from './check-command.ts';
import { CommandFailed, type ExitCode, runToExit } from './exit.ts';
import { runCommand } from './run.ts';
import { simulateCommand } from './simulate-command.ts';

/** The command line: one word, then what belongs to it. */
const commands: Readonly<Record<string, (args: readonly string[]) => Promise<ExitCode>>> = {
  check: checkCommand,
  run: runCommand,
  simulate: simulateCommand,
};

await runToExit(async () => {
  const [name = '', ...args] = process.argv.slice(2);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    const names = Object.keys(commands).join(', ');
    throw new CommandFailed({
      zh: `没有命令“${name}”；可用：${names}`,
      en: `there is no command "${name}"; there are: ${names}`,
    });
  }
  try {
    return await command(args);
  } catch (error) {
    // Unknown options are the only errors of parseArgs; its sentence names the option.
    if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
      throw new CommandFailed({ zh: `参数有误：${error.message}`, en: error.message }, { cause: error });
    }
    throw error;
  }
});
