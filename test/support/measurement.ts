import { readdirSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** One measured figure. `ratio` is value ÷ reference, where the reference was measured in the same run. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly reference?: number;
  readonly ratio?: number;
  /** Processor time ÷ elapsed time, over all processes that were measured. */
  readonly cpuCores?: number;
  readonly rssMb?: number;
}

/** What a bench or soak is given. It ends early, with what it has, when `signal` aborts. */
export interface Measuring {
  /** Arguments after the name. */
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  /** Tells the person who waits, on stderr. */
  progress(line: string): void;
}

/** What a file NAME.bench.ts or NAME.soak.ts exports as `run`. Throws where a count is wrong; slow is not wrong. */
export type Measurement = (measuring: Measuring) => Promise<readonly Figure[]>;

/**
 * Runs the bench or soak that `argv` names and prints one JSON object on stdout: kind and name, machine, results.
 * Everything else goes to stderr. Returns the exit code: 2 for an unknown name (the known ones are listed), 1 where the
 * run threw, 130 where it was interrupted.
 */
export async function measure(kind: 'bench' | 'soak', folder: string, argv: readonly string[]): Promise<number> {
  const [name, ...args] = argv;
  const ending = `.${kind}.ts`;
  const names = readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .sort();
  if (name === undefined || !names.includes(name)) {
    const wrong = name === undefined ? '' : `${kind}: no such name: ${name}\n`;
    process.stderr.write(`${wrong}usage: npm run -s ${kind} -- NAME\n${names.map((known) => `  ${known}\n`).join('')}`);
    return 2;
  }
  const aborting = new AbortController();
  for (const event of ['SIGINT', 'SIGTERM'] as const) process.once(event, () => aborting.abort());
  const progress = (line: string) => void process.stderr.write(`${kind} ${name}: ${line}\n`);
  // Stdout holds the one object, whatever a library prints.
  console.log = console.info = console.debug = console.error;
  try {
    const { run } = (await import(pathToFileURL(join(folder, name + ending)).href)) as { run: Measurement };
    const results = await run({ args, signal: aborting.signal, progress });
    process.stdout.write(`${JSON.stringify({ [kind]: name, machine: describeMachine(), results })}\n`);
    return aborting.signal.aborted ? 130 : 0;
  } catch (error) {
    console.error(error);
    return aborting.signal.aborted ? 130 : 1;
  }
}

function describeMachine() {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryMb: Math.round(totalmem() / 1024 / 1024),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
  };
}
