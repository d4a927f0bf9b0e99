import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Paths of PEM files. */
export interface Certificates {
  /** The authority that signed the other two. */
  readonly ca: string;
  /** Of a controller on 127.0.0.1, called `plc-7`. */
  readonly server: { readonly certificate: string; readonly key: string };
  /** Of a gateway that asks it. */
  readonly client: { readonly certificate: string; readonly key: string };
  /** Of an authority that signed nothing. */
  readonly otherCa: string;
}

/** Makes certificates that are good for a day, in a folder of the test's. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const at = (name: string) => join(folder, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const authority = async (name: string) => {
    const made = [
      'req',
      '-x509',
      ...newKey,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.pem`),
    ];
    await run('openssl', made);
    return at(`${name}.pem`);
  };
  const ca = await authority('plant');
  const signed = async (name: string, extensions: string) => {
    const certificate = at(`${name}.pem`);
    const key = at(`${name}.key`);
    const request = at(`${name}.csr`);
    const extra = at(`${name}.ext`);
    await writeFile(extra, extensions);
    await run('openssl', ['req', ...newKey, '-subj', `/CN=${name}`, '-keyout', key, '-out', request]);
    const sign = [
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      ca,
      '-CAkey',
      at('plant.key'),
      '-days',
      '1',
      '-extfile',
      extra,
    ];
    await run('openssl', [...sign, '-out', certificate]);
    return { certificate, key };
  };
  return {
    ca,
    server: await signed('plc-7', 'subjectAltName=IP:127.0.0.1,DNS:plc-7\n'),
    client: await signed('gateway', 'extendedKeyUsage=clientAuth\n'),
    otherCa: await authority('stranger'),
  };
}
