import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Processor seconds that a process has used since its start, all threads, in user and kernel mode. Linux only. */
export function processorSeconds(pid: number): number {
  // The name of the program stands in parentheses and may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond();
}

/** Memory that a process has in RAM now, MB. Linux only. */
export function residentMb(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(match?.[1]) / 1024);
}

function ticksPerSecond(): number {
  return Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
}
