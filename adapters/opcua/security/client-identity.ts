import { hostname } from 'node:os';
import { InMemoryCertificateKeyPairProvider } from 'node-opcua';
import type { OwnKeyPair } from './own-certificate.ts';

/** What a client calls itself, with the key and certificate that the library asks for even where nothing is encrypted. */
export interface ClientIdentity {
  readonly applicationName: string;
  readonly applicationUri: string;
  readonly certificateKeyPairProvider: InMemoryCertificateKeyPairProvider;
}

/**
 * Makes an identity in memory, for links without security: nothing is written, neither to the home directory, which the
 * library would take, nor elsewhere. Takes some 100 ms, so it is made once for a link and not for each connection.
 */
export async function createClientIdentity(): Promise<ClientIdentity> {
  const host = hostname();
  const applicationUri = `urn:${host}:Lamplighter`;
  const certificateKeyPairProvider = new InMemoryCertificateKeyPairProvider();
  await certificateKeyPairProvider.ensureCertificateExists({ applicationUri, subject: 'CN=Lamplighter', dns: [host] });
  return { applicationName: 'Lamplighter', applicationUri, certificateKeyPairProvider };
}

/** The identity that servers know: of the certificate that is kept, with the very URI that stands in it. */
export function identityOf({ certificate, key, applicationUri }: OwnKeyPair): ClientIdentity {
  const certificateKeyPairProvider = new InMemoryCertificateKeyPairProvider([certificate.raw], { hidden: key });
  return { applicationName: 'Lamplighter', applicationUri, certificateKeyPairProvider };
}
