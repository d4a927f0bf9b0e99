import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { CommandFailed } from './exit.ts';

/** What `DIR/instance.json` says of the instance that runs on a data folder; see docs/operating.md. */
export const InstanceSchema = Type.Object({
  pid: Type.Integer(),
  version: Type.String(),
  /** Address of page and API. */
  url: Type.String(),
  /** Access token of the API; null where loopback needs none. */
  token: Type.Union([Type.String(), Type.Null()]),
  /** Full path of the site file; absent where an older program wrote this. */
  siteFile: Type.Optional(Type.String()),
  /** Real epoch ms. */
  startedMs: Type.Number(),
  /** Addresses of a demo's simulators, by what they simulate; null on a real site. */
  simulators: Type.Union([
    Type.Object({
      control: Type.String(),
      phone: Type.String(),
      mqtt: Type.String(),
      links: Type.Record(Type.String(), Type.String()),
    }),
    Type.Null(),
  ]),
});
export type Instance = Static<typeof InstanceSchema>;

const FILE = 'instance.json';

/** Tells the commands of this machine's owner, and nobody else, where the instance is. */
export function writeInstance(dir: string, instance: Instance): void {
  const temporary = join(dir, `.${FILE}.${randomUUID()}`);
  writeFileSync(temporary, `${JSON.stringify(instance, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, join(dir, FILE));
}

export function removeInstance(dir: string): void {
  rmSync(join(dir, FILE), { force: true });
}

/** What the instance that runs on `dir`, or was killed there, says of itself; undefined where none does. */
export function presentInstance(dir: string): Instance | undefined {
  return existsSync(join(dir, FILE)) ? readInstance(dir) : undefined;
}

/** The instance that runs on `dir`; throws a CommandFailed where there is none. */
export function readInstance(dir: string): Instance {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(join(dir, FILE), 'utf8'));
  } catch (cause) {
    throw new CommandFailed(
      {
        zh: `${dir} 上没有正在运行的实例（用 --data 指定数据目录）`,
        en: `no instance runs on ${dir} (name its folder with --data)`,
      },
      { exitCode: 3, cause },
    );
  }
  if (!Value.Check(InstanceSchema, parsed)) {
    throw new CommandFailed({ zh: `${join(dir, FILE)} 内容有误`, en: `${join(dir, FILE)} is not what it should be` });
  }
  return parsed;
}

/** Where a command on this machine reaches the instance: one that listens everywhere is asked on loopback. */
export function reachableUrl({ url }: Instance): string {
  return url.replace(/^http:\/\/0\.0\.0\.0(?=[:/]|$)/, 'http://127.0.0.1').replace(/^http:\/\/\[::\]/, 'http://[::1]');
}

/** Data folder of a command that does not name one. */
export const DEFAULT_DATA_DIR = 'data';
