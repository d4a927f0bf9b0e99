import { randomUUID, X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CertificateChange, ServerCertificate } from '../../../model/certificates.ts';
import type { Text } from '../../../model/text.ts';
import { factsOf, readCertificate, thumbprintOf } from './certificate-facts.ts';
import { giveToOwner } from './give-to-owner.ts';

/** Certificates that wait for somebody's decision; beyond that the oldest goes, and waits again when it is next shown. */
export const MAX_WAITING = 64;

type State = ServerCertificate['state'];

/**
 * The certificates of servers, one file for each link, address and certificate, so that a process which puts one aside and one which
 * trusts never write to the same file: links write to `waiting/`, people move from there to `trusted/`.
 */
export class ServerCertificates {
  readonly #folder: string;

  /** @param folder the protocol's; it need not exist */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The certificate that is trusted at this address of the link; undefined for none. A damaged file is none: what the
   * server shows then waits, and whoever trusts it puts it in that file's place.
   */
  trusted(link: string, address: string): X509Certificate | undefined {
    const [path] = this.#paths('trusted', link, address);
    return path === undefined ? undefined : readCertificate(readFileSync(path));
  }

  /** Puts aside what a server has shown, in the place of what it showed before. */
  putAside(link: string, address: string, certificate: X509Certificate): void {
    const path = this.#path('waiting', { link, address, thumbprint: thumbprintOf(certificate) });
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
    this.settle(link, address);
    // Both, so that they belong to the gateway's user, whoever runs the commands.
    for (const state of ['', 'waiting', 'trusted']) {
      const folder = join(this.#folder, state);
      if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) this.#give(folder);
    }
    const temporary = join(this.#folder, `.waiting.${randomUUID()}`);
    writeFileSync(temporary, certificate.toString(), { flush: true });
    this.#give(temporary);
    renameSync(temporary, path);
    this.#keepBound();
  }

  /** Nothing waits there any more: what the server shows is trusted. */
  settle(link: string, address: string): void {
    for (const path of this.#paths('waiting', link, address)) rmSync(path, { force: true });
  }

  /** Of every link, trusted before waiting. What cannot be read is left out. */
  all(): readonly ServerCertificate[] {
    return [...this.#entries('trusted'), ...this.#entries('waiting')];
  }

  /** See `Certificates.trust`. */
  trust(link: string, thumbprint: string): CertificateChange<ServerCertificate> {
    const wanted = thumbprint.replace(/[\s:]/g, '').toLowerCase();
    const all = this.#entries('waiting');
    const waiting = all.filter((entry) => entry.link === link);
    const found = waiting.find((entry) => entry.thumbprint === wanted);
    if (found === undefined) {
      const done = this.#entries('trusted').find((entry) => entry.link === link && entry.thumbprint === wanted);
      if (done !== undefined) return { ok: false, text: trustedAlready(done) };
      return { ok: false, text: nothingWaits(link, waiting, [...new Set(all.map((entry) => entry.link))]) };
    }
    const path = this.#path('trusted', found);
    // A gateway that met the server while it was being trusted has put the same one aside again.
    const former = this.#paths('trusted', link, found.address).filter((old) => old !== path);
    renameSync(this.#path('waiting', found), path);
    for (const old of former) rmSync(old, { force: true });
    return { ok: true, value: { ...found, state: 'trusted' } };
  }

  /** See `Certificates.refuse`. */
  refuse(link: string): readonly ServerCertificate[] {
    const forgotten = this.all().filter((entry) => entry.link === link);
    for (const entry of forgotten) rmSync(this.#path(entry.state, entry), { force: true });
    return forgotten;
  }

  #give(path: string): void {
    giveToOwner(path, dirname(this.#folder));
  }

  /** A file is never changed under its name, as a backup wants it. */
  #path(state: State, { link, address, thumbprint }: Named): string {
    return join(this.#folder, state, `${link}@${encodeURIComponent(address)}@${thumbprint}.pem`);
  }

  #paths(state: State, link: string, address: string): string[] {
    const begin = `${link}@${encodeURIComponent(address)}@`;
    return this.#names(state)
      .filter((name) => name.startsWith(begin) && name.endsWith('.pem'))
      .map((name) => join(this.#folder, state, name));
  }

  #names(state: State): string[] {
    const folder = join(this.#folder, state);
    return statSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder).sort();
  }

  #entries(state: State): ServerCertificate[] {
    return this.#names(state).flatMap((name) => {
      const { link, address } = /^(?<link>[^@]+)@(?<address>[^@]+)@[^@]+\.pem$/.exec(name)?.groups ?? {};
      if (link === undefined || address === undefined) return [];
      try {
        const certificate = new X509Certificate(readFileSync(join(this.#folder, state, name)));
        return [{ ...factsOf(certificate), link, address: decodeURIComponent(address), state }];
      } catch {
        // Gone since it was listed, or no certificate: nobody trusts by it, and it is shown to nobody.
        return [];
      }
    });
  }

  #keepBound(): void {
    const names = this.#names('waiting');
    if (names.length <= MAX_WAITING) return;
    const byAge = names
      .map((name) => join(this.#folder, 'waiting', name))
      .map((path) => ({ path, ms: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
      .sort((a, b) => a.ms - b.ms);
    for (const { path } of byAge.slice(0, names.length - MAX_WAITING)) rmSync(path, { force: true });
  }
}

type Named = Pick<ServerCertificate, 'link' | 'address' | 'thumbprint'>;

function trustedAlready({ link, address }: ServerCertificate): Text {
  return {
    zh: `链路 ${link} 已经信任 ${address} 的这张证书，无需再做`,
    en: `the link ${link} trusts this certificate of ${address} already; nothing is to be done`,
  };
}

function nothingWaits(link: string, waiting: readonly ServerCertificate[], links: readonly string[]): Text {
  if (waiting.length === 0 && links.length > 0) {
    return {
      zh: `链路 ${link} 没有等待信任的服务器证书；有的链路是：${links.join(', ')}`,
      en: `no server certificate of the link ${link} waits to be trusted; there are of: ${links.join(', ')}`,
    };
  }
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
