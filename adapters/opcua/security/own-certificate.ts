import { createPrivateKey, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { SetupRefused } from '../../../model/adapter.ts';
import type { CertificateChange, OwnCertificate } from '../../../model/certificates.ts';
import { applicationUriOf, factsOf } from './certificate-facts.ts';
import { giveToOwner } from './give-to-owner.ts';
import { typedCommand } from './typed-command.ts';

/** Key and certificate in one file, so that they are replaced together or not at all. */
export const OWN_FILE = 'own.pem';
/** The certificate alone, in the form that servers' tools import. */
export const GIVEN_FILE = 'lamplighter.der';

/** Days that a certificate is good for unless somebody wants another number; an alarm comes a month before its end. */
export const OWN_DAYS = 3650;
/** A certificate begins so long before it is made, since a server whose clock is behind would refuse it. */
const BEGINS_EARLIER_MS = 2 * 86_400_000;
const DAY_MS = 86_400_000;

/** The gateway's own certificate with its key. */
export interface OwnKeyPair {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  /** As the certificate has it: what the client announces must be the same. */
  readonly applicationUri: string;
  readonly facts: OwnCertificate;
}

/**
 * Reads the own certificate from the protocol's folder; undefined where none was made. Throws where the file cannot be
 * read, and SetupRefused where it is none of ours.
 */
export function readOwn(folder: string): OwnKeyPair | undefined {
  const path = join(folder, OWN_FILE);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const pair = pairOf(readFileSync(path));
  if (pair === undefined) throw noPair(path, dirname(folder));
  return { ...pair, facts: { ...factsOf(pair.certificate), file: givenFile(folder, pair.certificate) } };
}

/** Undefined where the file is damaged, or somebody's whose key is not that of the certificate. */
function pairOf(pem: Buffer): Omit<OwnKeyPair, 'facts'> | undefined {
  try {
    const certificate = new X509Certificate(pem);
    const key = createPrivateKey(pem);
    const applicationUri = applicationUriOf(certificate);
    if (applicationUri === undefined || !certificate.checkPrivateKey(key)) return undefined;
    return { certificate, key, applicationUri };
  } catch {
    // What the parser says of it helps nobody, and there may be a key in it.
    return undefined;
  }
}

function noPair(path: string, dataDir: string): SetupRefused {
  const again = typedCommand('certificates make --replace', dataDir);
  return new SetupRefused({
    zh: `证书目录无法使用：${path} 已损坏，或不是带密钥的证书；请从备份恢复该文件，或用 ${again} 重做（之后须在每台服务器上重新信任）`,
    en: `the folder of certificates cannot be used: ${path} is damaged, or no certificate with its key; restore it from a backup, or make another with ${again}, which each server must then trust anew`,
  });
}

/** Reads the own certificate, or makes it where there is none. Many links may need it at once, of several processes. */
export async function ownOrMade(folder: string, nowMs: number): Promise<OwnKeyPair> {
  const present = readOwn(folder);
  if (present !== undefined) return present;
  await makeOwn(folder, { days: OWN_DAYS, replace: false, nowMs });
  const made = readOwn(folder);
  if (made === undefined) throw new Error(`${join(folder, OWN_FILE)} was removed while it was made`);
  return made;
}

/** Makes a certificate of the gateway's own; see `Certificates.make`. */
export async function makeOwn(
  folder: string,
  { days, replace, nowMs }: { readonly days: number; readonly replace: boolean; readonly nowMs: number },
): Promise<CertificateChange<OwnCertificate>> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const present = replace ? undefined : readOwn(folder);
  if (present !== undefined) return { ok: false, text: isThere(present.facts) };
  const making = mkdtempSync(join(folder, '.making-'));
  try {
    const pem = await newKeyPair(making, nowMs, days);
    const path = join(making, OWN_FILE);
    writeFileSync(path, pem, { mode: 0o600, flush: true });
    giveToOwner(folder, dirname(folder));
    giveToOwner(path, dirname(folder));
    if (replace) renameSync(path, join(folder, OWN_FILE));
    else takePlace(path, join(folder, OWN_FILE));
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  const own = readOwn(folder);
  if (own === undefined) throw new Error(`${join(folder, OWN_FILE)} was removed while it was made`);
  return { ok: true, value: own.facts };
}

/** Puts a file where none is; one that came there meanwhile stays. */
function takePlace(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

/** Key and certificate as PEM, made by the library in a folder that is thrown away afterwards. */
async function newKeyPair(making: string, nowMs: number, days: number): Promise<string> {
  // Only here: the library takes most of a second to load, and whoever looks at certificates does not need it.
  const { OPCUACertificateManager } = await import('node-opcua');
  const manager = new OPCUACertificateManager({ rootFolder: join(making, 'pki'), disableFileWatchers: true });
  const outputFile = join(making, 'certificate.pem');
  try {
    await manager.initialize();
    const host = hostname();
    await manager.createSelfSignedCertificate({
      applicationUri: `urn:${host}:Lamplighter:${randomUUID()}`,
      subject: `/CN=Lamplighter@${host}`.slice(0, 64),
      dns: [host],
      startDate: new Date(nowMs - BEGINS_EARLIER_MS),
      validity: Math.ceil(days + BEGINS_EARLIER_MS / DAY_MS),
      outputFile,
    });
    return `${readFileSync(manager.privateKey, 'utf8').trim()}\n${readFileSync(outputFile, 'utf8').trim()}\n`;
  } finally {
    await manager.dispose();
  }
}

/** Path of the certificate alone; written anew where it is missing or another one. */
function givenFile(folder: string, certificate: X509Certificate): string {
  const path = join(folder, GIVEN_FILE);
  const isSame = statSync(path, { throwIfNoEntry: false }) !== undefined && readFileSync(path).equals(certificate.raw);
  if (!isSame) {
    const temporary = join(folder, `.${GIVEN_FILE}.${randomUUID()}`);
    writeFileSync(temporary, certificate.raw, { mode: 0o644 });
    giveToOwner(temporary, dirname(folder));
    renameSync(temporary, path);
  }
  return path;
}

function isThere({ thumbprint, untilMs }: OwnCertificate) {
  const until = new Date(untilMs).toISOString().slice(0, 10);
  return {
    zh: `已有自己的证书（${thumbprint}，有效期至 ${until}），各服务器信任的是它；确要更换请加 --replace，之后须在每台服务器上重新信任`,
    en: `there is a certificate (${thumbprint}, valid until ${until}), and servers trust it; to have another, add --replace, and trust the new one on each server`,
  };
}
