import {
  type EndpointDescription,
  MessageSecurityMode,
  SecurityPolicy,
  type UserTokenPolicy,
  UserTokenType,
} from 'node-opcua';
import type { Text } from '../../../model/text.ts';
import type { OpcuaSettings } from '../schema.ts';

/** The policies that are used, best first. What came before SHA-256 is not: its signatures can be forged. */
export const policies = ['Aes256_Sha256_RsaPss', 'Aes128_Sha256_RsaOaep', 'Basic256Sha256'] as const;

const modes = {
  sign: MessageSecurityMode.Sign,
  signAndEncrypt: MessageSecurityMode.SignAndEncrypt,
} as const;

/** Endpoints that are shown where none of them will do. */
const SHOWN_ENDPOINTS = 12;

export type Choice =
  | { readonly ok: true; readonly endpoint: EndpointDescription }
  | { readonly ok: false; readonly why: Text };

/** Which kind of user the settings sign in. */
export function userTypeOf({ username, userCertificate }: OpcuaSettings): UserTokenType {
  if (userCertificate !== undefined) return UserTokenType.Certificate;
  return username === undefined ? UserTokenType.Anonymous : UserTokenType.UserName;
}

/** Finds the endpoint that the settings ask for among those that a server offers; where there is none, says which there are. */
export function chooseEndpoint(offered: readonly EndpointDescription[], settings: OpcuaSettings): Choice {
  const { security } = settings;
  const wanted = security === undefined ? undefined : modes[security.mode ?? 'signAndEncrypt'];
  const acceptable = security?.policy === 'best' ? policies : policies.filter((policy) => policy === security?.policy);
  const endpoint = acceptable
    .map((policy) =>
      offered.find((one) => one.securityMode === wanted && one.securityPolicyUri === SecurityPolicy[policy]),
    )
    .find((found) => found !== undefined);
  if (endpoint === undefined) return { ok: false, why: notOffered(offered) };
  const tokens = (endpoint.userIdentityTokens ?? []).filter(({ tokenType }) => tokenType === userTypeOf(settings));
  if (tokens.length === 0) return { ok: false, why: otherUsers(endpoint) };
  const isSigned = wanted === modes.sign && userTypeOf(settings) === UserTokenType.UserName;
  if (isSigned && mayBeInClear(tokens)) return { ok: false, why: passwordInClear };
  return { ok: true, endpoint };
}

/**
 * Whether the library may send the password as it is, where the server leaves the choice of several policies for it. It
 * takes the best that it knows, leaves out the oldest, and counts one that is not named as less than None.
 */
function mayBeInClear(tokens: readonly UserTokenPolicy[]): boolean {
  const uris = tokens.map(({ securityPolicyUri }) => securityPolicyUri);
  return uris.includes(SecurityPolicy.None) && !policies.some((policy) => uris.includes(SecurityPolicy[policy]));
}

/** Text of a policy's URI as the site file has it; the URI itself of one that is not used. */
function policyName(uri: string | null): string {
  return uri?.split('#').at(-1)?.slice(0, 40) || '?';
}

function notOffered(offered: readonly EndpointDescription[]): Text {
  const names = offered.map(({ securityMode, securityPolicyUri }) =>
    securityMode === MessageSecurityMode.None
      ? 'None'
      : `${policyName(securityPolicyUri)}/${securityMode === modes.sign ? 'sign' : 'signAndEncrypt'}`,
  );
  const list = [...new Set(names)].slice(0, SHOWN_ENDPOINTS).join(', ') || '—';
  return {
    zh: `服务器不提供所要求的安全策略和模式；它提供：${list}。请修改站点文件的 security，或在服务器上开启`,
    en: `the server does not offer this policy and mode; it offers: ${list}. Change security in the site file, or allow it on the server`,
  };
}

const userNames: Readonly<Record<UserTokenType, Text>> = {
  [UserTokenType.Anonymous]: { zh: '匿名', en: 'anonymous' },
  [UserTokenType.UserName]: { zh: '用户名和密码', en: 'user name and password' },
  [UserTokenType.Certificate]: { zh: '用户证书', en: 'user certificate' },
  [UserTokenType.IssuedToken]: { zh: '第三方令牌', en: 'issued token' },
  [UserTokenType.Invalid]: { zh: '未知', en: 'unknown' },
};

function otherUsers({ userIdentityTokens }: EndpointDescription): Text {
  const types = [...new Set((userIdentityTokens ?? []).map(({ tokenType }) => tokenType))];
  const named = (language: keyof Text) =>
    types.map((type) => userNames[type]?.[language] ?? String(type)).join(', ') || '—';
  return {
    zh: `服务器不接受这种登录方式；它接受：${named('zh')}`,
    en: `the server does not accept this way to sign in; it accepts: ${named('en')}`,
  };
}

const passwordInClear: Text = {
  zh: '在只签名（sign）的连接上，该服务器要求以明文发送密码；请把 mode 改为 signAndEncrypt',
  en: 'on a connection that is only signed, this server wants the password in clear; set mode to signAndEncrypt',
};
