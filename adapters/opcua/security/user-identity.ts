import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { InMemoryCertificateKeyPairProvider, type UserIdentityInfo, UserTokenType } from 'node-opcua';
import { SetupRefused } from '../../../model/adapter.ts';
import type { OpcuaSettings } from '../schema.ts';
import { readCertificate } from './certificate-facts.ts';

/** Who signs in. */
export interface SigningIn {
  /** As the library wants it. */
  readonly user: UserIdentityInfo;
  /** End of the user's certificate, epoch ms; null where there is none. */
  readonly untilMs: number | null;
}

/** Finds out who signs in. Rejects with SetupRefused where a file cannot be read or is not what it should be. */
export async function userIdentity(settings: OpcuaSettings): Promise<SigningIn> {
  const { username, password, userCertificate, userKey } = settings;
  if (userCertificate !== undefined && userKey !== undefined) {
    const certificate = readCertificate(await fileOf(userCertificate));
    const key = keyOf(await fileOf(userKey));
    if (certificate === undefined) throw unusable(userCertificate, '证书', 'certificate');
    if (key === undefined) throw unusable(userKey, '密钥', 'key without a passphrase');
    if (!certificate.checkPrivateKey(key)) {
      throw new SetupRefused({
        zh: `用户证书 ${userCertificate} 与密钥 ${userKey} 不是一对`,
        en: `the user's certificate ${userCertificate} and the key ${userKey} do not belong together`,
      });
    }
    const provider = new InMemoryCertificateKeyPairProvider([certificate.raw], { hidden: key });
    const user: UserIdentityInfo = {
      type: UserTokenType.Certificate,
      certificateData: certificate.raw,
      keyOperations: provider.getKeyOperations(),
    };
    return { user, untilMs: certificate.validToDate.getTime() };
  }
  if (username === undefined || password === undefined)
    return { user: { type: UserTokenType.Anonymous }, untilMs: null };
  return { user: { type: UserTokenType.UserName, userName: username, password }, untilMs: null };
}

async function fileOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new SetupRefused(
      { zh: `无法读取文件 ${path}：${why}`, en: `the file ${path} cannot be read: ${why}` },
      { cause },
    );
  }
}

function keyOf(pem: Buffer): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // What it is instead is nobody's business: it may be a secret.
    return undefined;
  }
}

function unusable(path: string, zh: string, en: string): SetupRefused {
  return new SetupRefused({ zh: `文件 ${path} 不是可用的${zh}（PEM）`, en: `the file ${path} is no ${en} in PEM` });
}
