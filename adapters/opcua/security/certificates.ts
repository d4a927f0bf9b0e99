import type { Certificates } from '../../../model/certificates.ts';
import { makeOwn, readOwn } from './own-certificate.ts';
import { ServerCertificates } from './server-certificates.ts';

/** The certificates of OPC UA in `folder`; see {@link Certificates}. */
export function opcuaCertificates(folder: string): Certificates {
  const servers = new ServerCertificates(folder);
  return {
    own: () => readOwn(folder)?.facts,
    make: (wanted) => makeOwn(folder, wanted),
    servers: () => servers.all(),
    trust: (link, thumbprint) => servers.trust(link, thumbprint),
    refuse: (link) => servers.refuse(link),
  };
}
