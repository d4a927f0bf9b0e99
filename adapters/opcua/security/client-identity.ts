import { hostname } from 'node:os';
import { InMemoryCertificateKeyPairProvider } from 'node-opcua';

/** What a client calls itself, with the key and certificate that the library asks for even where nothing is encrypted. */
export interface ClientIdentity {
  readonly applicationName: string;
  readonly applicationUri: string;
  readonly certificateKeyPairProvider: InMemoryCertificateKeyPairProvider;
}

/**
 * Makes an identity in memory: nothing is written, neither to the home directory, which the library would take, nor
 * elsewhere. Takes some 100 ms, so it is made once for a link and not for each connection.
 */
export async function createClientIdentity(): Promise<ClientIdentity> {
  const host = hostname();
  const applicationUri = `urn:${host}:Lamplighter`;
  const certificateKeyPairProvider = new InMemoryCertificateKeyPairProvider();
  await certificateKeyPairProvider.ensureCertificateExists({ applicationUri, subject: 'CN=Lamplighter', dns: [host] });
  return { applicationName: 'Lamplighter', applicationUri, certificateKeyPairProvider };
}
