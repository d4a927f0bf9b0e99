import { dirname } from 'node:path';
import { LinkLost, SetupRefused } from '../../../model/adapter.ts';
import type { OwnCertificate } from '../../../model/certificates.ts';
import type { Text } from '../../../model/text.ts';
import { typedCommand } from '../security/typed-command.ts';
import { faultOf, isSessionGone } from './service-fault.ts';

/** Characters of what the library says that are shown. */
const SHOWN_MESSAGE = 120;

/** What is known where something was refused. */
export interface RefusalContext {
  readonly endpoint: string;
  /** The gateway's own certificate; absent where the link works without. */
  readonly own?: OwnCertificate;
  /** Epoch ms of real time, as servers have it. */
  readonly nowMs: number;
}

interface Refusal {
  /** Found in what the library says: names of statuses, and sentences of its own. */
  readonly pattern: RegExp;
  /** Only where the link works with certificates. */
  readonly secured?: true;
  /** `wait`: only a person can mend it, so it is tried seldom; `retry`: it may be over in a moment. */
  readonly next: 'wait' | 'retry';
  readonly text: (own: OwnCertificate | undefined, nowMs: number) => Text;
}

/** The first that fits is told. */
const refusals: readonly Refusal[] = [
  wait(/BadUserAccessDenied/, {
    zh: '用户被拒绝（BadUserAccessDenied）：核对用户名和密码，并看服务器上该用户是否启用、有读权限',
    en: 'the user was refused (BadUserAccessDenied): check user name and password, and on the server whether the user is enabled and may read',
  }),
  wait(/BadIdentityTokenRejected/, {
    zh: '登录被拒绝（BadIdentityTokenRejected）：密码错误、用户已锁定，或服务器不信任该用户证书',
    en: 'the sign-in was rejected (BadIdentityTokenRejected): wrong password, the user is locked, or the server does not trust the user’s certificate',
  }),
  wait(/BadIdentityTokenInvalid/, {
    zh: '登录方式不被接受（BadIdentityTokenInvalid）：服务器可能不允许匿名，或该端点不接受用户名或用户证书',
    en: 'the server cannot use this sign-in (BadIdentityTokenInvalid): it may not allow anonymous users, or not this kind of user at this endpoint',
  }),
  wait(/BadUserSignatureInvalid/, {
    zh: '用户证书的签名无效（BadUserSignatureInvalid）：密钥与证书不是一对，或服务器上登记的是另一张证书',
    en: 'the signature of the user’s certificate is not valid (BadUserSignatureInvalid): the key is not that of the certificate, or the server knows another one',
  }),
  wait(/user token policy/i, {
    zh: '服务器不接受这种登录方式',
    en: 'the server does not accept this way to sign in',
  }),
  { pattern: /BadCertificateTimeInvalid/, next: 'wait', text: outOfTime },
  wait(/BadCertificateUriInvalid/, {
    zh: '服务器认为我方证书的应用 URI 与所声明的不符（BadCertificateUriInvalid）：服务器上登记的可能是旧证书，请删除后重新导入我方证书',
    en: 'to the server the application URI in our certificate is not the one we announce (BadCertificateUriInvalid): it may have an old certificate of ours; remove it there and import the present one',
  }),
  {
    pattern: /BadCertificateHostNameInvalid/,
    next: 'wait',
    text: (own) => ({
      zh: `服务器要求证书中的主机名与连接一致（BadCertificateHostNameInvalid）：本机改过名时，用 ${makeAnother(own)} 重做证书，或在服务器上关闭该检查`,
      en: `the server wants the host name in the certificate to be that of the connection (BadCertificateHostNameInvalid): if this machine was renamed, make another with ${makeAnother(own)}, or switch the check off on the server`,
    }),
  },
  wait(/BadCertificate(Revoked|IssuerRevoked)/, {
    zh: '我方证书在服务器上已被吊销',
    en: 'our certificate was revoked on the server',
  }),
  {
    pattern:
      /BadCertificate(Untrusted|ChainIncomplete|IssuerRevocationUnknown|RevocationUnknown)|BadSecurityChecksFailed/,
    next: 'wait',
    // A server that fails a certificate for its time says no more than one that does not know it.
    text: (own, nowMs) => (own !== undefined && own.untilMs <= nowMs ? outOfTime(own) : untrusted(own)),
  },
  {
    pattern: /BadCertificate(Invalid|UseNotAllowed|PolicyCheckFailed)/,
    next: 'wait',
    text: (own) => ({
      zh: `服务器不接受我方证书（密钥长度或用途不合其要求，或服务器换过证书）${fileText(own).zh}`,
      en: `the server does not take our certificate: its key’s length or its uses are not what it wants, or its own certificate was renewed${fileText(own).en}`,
    }),
  },
  wait(/BadSecurityPolicyRejected/, {
    zh: '服务器拒绝这种安全策略（BadSecurityPolicyRejected）：在站点文件的 security.policy 换一种，或在服务器上开启',
    en: 'the server refuses this policy (BadSecurityPolicyRejected): set another in security.policy of the site file, or allow it on the server',
  }),
  wait(/BadSecurityModeRejected|BadSecurityModeInsufficient/, {
    zh: '服务器拒绝这种安全模式：在站点文件的 security.mode 换一种，或在服务器上开启',
    en: 'the server refuses this mode: set another in security.mode of the site file, or allow it on the server',
  }),
  wait(/End point must exist/, {
    zh: '服务器不提供这种安全策略和模式的端点；站点文件的链路没有 security 时为无加密，这台服务器可能要求加密：写上 security: { policy: best }',
    en: 'the server has no endpoint of this policy and mode; a link without security in the site file is without encryption, which this server may not allow: write security: { policy: best }',
  }),
  wait(/BadTcpEndpointUrlInvalid/, {
    zh: '服务器不认这个地址（BadTcpEndpointUrlInvalid）：核对 endpoint 中的主机名和路径，须与服务器配置的一致',
    en: 'the server does not know this address (BadTcpEndpointUrlInvalid): host name and path of the endpoint must be those it is set up with',
  }),
  retry(/BadTooManySessions/, {
    zh: '服务器的会话已满（BadTooManySessions）：断开其他客户端，或调大服务器的会话数；会自动重试',
    en: 'the server has no session left (BadTooManySessions): end other clients, or let it have more; tried again by itself',
  }),
  retry(/BadMaxConnectionsReached|BadTcpNotEnoughResources/, {
    zh: '服务器的连接已满：断开其他客户端，或调大服务器的连接数；会自动重试',
    en: 'the server has no connection left: end other clients, or let it have more; tried again by itself',
  }),
  retry(/BadNonceInvalid|Invalid server Nonce/, {
    zh: '安全握手的随机数无效（BadNonceInvalid）：服务器可能正在重启或固件有缺陷；会自动重试',
    en: 'the handshake’s nonce is not valid (BadNonceInvalid): the server may be restarting, or its firmware is at fault; tried again by itself',
  }),
  {
    // Many servers say nothing: they hang up on whom they do not trust.
    pattern: /may have been rejected by server|disconnected by third party/,
    secured: true,
    next: 'retry',
    text: (own) => ({
      zh: `建立安全通道时服务器挂断：可能正在重启，也可能尚未信任我方证书${fileText(own).zh}`,
      en: `the server hung up while the secure channel was opened: it may be restarting, or does not trust our certificate yet${fileText(own).en}`,
    }),
  },
];

