import { LinkLost, SetupRefused } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import { faultOf, isSessionGone } from './service-fault.ts';

/** Characters of what the library says that are shown. */
const SHOWN_MESSAGE = 120;

/** Faults of the set-up, by the status names in the library's messages. */
const refusals = [
  [/BadUserAccessDenied|BadIdentityToken/, { zh: '用户名或密码被拒绝', en: 'user name or password refused' }],
  [/End point must exist/, { zh: '服务器不提供无加密的端点', en: 'the server has no endpoint without encryption' }],
  [/user token policy/, { zh: '服务器不接受这种登录方式', en: 'the server does not accept this way to sign in' }],
] as const;

/** Turns what the library threw into what the supervisor understands. */
export function explained(error: unknown, endpoint: string): LinkLost | SetupRefused {
  if (error instanceof LinkLost || error instanceof SetupRefused) return error;
  if (error instanceof SessionSpent) return lostText(error.reason, endpoint, error);
  if (faultOf(error)?.name === 'BadTooManySessions') {
    return lostText({ zh: '服务器会话已满', en: 'the server has no session left' }, endpoint, error);
  }
  const message = error instanceof Error ? error.message : String(error);
  for (const [pattern, text] of refusals) {
    if (pattern.test(message)) {
      return new SetupRefused({ zh: `${text.zh}：${endpoint}`, en: `${text.en}: ${endpoint}` }, { cause: error });
    }
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
export function lostText({ zh, en }: Text, endpoint: string, cause?: unknown): LinkLost {
  return new LinkLost({ zh: `${zh}：${endpoint}`, en: `${en}: ${endpoint}` }, { cause });
}
