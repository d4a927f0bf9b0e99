import { readFileSync } from 'node:fs';
import { StorageError } from '../storage/storage-error.ts';
import type { InfluxTarget } from './influx-target.ts';

/** Database where the address names none. */
const DEFAULT_DATABASE = 'lamplighter';

/** Takes `http://user:password@host:8086/database` apart. Throws a StorageError, without the address in it. */
export function parseInfluxUrl(address: string): InfluxTarget {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const parts = url && decoded([url.username, url.password, url.pathname.replace(/^\/+|\/+$/g, '')]);
  if (url === undefined || parts === undefined || !/^https?:$/.test(url.protocol)) {
    throw new StorageError('unreadable', {
      zh: 'InfluxDB 地址有误，应形如 http://用户:密码@主机:8086/数据库',
      en: 'the address of InfluxDB must be like http://user:password@host:8086/database',
    });
  }
  const [username = '', password = '', database] = parts;
  return {
    url: url.origin,
    database: database || DEFAULT_DATABASE,
    ...(username === '' ? {} : { username, password }),
  };
}

type Environment = Readonly<Record<string, string | undefined>>;
type Access = Pick<InfluxTarget, 'username' | 'password' | 'token' | 'ca'>;

/**
 * Who we are to InfluxDB and whom we trust, as the environment says it: `LAMPLIGHTER_INFLUX_USER`, `…_PASSWORD`, `…_TOKEN`,
 * the last two also as `…_FILE` with the path of a file that holds the secret; `LAMPLIGHTER_INFLUX_CA`, the path of a PEM
 * file. What it does not say is up to the address. Throws a StorageError where a file cannot be read.
 */
export function influxAccess(env: Environment): Access {
  const username = env.LAMPLIGHTER_INFLUX_USER || undefined;
  const password = secretOf(env, 'LAMPLIGHTER_INFLUX_PASSWORD');
  const token = secretOf(env, 'LAMPLIGHTER_INFLUX_TOKEN');
  const caPath = env.LAMPLIGHTER_INFLUX_CA || undefined;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(token !== undefined && { token }),
    ...(caPath !== undefined && { ca: textOf(caPath, 'LAMPLIGHTER_INFLUX_CA') }),
  };
}

function secretOf(env: Environment, name: string): string | undefined {
  const path = env[`${name}_FILE`] || undefined;
  return path === undefined ? env[name] || undefined : textOf(path, `${name}_FILE`).trim();
}

function textOf(path: string, variable: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, variable, error);
  }
}

function unreadable(path: string, variable: string, cause: unknown): StorageError {
  const text = {
    zh: `无法读取 ${variable} 所指的文件 ${path}`,
    en: `the file ${path}, named by ${variable}, cannot be read`,
  };
  return new StorageError('unreadable', text, { cause });
}

/** Parts of an address with `%20` and the like replaced; undefined where one of them cannot be. */
function decoded(parts: readonly string[]): readonly string[] | undefined {
  try {
    return parts.map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
