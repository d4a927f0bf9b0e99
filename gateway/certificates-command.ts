import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { protocols } from '../adapters/registry.ts';
import { type Protocol, SetupRefused } from '../model/adapter.ts';
import type { CertificateFacts, Certificates, OwnCertificate, ServerCertificate } from '../model/certificates.ts';
import type { Text } from '../model/text.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { LinkReply } from './http/contract.ts';
import { DEFAULT_DATA_DIR, type Instance, presentInstance, reachableUrl } from './instance.ts';

/** Real ms for a gateway to answer. */
const ANSWER_WITHIN_MS = 5_000;
const DEFAULT_DAYS = 3650;
const MAX_DAYS = 36_500;
const DAY_MS = 86_400_000;

/** A protocol's certificates. */
interface Kept {
  readonly protocol: string;
  readonly certificates: Certificates;
}

/**
 * `certificates [make [--days N] [--replace] | trust LINK THUMBPRINT | refuse LINK] [--json] [--data DIR]`: the
 * certificates in the data folder. It works on the folder's files, whether a gateway runs or not: whoever may write there
 * decides whom the gateway believes, and nobody else. One that runs is told to connect anew.
 */
export async function certificatesCommand(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      days: { type: 'string' },
      replace: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      data: { type: 'string', default: DEFAULT_DATA_DIR },
    },
  });
  try {
    return await obey(positionals, values);
  } catch (error) {
    throw failureOf(error, values.data);
  }
}

interface Values {
  readonly days?: string | undefined;
  readonly replace: boolean;
  readonly json: boolean;
  readonly data: string;
}

async function obey(positionals: readonly string[], { data, ...values }: Values): Promise<ExitCode> {
  const [what = 'show', link = '', thumbprint = '', ...more] = positionals;
  const given = [link, thumbprint, ...more].filter((word) => word !== '').length;
  const all = keptIn(data);
  if (what === 'show' && given === 0) return show(all, values.json);
  if (what === 'make' && given === 0) return make(all, data, { days: daysOf(values.days), replace: values.replace });
  if (what === 'trust' && given === 2) return trust(all, data, link, thumbprint);
  if (what === 'refuse' && given === 1) return refuse(all, data, link);
  throw new CommandFailed({
    zh: '用法：certificates [make | trust 链路 指纹 | refuse 链路]',
    en: 'usage: certificates [make | trust LINK THUMBPRINT | refuse LINK]',
  });
}

/** Files that cannot be read or written are no bug: whoever types the command may be another user than the gateway. */
function failureOf(error: unknown, data: string): unknown {
  if (error instanceof SetupRefused) return new CommandFailed(error.reason, { cause: error });
  if (!(error instanceof Error && 'syscall' in error)) return error;
  const why = error.message;
  return new CommandFailed(
    {
      zh: `数据目录 ${data} 中的证书无法使用：${why}。请以网关的用户或 root 运行`,
      en: `the certificates in the data folder ${data} cannot be used: ${why}. Run this as the gateway's user or as root`,
    },
    { cause: error },
  );
}

function keptIn(data: string): readonly Kept[] {
  if (!existsSync(data)) {
    throw new CommandFailed({
      zh: `没有数据目录 ${data}：请用 --data 指定网关的数据目录；新装的网关启动一次就会创建`,
      en: `there is no data folder ${data}: name the gateway's with --data; a new gateway makes it at its first start`,
    });
  }
  return Object.values<Protocol>(protocols).flatMap(({ key, certificates }) =>
    certificates === undefined ? [] : [{ protocol: key, certificates: certificates(join(data, key)) }],
  );
}

function daysOf(written = String(DEFAULT_DAYS)): number {
  const days = Number(written);
  if (Number.isInteger(days) && days >= 1 && days <= MAX_DAYS) return days;
  throw new CommandFailed({ zh: `--days 应为 1 到 ${MAX_DAYS}`, en: `--days is 1 to ${MAX_DAYS}` });
}

function show(all: readonly Kept[], json: boolean): ExitCode {
  const found = all.map(({ protocol, certificates }) => ({
    protocol,
    own: certificates.own() ?? null,
    servers: certificates.servers(),
  }));
  if (json) {
    process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    return 0;
  }
  for (const { protocol, own, servers } of found) {
    say({ zh: `自己的证书（${protocol}）`, en: `own certificate (${protocol})` });
    if (own === null)
      say({ zh: '  还没有；首次需要时自动制作', en: '  none yet; it is made when a link first needs it' });
    else sayOwn(own);
    say({ zh: '服务器的证书', en: 'certificates of servers' });
    if (servers.length === 0) say({ zh: '  没有', en: '  none' });
    for (const server of servers) sayServer(server);
  }
  return 0;
}

async function make(
  all: readonly Kept[],
  data: string,
  wanted: { readonly days: number; readonly replace: boolean },
): Promise<ExitCode> {
  for (const { protocol, certificates } of all) {
    const made = await certificates.make({ ...wanted, nowMs: Date.now() });
    if (!made.ok) throw new CommandFailed(made.text, { exitCode: 1 });
    sayOwn(made.value);
    say({
      zh: '请在每台服务器上信任这张证书（导入上面的文件，或在其“被拒绝的证书”中信任）',
      en: 'trust it on each server: import the file above, or find it among its rejected certificates',
    });
    const told = await connectAnew(data, (link) => link.protocol === protocol && link.wire.certificates !== null);
    if (told !== 0) return told;
  }
  return 0;
}