/** Turns what the library threw into what the supervisor understands. */
export function explained(error: unknown, { endpoint, own, nowMs }: RefusalContext): LinkLost | SetupRefused {
  if (error instanceof LinkLost || error instanceof SetupRefused) return error;
  if (error instanceof SessionSpent) return lostAt(endpoint, error.reason, error);
  const message = error instanceof Error ? error.message : String(error);
  const found = refusals.find(({ pattern, secured }) => pattern.test(message) && (!secured || own !== undefined));
  if (found !== undefined) {
    const text = found.text(own, nowMs);
    const reason = { zh: `${text.zh}：${endpoint}`, en: `${text.en}: ${endpoint}` };
    return found.next === 'wait' ? new SetupRefused(reason, { cause: error }) : new LinkLost(reason, { cause: error });
  }
  const why = message.split('\n', 1)[0]?.trim().slice(0, SHOWN_MESSAGE) ?? '';
  return new LinkLost({ zh: `无法连接 ${endpoint}：${why}`, en: `cannot reach ${endpoint}: ${why}` }, { cause: error });
}

/** The session is not to be taken up again: what is wrong is wrong with it, and not with its connection. */
export class SessionSpent extends Error {
  readonly reason: Text;
  constructor(reason: Text) {
    super(reason.en);
    this.name = 'SessionSpent';
    this.reason = reason;
  }
}

/** Whether an error is one of the session itself, so that the next connection needs another. */
export function isSessionSpent(error: unknown): boolean {
  if (error instanceof SessionSpent) return true;
  const status = faultOf(error);
  return status !== undefined && isSessionGone(status);
}

/** The link to `endpoint` is lost, and why. */
export function lostAt(endpoint: string, { zh, en }: Text, cause?: unknown): LinkLost {
  return new LinkLost({ zh: `${zh}：${endpoint}`, en: `${en}: ${endpoint}` }, { cause });
}

function wait(pattern: RegExp, text: Text): Refusal {
  return { pattern, next: 'wait', text: () => text };
}

function retry(pattern: RegExp, text: Text): Refusal {
  return { pattern, next: 'retry', text: () => text };
}

function untrusted(own: OwnCertificate | undefined): Text {
  const { zh, en } = fileText(own);
  return {
    zh: `服务器不信任我方证书（多数服务器此时只说 BadSecurityChecksFailed）：在服务器上信任它，通常在“被拒绝的证书”一栏${zh}；信任后半分钟内自动连上`,
    en: `the server does not trust our certificate (most say no more than BadSecurityChecksFailed): trust it there, as a rule among its rejected certificates${en}; the link comes up within half a minute`,
  };
}

function outOfTime(own: OwnCertificate | undefined): Text {
  return {
    zh: `服务器认为我方证书不在有效期内（BadCertificateTimeInvalid）：核对服务器和本机的时钟${own ? `；我方证书有效期 ${day(own.fromMs)} 至 ${day(own.untilMs)}` : ''}；若确已过期，用 ${makeAnother(own)} 更换`,
    en: `to the server our certificate is out of its time (BadCertificateTimeInvalid): check the clocks of the server and of this machine${own ? `; ours is good from ${day(own.fromMs)} to ${day(own.untilMs)}` : ''}; if it has expired, make another with ${makeAnother(own)}`,
  };
}

/** The command for the very folder in which ours is kept: elsewhere it would make one that nobody uses. */
function makeAnother(own: OwnCertificate | undefined): string {
  return typedCommand('certificates make --replace', own === undefined ? 'data' : dirname(dirname(own.file)));
}

function fileText(own: OwnCertificate | undefined): Text {
  if (own === undefined) return { zh: '', en: '' };
  return {
    zh: `；我方证书：${own.file}，指纹 ${own.thumbprint}`,
    en: `; ours is ${own.file}, thumbprint ${own.thumbprint}`,
  };
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
