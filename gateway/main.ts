import { type CommandName, commandHelps, helpOf, overview } from './command-help.ts';
import { CommandFailed, type ExitCode, runToExit, terminalLanguage } from './exit.ts';

type Command = (args: readonly string[]) => Promise<ExitCode>;

/** The command line: one word, then what belongs to it. A command loads what it needs itself, and nothing else. */
const commands: Readonly<Record<CommandName, () => Promise<Command>>> = {
  backup: async () => (await import('./backup-command.ts')).backupCommand,
  browse: async () => (await import('./browse-command.ts')).browseCommand,
  certificates: async () => (await import('./certificates-command.ts')).certificatesCommand,
  check: async () => (await import('./check-command.ts')).checkCommand,
  export: async () => (await import('./export-command.ts')).exportCommand,
  import: async () => (await import('./import-command.ts')).importCommand,
  read: async () => (await import('./read-command.ts')).readCommand,
  reload: async () => (await import('./reload-command.ts')).reloadCommand,
  replay: async () => (await import('./replay-command.ts')).replayCommand,
  restore: async () => (await import('./restore-command.ts')).restoreCommand,
  run: async () => (await import('./run.ts')).runCommand,
  scan: async () => (await import('./scan-command.ts')).scanCommand,
  simulate: async () => (await import('./simulate-command.ts')).simulateCommand,
  watch: async () => (await import('./watch-command.ts')).watchCommand,
  write: async () => (await import('./write-command.ts')).writeCommand,
};

await runToExit(async () => {
  const [name = '', ...args] = process.argv.slice(2);
  const language = terminalLanguage(process.env);
  if (isHelp(name)) {
    process.stdout.write(overview(language));
    return 0;
  }
  if (!isCommand(name)) {
    const names = Object.keys(commands).join(', ');
    throw new CommandFailed({
      zh: `没有命令“${name}”；可用：${names}`,
      en: `there is no command "${name}"; there are: ${names}`,
    });
  }
  if (args.some(isHelp)) {
    process.stdout.write(helpOf(name, language));
    return 0;
  }
  const command = await commands[name]();
  return command(args);
});

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(commandHelps, name);
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h';
}
