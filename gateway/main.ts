import { backupCommand } from './backup-command.ts';
import { checkCommand } from './check-command.ts';
import { CommandFailed, type ExitCode, runToExit } from './exit.ts';
import { exportCommand } from './export-command.ts';
import { readCommand } from './read-command.ts';
import { reloadCommand } from './reload-command.ts';
import { replayCommand } from './replay-command.ts';
import { restoreCommand } from './restore-command.ts';
import { runCommand } from './run.ts';
import { simulateCommand } from './simulate-command.ts';
import { watchCommand } from './watch-command.ts';

/** The command line: one word, then what belongs to it. */
const commands: Readonly<Record<string, (args: readonly string[]) => Promise<ExitCode>>> = {
  backup: backupCommand,
  check: checkCommand,
  export: exportCommand,
  // Spreadsheets take a quarter of a second to load: only where one is read.
  import: async (args) => (await import('./import-command.ts')).importCommand(args),
  read: readCommand,
  reload: reloadCommand,
  replay: replayCommand,
  restore: restoreCommand,
  run: runCommand,
  simulate: simulateCommand,
  watch: watchCommand,
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
  return command(args);
});
