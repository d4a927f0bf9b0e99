import { resolve } from 'node:path';
import { CommandFailed } from './exit.ts';
import { presentInstance } from './instance.ts';

/** Full path of the site file that a command is about: the one that was named, else that of the instance on `dataDir`. */
export function siteFileOf(named: string | undefined, dataDir: string): string {
  const file = named ?? presentInstance(dataDir)?.siteFile;
  if (file === undefined) {
    throw new CommandFailed({
      zh: `${dataDir} 上没有正在运行的实例，请用 --site 指定站点文件`,
      en: `no instance runs on ${dataDir}: name the site file with --site`,
    });
  }
  return resolve(file);
}
