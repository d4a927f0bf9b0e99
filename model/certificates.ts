import type { Text } from './text.ts';

/** What people compare of a certificate, and what becomes of it. Times are epoch ms. */
export interface CertificateFacts {
  /** `CN=lift-plc, O=Maker`. */
  readonly subject: string;
  readonly issuer: string;
  /** SHA-1 of the certificate in lower hex: how controllers and their tools name it. */
  readonly thumbprint: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Names and addresses that it is for, as it has them: `DNS:plc-7`, `IP Address:10.0.0.7`. */
  readonly hosts: readonly string[];
  /** The application that it is for; null where it does not say. */
  readonly uri: string | null;
}

/** The certificate by which the gateway proves who it is. */
export interface OwnCertificate extends CertificateFacts {
  /** File with the certificate alone, to be given to servers. */
  readonly file: string;
}

/** A server's certificate, as a link met it. */
export interface ServerCertificate extends CertificateFacts {
  readonly link: string;
  /** Where the server was reached: `10.0.0.7:4840`. */
  readonly address: string;
  /** `waiting`: shown by the server, and not trusted. */
  readonly state: 'trusted' | 'waiting';
}

/** Until when the certificates of one link are good, epoch ms; null for one that it does not have. */
export interface CertificateEnds {
  /** The gateway's own. */
  readonly ownUntilMs: number | null;
  readonly serverUntilMs: number | null;
  /** That by which the link's user signs in. */
  readonly userUntilMs: number | null;
}

/** What became of something that a person wanted with certificates. */
export type CertificateChange<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly text: Text };

/**
 * The certificates that one protocol keeps in its folder of the data folder. Whoever may write there decides whom the
 * gateway believes; nothing here asks a server, and a link that runs takes a change over when it connects anew.
 */
export interface Certificates {
  /** Undefined where none has been made yet; it is made when a link first needs it. */
  own(): OwnCertificate | undefined;
  /** Makes one; the one that there is stays unless `replace`. */
  make(wanted: {
    readonly days: number;
    readonly replace: boolean;
    readonly nowMs: number;
  }): Promise<CertificateChange<OwnCertificate>>;
  servers(): readonly ServerCertificate[];
  /** Trusts what waits: of this link and with this thumbprint, so that what was compared is what is trusted. */
  trust(link: string, thumbprint: string): CertificateChange<ServerCertificate>;
  /** Forgets what a link's servers have shown; what was trusted is not any more. Gives what was forgotten. */
  refuse(link: string): readonly ServerCertificate[];
}
