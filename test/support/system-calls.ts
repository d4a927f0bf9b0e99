import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findServer } from './servers.ts';

const run = promisify(execFile);

/** Real ms for a program that does nothing. */
const TRY_MS = 10_000;

/** Path of strace; undefined where there is none, or it may not trace here, as in some containers. */
export async function findTracer(): Promise<string | undefined> {
  const strace = await findServer('strace');
  if (strace === undefined) return undefined;
  try {
    await run(strace, ['-f', '-o', '/dev/null', '--seccomp-bpf', 'true'], { timeout: TRY_MS });
    return strace;
  } catch {
    // Not permitted, or too old for the filter.
    return undefined;
  }
}

/** Bytes of each write that are traced: a page of SQLite, and a socket's worth of small packets. */
const TRACED_BYTES = 65_536;

/** Command that runs a program and writes its writes and syncs to `file`; the program keeps its process id. */
export function tracerOf(strace: string, file: string): readonly string[] {
  const calls = 'trace=fsync,fdatasync,pwrite64,pwritev,write,writev,sendto,sendmsg';
  return [strace, '-D', '-f', '-yy', '-xx', '-s', String(TRACED_BYTES), '--seccomp-bpf', '-e', calls, '-o', file];
}

/**
 * A system call of a traced program. `began` and `ended` are places in the order in which the tracer saw things happen:
 * what ended before something else began was over by then.
 */
export interface SystemCall {
  readonly name: string;
  /** What the file descriptor is: a path, or `TCP:[127.0.0.1:1883->127.0.0.1:40000]`. */
  readonly file: string;
  /** The bytes that were written, as hexadecimal digits; empty for a sync. */
  readonly hex: string;
  readonly began: number;
  ended: number;
  succeeded: boolean;
}

const CALL = /^(?<pid>\d+) +(?<name>\w+)\(\d+<(?<file>.*?)>(?:[,)]| <unfinished)(?<rest>.*)$/;
const RESUMED = /^(?<pid>\d+) +<\.\.\. (?<name>\w+) resumed>/;
const RESULT = /\) *= (?<result>-?\d+)[^"]*$/;

/** Reads what strace wrote with the options of {@link tracerOf}. */
export function readTrace(text: string): readonly SystemCall[] {
  const calls: SystemCall[] = [];
  const open = new Map<string, SystemCall>();
  for (const [place, line] of text.split('\n').entries()) {
    const resumed = RESUMED.exec(line)?.groups;
    if (resumed) {
      const call = open.get(`${resumed.pid} ${resumed.name}`);
      open.delete(`${resumed.pid} ${resumed.name}`);
      if (call) finish(call, place, line);
      continue;
    }
    const found = CALL.exec(line)?.groups;
    if (!found) continue;
    const { pid = '', name = '', file = '', rest = '' } = found;
    const hex = [...rest.matchAll(/\\x([0-9a-f]{2})/g)].map(([, digits]) => digits).join('');
    const call = { name, file: plain(file), hex, began: place, ended: Number.POSITIVE_INFINITY, succeeded: false };
    calls.push(call);
    if (line.includes('<unfinished ...>')) open.set(`${pid} ${name}`, call);
    else finish(call, place, line);
  }
  return calls;
}

/** With -xx paths, too, are written as digits. */
function plain(file: string): string {
  return file.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function finish(call: SystemCall, place: number, line: string): void {
  call.ended = place;
  call.succeeded = Number(RESULT.exec(line)?.groups?.result ?? -1) >= 0;
}