async function trust(all: readonly Kept[], data: string, link: string, thumbprint: string): Promise<ExitCode> {
  const tried = all.map(({ certificates }) => certificates.trust(link, thumbprint));
  const done = tried.find((one) => one.ok);
  if (done === undefined) {
    const [refused] = tried;
    throw new CommandFailed(refused && !refused.ok ? refused.text : nothing(link), { exitCode: 1 });
  }
  sayServer(done.value);
  if (done.value.untilMs <= Date.now()) {
    say({
      zh: '注意：这张证书已过期；仍会连接，但会一直报警，请让服务器换新',
      en: 'note: it has expired; the link works all the same, and an alarm stands until the server has another',
    });
  }
  return await connectAnew(data, ({ key }) => key === link);
}

async function refuse(all: readonly Kept[], data: string, link: string): Promise<ExitCode> {
  const forgotten = all.flatMap(({ certificates }) => certificates.refuse(link));
  if (forgotten.length === 0) throw new CommandFailed(nothing(link), { exitCode: 1 });
  for (const { address, thumbprint } of forgotten) {
    say({ zh: `不再信任：${address} ${thumbprint}`, en: `trusted no more: ${address} ${thumbprint}` });
  }
  return await connectAnew(data, ({ key }) => key === link);
}

function nothing(link: string): Text {
  return { zh: `链路 ${link} 没有服务器证书`, en: `there is no server certificate of the link ${link}` };
}

/**
 * Makes links of a gateway that runs on the folder connect anew; says what happens where none does. What was changed is
 * changed in any case. Exit code 1 where a link goes on as it is, since it could not be told.
 */
async function connectAnew(data: string, concerns: (link: LinkReply) => boolean): Promise<ExitCode> {
  const instance = presentInstance(data);
  const links = instance && (await linksOf(instance));
  if (instance === undefined || links === undefined) {
    say({ zh: '没有网关在运行；下次启动时生效', en: 'no gateway runs; it holds from the next start on' });
    return 0;
  }
  let code: ExitCode = 0;
  for (const { key } of links.filter(concerns)) {
    const path = `/api/links/${encodeURIComponent(key)}/reconnect`;
    const answer = await ask(instance, path, 'POST').catch(() => undefined);
    if (answer?.ok) {
      say({ zh: `链路 ${key} 正在重新连接`, en: `the link ${key} connects anew` });
    } else {
      code = 1;
      say({
        zh: `已改好，但未能通知网关：链路 ${key} 到下次连接时才生效（或重启网关）`,
        en: `changed, but the gateway could not be told: it holds for the link ${key} when it next connects (or restart the gateway)`,
      });
    }
  }
  return code;
}

/** Undefined where nobody answers, or another program: the gateway was killed, and its port is somebody else's now. */
async function linksOf(instance: Instance): Promise<readonly LinkReply[] | undefined> {
  const answer = await ask(instance, '/api/links', 'GET').catch(() => undefined);
  const body: unknown = await answer?.json().catch(() => undefined);
  return Value.Check(Type.Array(LinkReply), body) ? body : undefined;
}

function ask(instance: Instance, path: string, method: 'GET' | 'POST'): Promise<Response> {
  return fetch(reachableUrl(instance) + path, {
    method,
    ...(instance.token !== null && { headers: { authorization: `Bearer ${instance.token}` } }),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
}

function sayOwn(own: OwnCertificate): void {
  say({ zh: `  文件：${own.file}`, en: `  file: ${own.file}` });
  say({ zh: `  应用 URI：${own.uri ?? '—'}`, en: `  application URI: ${own.uri ?? '—'}` });
  sayFacts(own);
}

function sayServer(server: ServerCertificate): void {
  const { link, address } = server;
  const isTrusted = server.state === 'trusted';
  say({
    zh: `  ${link} ${address}：${isTrusted ? '已信任' : '等待信任'}`,
    en: `  ${link} ${address}: ${isTrusted ? 'trusted' : 'waits to be trusted'}`,
  });
  sayFacts(server);
  const hosts = server.hosts.join(', ') || '—';
  say({ zh: `    名称：${hosts}；URI：${server.uri ?? '—'}`, en: `    names: ${hosts}; URI: ${server.uri ?? '—'}` });
}

function sayFacts({ subject, issuer, thumbprint, untilMs }: CertificateFacts): void {
  const until = new Date(untilMs).toISOString().slice(0, 10);
  const days = Math.floor((untilMs - Date.now()) / DAY_MS);
  const self = issuer === subject;
  say({
    zh: `    ${thumbprint} ${subject}，${self ? '自签名' : `签发者 ${issuer}`}，有效期至 ${until}（${days < 0 ? '已过期' : `还有 ${days} 天`}）`,
    en: `    ${thumbprint} ${subject}, ${self ? 'self-signed' : `issued by ${issuer}`}, valid until ${until} (${days < 0 ? 'expired' : `${days} days left`})`,
  });
}

function say(text: Text): void {
  process.stdout.write(`${text[terminalLanguage(process.env)]}\n`);
}
