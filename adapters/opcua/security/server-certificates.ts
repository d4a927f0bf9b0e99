import { randomUUID, X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateChange, ServerCertificate } from '../../../model/certificates.ts';
import type { Text } from '../../../model/text.ts';
import { factsOf } from './certificate-facts.ts';

/** Certificates that wait for somebody's decision; beyond that the oldest goes, and waits again when it is next shown. */
export const MAX_WAITING = 64;

type State = ServerCertificate['state'];

/**
 * The certificates of servers, one file for each link and address, so that a process which puts one aside and one which
 * trusts never write to the same file: links write to `waiting/`, people move from there to `trusted/`.
 */
export class ServerCertificates {
  readonly #folder: string;

  /** @param folder the protocol's; it need not exist */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The certificate that is trusted at this address of the link; undefined for none. */
  trusted(link: string, address: string): X509Certificate | undefined {
    const path = this.#path('trusted', link, address);
    return statSync(path, { throwIfNoEntry: false }) && new X509Certificate(readFileSync(path));
  }

  /** Puts aside what a server has shown. */
  putAside(link: string, address: string, certificate: X509Certificate): void {
    const path = this.#path('waiting', link, address);
    const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
    if (isThere && new X509Certificate(readFileSync(path)).raw.equals(certificate.raw)) return;
    const folder = join(this.#folder, 'waiting');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = join(this.#folder, `.waiting.${randomUUID()}`);
    writeFileSync(temporary, certificate.toString());
    renameSync(temporary, path);
    this.#keepBound(folder);
  }

  /** Nothing waits there any more: what the server shows is trusted. */
  settle(link: string, address: string): void {
    rmSync(this.#path('waiting', link, address), { force: true });
  }

  /** Of every link, trusted before waiting. What cannot be read is left out. */
  all(): readonly ServerCertificate[] {
    return [...this.#entries('trusted'), ...this.#entries('waiting')];
  }

  /** See `Certificates.trust`. */
  trust(link: string, thumbprint: string): CertificateChange<ServerCertificate> {
    const wanted = thumbprint.replace(/[\s:]/g, '').toLowerCase();
    const waiting = this.#entries('waiting').filter((entry) => entry.link === link);
    const found = waiting.find((entry) => entry.thumbprint === wanted);
    if (found === undefined) return { ok: false, text: nothingWaits(link, waiting) };
    mkdirSync(join(this.#folder, 'trusted'), { recursive: true, mode: 0o700 });
    renameSync(this.#path('waiting', link, found.address), this.#path('trusted', link, found.address));
    return { ok: true, value: { ...found, state: 'trusted' } };
  }

  /** See `Certificates.refuse`. */
  refuse(link: string): readonly ServerCertificate[] {
    const forgotten = this.all().filter((entry) => entry.link === link);
    for (const { state, address } of forgotten) rmSync(this.#path(state, link, address), { force: true });
    return forgotten;
  }

  #path(state: State, link: string, address: string): string {
    return join(this.#folder, state, `${link}@${encodeURIComponent(address)}.pem`);
  }

  #entries(state: State): ServerCertificate[] {
    const folder = join(this.#folder, state);
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) return [];
    return readdirSync(folder)
      .sort()
      .flatMap((name) => {
        const { link, address } = /^(?<link>[^@]+)@(?<address>.+)\.pem$/.exec(name)?.groups ?? {};
        if (link === undefined || address === undefined) return [];
        try {
          const certificate = new X509Certificate(readFileSync(join(folder, name)));
          return [{ ...factsOf(certificate), link, address: decodeURIComponent(address), state }];
        } catch {
          // Gone since it was listed, or no certificate: nobody trusts by it, and it is shown to nobody.
          return [];
        }
      });
  }

  #keepBound(folder: string): void {
    const names = readdirSync(folder);
    if (names.length <= MAX_WAITING) return;
    const byAge = names
      .map((name) => ({ name, ms: statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
      .sort((a, b) => a.ms - b.ms);
    for (const { name } of byAge.slice(0, names.length - MAX_WAITING)) rmSync(join(folder, name), { force: true });
  }
}

function nothingWaits(link: string, waiting: readonly ServerCertificate[]): Text {
  if (waiting.length === 0) {
    return {
      zh: `链路 ${link} 没有等待信任的服务器证书；先让网关连接一次`,
      en: `no server certificate of the link ${link} waits to be trusted; let the gateway connect once`,
    };
  }
  const list = waiting.map(({ thumbprint, subject }) => `${thumbprint} (${subject})`).join(', ');
  return {
    zh: `链路 ${link} 等待信任的证书不是这个指纹，而是：${list}`,
    en: `what waits on the link ${link} has another thumbprint: ${list}`,
  };
}
