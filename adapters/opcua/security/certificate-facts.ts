import { X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../../../model/certificates.ts';

/** Bytes of a certificate at most; what is longer is none, or a chain that nobody needs. */
export const MAX_CERTIFICATE_BYTES = 16_384;
/** Characters of a subject or an issuer that are shown: a server may write what it likes. */
const SHOWN_NAME = 120;
/** Names of a certificate that are shown. */
const SHOWN_HOSTS = 8;

/** What a certificate says; undefined where the bytes are none. Of a chain it is the first, the server's own. */
export function readCertificate(bytes: Uint8Array): X509Certificate | undefined {
  if (bytes.length === 0 || bytes.length > MAX_CERTIFICATE_BYTES) return undefined;
  try {
    return new X509Certificate(firstOf(bytes));
  } catch {
    // Whatever is wrong with it, it is no certificate.
    return undefined;
  }
}

/** The first of several DER certificates that follow each other, as OPC UA sends a chain. PEM is left as it is. */
function firstOf(bytes: Uint8Array): Uint8Array {
  const isLongSequence = bytes[0] === 0x30 && bytes[1] === 0x82;
  if (!isLongSequence) return bytes;
  const length = 4 + (bytes[2] ?? 0) * 256 + (bytes[3] ?? 0);
  return bytes.subarray(0, length);
}

/** What people compare of a certificate. */
export function factsOf(certificate: X509Certificate): CertificateFacts {
  const names = alternativeNames(certificate);
  return {
    subject: shown(certificate.subject),
    issuer: shown(certificate.issuer),
    thumbprint: thumbprintOf(certificate),
    fromMs: certificate.validFromDate.getTime(),
    untilMs: certificate.validToDate.getTime(),
    hosts: names.filter((name) => !name.startsWith('URI:')).slice(0, SHOWN_HOSTS),
    uri: applicationUriOf(certificate) ?? null,
  };
}

/** SHA-1 in lower hex, as `factsOf` has it. */
export function thumbprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint.replaceAll(':', '').toLowerCase();
}

/** The application URI in a certificate: what the client must announce, and a server's endpoints do. */
export function applicationUriOf(certificate: X509Certificate): string | undefined {
  return alternativeNames(certificate)
    .find((name) => name.startsWith('URI:'))
    ?.slice('URI:'.length);
}

function alternativeNames(certificate: X509Certificate): string[] {
  return certificate.subjectAltName?.split(', ').map((name) => printable(name)) ?? [];
}

function shown(name: string | undefined): string {
  return printable((name ?? '').split('\n').filter(Boolean).join(', ')).slice(0, SHOWN_NAME);
}

/** A terminal obeys control characters, and a server chooses its names. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?');
}
