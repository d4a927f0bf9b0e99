import { join } from 'node:path';
import { Value } from 'typebox/value';
import { protocolOf } from '../adapters/registry.ts';
import type { LinkPoint, Protocol } from '../model/adapter.ts';
import { systemClock } from '../model/clock.ts';
import { resolveSettings } from '../model/environment.ts';
import type { Commissioning } from '../model/probe.ts';
import type { Link, Site } from '../model/site.ts';
import type { Text } from '../model/text.ts';
import { untoldWire } from '../model/untold-wire.ts';
import { CommandFailed, terminalLanguage } from './exit.ts';
import type { LinkAccess } from './link-access.ts';
import { loadSite } from './site/load-site.ts';
import { formatProblem } from './site/problem.ts';
import { unknownLink } from './unknown-link.ts';

/** Directly, by the site file: the adapter opens a connection of its own for each read. */
export function directAccess(siteFile: string, key: string, dataDir: string): LinkAccess {
  const site = readSite(siteFile);
  const link = site.links.find((candidate) => candidate.key === key);
  if (link === undefined) {
    throw unknownLink(
      key,
      site.links.map((candidate) => candidate.key),
    );
  }
  const adapter = adapterOf(site, link, dataDir);
  return {
    async probe(request, signal) {
      if (adapter.probe === undefined) throw notPossible(link.protocol);
      const answer = await adapter.probe(request, signal);
      if (!answer.ok) throw new CommandFailed(answer.text);
      return answer.finding;
    },
    async scan(options, signal, tell) {
      if (adapter.scan === undefined) throw notPossible(link.protocol);
      const answer = await adapter.scan(options, signal, tell);
      if (!answer.ok) throw new CommandFailed(answer.text);
      return answer.end;
    },
  };
}

/** The link's adapter, which does not run: it knows settings and points. */
function adapterOf(site: Site, link: Link, dataDir: string): Commissioning {
  const protocol: Protocol | undefined = protocolOf(link.protocol);
  if (protocol === undefined) throw notPossible(link.protocol);
  const resolved = resolveSettings(link.settings, process.env);
  if (!resolved.ok) {
    const names = resolved.unset.join(', ');
    throw new CommandFailed({ zh: `未设置环境变量：${names}`, en: `environment variables are not set: ${names}` });
  }
  const [mistake] = Value.Errors(protocol.settingsSchema, resolved.settings);
  if (mistake !== undefined) {
    const where = mistake.instancePath.replace(/^\//, '');
    throw new CommandFailed({
      zh: `链路 ${link.key} 的设置 ${where} 有误：${mistake.message}`,
      en: `setting ${where} of link ${link.key} is wrong: ${mistake.message}`,
    });
  }
  return protocol.create({
    key: link.key,
    settings: resolved.settings,
    points: pointsOf(site, link.key),
    clock: systemClock(),
    log: { info: () => undefined, warn: () => undefined },
    wire: untoldWire,
    folder: join(dataDir, protocol.key),
  });
}

function pointsOf(site: Site, link: string): LinkPoint<unknown>[] {
  return site.assets
    .filter((asset) => asset.link === link)
    .flatMap(({ points }) => points)
    .map(({ key, kind, states, address }, number) => ({ number, key, kind, address, ...(states && { states }) }));
}

function readSite(path: string): Site {
  const result = loadSite(path);
  if (result.ok) return result.site;
  const language: keyof Text = terminalLanguage(process.env);
  for (const problem of result.problems) process.stderr.write(`${formatProblem(problem, language)}\n`);
  const count = result.problems.length;
  throw new CommandFailed(
    { zh: `站点文件 ${path} 有 ${count} 处错误`, en: `site file ${path} has ${count} mistakes` },
    { exitCode: 1 },
  );
}

function notPossible(protocol: string): CommandFailed {
  return new CommandFailed({ zh: `协议 ${protocol} 不支持此操作`, en: `protocol ${protocol} cannot do this` });
}
