import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Finding, ProbeRequest, ScanEnd, ScanEvent, ScanOptions } from '../model/probe.ts';
import { CommandFailed, terminalLanguage } from './exit.ts';

import { ErrorReply, LinkReply, ReadReply, ScanLine } from './http/contract.ts';
import { type Instance, presentInstance, reachableUrl } from './instance.ts';
import { unknownLink } from './unknown-link.ts';

/** Real ms for a gateway to say that it is there, and to answer a read besides what the read itself may wait. */
const ANSWER_WITHIN_MS = 5000;
const READ_WITHIN_MS = 60_000;

/** The way to a link's controllers: through the gateway that holds the link, or, where none runs, directly. */
export interface LinkAccess {
  /** Throws a CommandFailed where nothing was asked of the device. */
  probe(request: ProbeRequest, signal: AbortSignal): Promise<Finding>;
  /** As `probe`; `tell` hears of each thing as it is found. */
  scan(options: ScanOptions, signal: AbortSignal, tell: (event: ScanEvent) => void): Promise<ScanEnd>;
}

export interface WantedLink {
  readonly dataDir: string;
  /** The site file for where no gateway runs; that of the gateway which ran last on `dataDir` if absent. */
  readonly siteFile: string | undefined;
  readonly link: string;
}

/**
 * Finds the way to a link. A gateway that runs on the data folder holds the controller's connection, perhaps its only
 * one: then everything goes through it. Throws a CommandFailed where there is no such link, or no way to it.
 */
export async function accessLink(wanted: WantedLink): Promise<LinkAccess> {
  const instance = presentInstance(wanted.dataDir);
  if (instance !== undefined && (await isRunning(instance))) {
    refuseOtherSite(instance, wanted);
    return gatewayAccess(instance, wanted.link);
  }
  const siteFile = wanted.siteFile ?? instance?.siteFile;
  if (siteFile === undefined) {
    throw new CommandFailed(
      {
        zh: `${wanted.dataDir} 上没有网关在运行；请用 --data 指定它的数据目录，或用 --site 指定站点文件直接连接`,
        en: `no gateway runs on ${wanted.dataDir}; name its data folder with --data, or a site file with --site to connect directly`,
      },
      { exitCode: 3 },
    );
  }
  const direct = {
    zh: `没有网关在运行，按 ${siteFile} 直接连接`,
    en: `no gateway runs: connecting directly, by ${siteFile}`,
  };
  process.stderr.write(`-- ${direct[terminalLanguage(process.env)]}\n`);
  // The site file's loader takes a while to load, and with a gateway nobody needs it.
  const { directAccess } = await import('./direct-link.ts');
  return directAccess(siteFile, wanted.link, wanted.dataDir);
}

/** Whether the instance that the folder tells of is there: it answers, or its process lives. */
async function isRunning(instance: Instance): Promise<boolean> {
  const url = reachableUrl(instance);
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    await response.body?.cancel();
    return true;
  } catch (cause) {
    if (!isAlive(instance.pid)) return false;
    throw new CommandFailed(
      {
        zh: `${url} 上的网关（进程 ${instance.pid}）没有应答；它占着链路，请先处理`,
        en: `the gateway at ${url} (process ${instance.pid}) does not answer; it holds the links, see to it first`,
      },
      { exitCode: 3, cause },
    );
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function refuseOtherSite({ siteFile }: Instance, wanted: WantedLink): void {
  if (wanted.siteFile === undefined || siteFile === undefined || resolve(wanted.siteFile) === siteFile) return;
  throw new CommandFailed({
    zh: `${wanted.dataDir} 上的网关用的是 ${siteFile}；去掉 --site，或用 --data 指定另一个数据目录`,
    en: `the gateway on ${wanted.dataDir} runs ${siteFile}; leave out --site, or name another data folder with --data`,
  });
}

/** Through the gateway: what is asked goes between its own requests. */
function gatewayAccess(instance: Instance, link: string): LinkAccess {
  const path = `/api/links/${encodeURIComponent(link)}`;
  return {
    async probe(request, signal) {
      const within = AbortSignal.any([signal, AbortSignal.timeout(READ_WITHIN_MS + (request.waitMs ?? 0))]);
      const response = await ask(instance, `${path}/read`, request, within, signal);
      const body = await bodyOf(response);
      if (response.ok && Value.Check(ReadReply, body)) return body;
      throw await refusal(instance, response.status, body, link);
    },
    async scan(options, signal, tell) {
      const response = await ask(instance, `${path}/scan`, { options }, signal, signal);
      if (!response.ok || response.body === null) {
        throw await refusal(instance, response.status, await bodyOf(response), link);
      }
      for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
        const event: unknown = JSON.parse(line);
        if (!Value.Check(ScanLine, event)) throw notOurs(response.status);
        if (event.kind === 'end') return event;
        tell(event);
      }
      throw new CommandFailed({ zh: '扫描中途断开', en: 'the scan broke off' }, { exitCode: 3 });
    },
  };
}

async function ask(
  instance: Instance,
  path: string,
  body: object,
  within: AbortSignal,
  signal: AbortSignal,
): Promise<Response> {
  const url = reachableUrl(instance);
  try {
    return await fetch(url + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(instance.token !== null && { authorization: `Bearer ${instance.token}` }),
      },
      body: JSON.stringify(body),
      signal: within,
    });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new CommandFailed(
      { zh: `${url} 上的网关没有应答`, en: `the gateway at ${url} does not answer` },
      { exitCode: 3, cause },
    );
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    // No JSON is no answer of ours, and told as such.
    return undefined;
  }
}

async function refusal(instance: Instance, status: number, body: unknown, link: string): Promise<CommandFailed> {
  if (!Value.Check(ErrorReply, body)) return notOurs(status);
  if (body.code === 'unknown-link') return unknownLink(link, await linksOf(instance));
  return new CommandFailed(body.text, { exitCode: body.code === 'link-not-held' ? 3 : 2 });
}

async function linksOf(instance: Instance): Promise<readonly string[]> {
  const links = await getJson(instance, '/api/links', Type.Array(LinkReply));
  return links.map(({ key }) => key);
}

async function getJson<T extends TSchema>(instance: Instance, path: string, schema: T): Promise<Static<T>> {
  const response = await fetch(reachableUrl(instance) + path, {
    ...(instance.token !== null && { headers: { authorization: `Bearer ${instance.token}` } }),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const body = await bodyOf(response);
  if (!Value.Check(schema, body)) throw notOurs(response.status);
  return body;
}

function notOurs(status: number): CommandFailed {
  return new CommandFailed({ zh: `应答有误（${status}）`, en: `this is no answer of a gateway (${status})` });
}
