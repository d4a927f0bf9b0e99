import type { X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../../../model/certificates.ts';
import type { Text } from '../../../model/text.ts';
import { factsOf, thumbprintOf } from './certificate-facts.ts';
import { typedCommand } from './typed-command.ts';

/** Of whom a certificate is judged. */
export interface JudgedServer {
  readonly link: string;
  /** `10.0.0.7:4840`. */
  readonly address: string;
  readonly trusted: X509Certificate | undefined;
  /** Where the certificates are kept, for the command that is to be typed. */
  readonly dataDir: string;
  /** Epoch ms, for what is said of its validity. */
  readonly nowMs: number;
}

/**
 * Why a server's certificate is not believed; undefined where it is the very one that somebody trusted. Neither an
 * issuer nor a name nor a date makes a certificate believed or not: see README.md, where it is told why.
 */
export function judgeServer(shown: X509Certificate, server: JudgedServer): Text | undefined {
  const { trusted } = server;
  if (trusted?.raw.equals(shown.raw)) return undefined;
  const facts = factsOf(shown);
  const how = typedCommand(`certificates trust ${server.link} ${facts.thumbprint}`, server.dataDir);
  const { zh, en } = described(facts, server);
  if (trusted === undefined) {
    return {
      zh: `服务器 ${server.address} 的证书尚未信任：${zh}。与服务器上显示的指纹核对一致后：${how}`,
      en: `the certificate of ${server.address} is not trusted: ${en}. Compare the thumbprint with the one that the server itself shows, then: ${how}`,
    };
  }
  const before = thumbprintOf(trusted);
  return {
    zh: `服务器 ${server.address} 的证书变了：原为 ${before}，现为 ${zh}。若服务器没有换过证书或重装，可能有人冒充，请勿信任；确认换过且指纹一致后：${how}`,
    en: `the certificate of ${server.address} CHANGED: it was ${before}, now it is ${en}. If nobody renewed it or set the server up anew, somebody may pose as it: do not trust it. If somebody did, and the thumbprint is the one that the server shows: ${how}`,
  };
}

function described(facts: CertificateFacts, { nowMs }: JudgedServer): Text {
  const until = day(facts.untilMs);
  const expired = facts.untilMs <= nowMs;
  const early = facts.fromMs > nowMs;
  const note: Text = expired
    ? { zh: `，已于 ${until} 过期`, en: `, expired on ${until}` }
    : early
      ? { zh: `，${day(facts.fromMs)} 才生效`, en: `, valid only from ${day(facts.fromMs)}` }
      : { zh: `，有效期至 ${until}`, en: `, valid until ${until}` };
  return {
    zh: `${facts.thumbprint}（${facts.subject}${note.zh}）`,
    en: `${facts.thumbprint} (${facts.subject}${note.en})`,
  };
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
