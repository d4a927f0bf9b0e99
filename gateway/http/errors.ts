import type { FastifyReply } from 'fastify';
import type { Text } from '../../model/text.ts';
import type { ErrorReply } from './contract.ts';

/** Every error that the API answers: status and texts. The code is the key. */
const catalogue = {
  'not-found': { status: 404, text: { zh: '没有这个地址', en: 'there is nothing at this address' } },
  'unknown-point': { status: 404, text: { zh: '没有这个点', en: 'there is no such point' } },
  'unknown-alarm': { status: 404, text: { zh: '没有这条报警', en: 'there is no such alarm' } },
  'unknown-asset': { status: 404, text: { zh: '没有这个资产', en: 'there is no such asset' } },
  'unknown-system': { status: 404, text: { zh: '没有这个系统', en: 'there is no such system' } },
  'unknown-link': { status: 404, text: { zh: '没有这条链路', en: 'there is no such link' } },
  'unknown-rate': { status: 404, text: { zh: '没有这个指标', en: 'there is no such rate' } },
  'bad-request': { status: 400, text: { zh: '请求有误', en: 'the request is wrong' } },
  'bad-place': { status: 400, text: { zh: '无法识别', en: 'cannot be read' } },
  'not-possible': {
    status: 409,
    text: { zh: '这条链路的协议不支持此操作', en: 'the protocol of this link cannot do this' },
  },
  'link-not-held': { status: 409, text: { zh: '这条链路没有运行', en: 'this link does not run' } },
  'bad-range': {
    status: 400,
    text: { zh: '时间范围有误：to 必须大于 from', en: 'the range is wrong: to must be greater than from' },
  },
  'bad-time': {
    status: 400,
    text: { zh: '只能查询过去 370 天内的指标', en: 'figures are there for the last 370 days' },
  },
  'too-many-days': {
    status: 400,
    text: { zh: '资产数乘以天数不能超过 100000', en: 'assets times days must not be more than 100,000' },
  },
  refused: { status: 409, text: { zh: '操作不能执行', en: 'this cannot be done' } },
  'site-refused': {
    status: 422,
    text: { zh: '站点文件有错误，继续使用原来的配置', en: 'the site file has mistakes; the one before stays' },
  },
  'too-large': { status: 413, text: { zh: '请求内容过大', en: 'the request is too large' } },
  'address-too-long': { status: 414, text: { zh: '地址过长', en: 'the address is too long' } },
  forbidden: { status: 403, text: { zh: '不提供这个地址', en: 'this address is not served' } },
  'token-needed': { status: 401, text: { zh: '需要访问令牌', en: 'an access token is needed' } },
  'wrong-origin': {
    status: 403,
    text: { zh: '不接受来自其他网站的请求', en: 'requests from other sites are not taken' },
  },
  'too-many-pages': {
    status: 503,
    text: { zh: '打开的页面过多，请稍后再试', en: 'too many pages are open, try again later' },
  },
  'too-many-exports': {
    status: 503,
    text: { zh: '正在进行的导出过多，请稍后再试', en: 'too many exports are running, try again later' },
  },
  'too-many-reads': {
    status: 503,
    text: { zh: '正在进行的读取或扫描过多，请稍后再试', en: 'too many reads or scans are running, try again later' },
  },
  'not-ready': { status: 503, text: { zh: '尚未就绪', en: 'not ready yet' } },
  'history-failed': {
    status: 503,
    text: { zh: '历史库暂时无法回答', en: 'the history store cannot answer at the moment' },
  },
  'reload-failed': {
    status: 503,
    text: { zh: '站点文件未能重新加载', en: 'the site file could not be reloaded' },
  },
  'engine-behind': {
    status: 503,
    text: {
      zh: '已记录，但规则引擎落后，稍后生效',
      en: 'recorded, but the engine is behind and will work it in later',
    },
  },
  'writing-off': {
    status: 403,
    text: {
      zh: '本网关未开启写入（环境变量 LAMPLIGHTER_WRITE_TOKEN 未设置）',
      en: 'this gateway does not write (LAMPLIGHTER_WRITE_TOKEN is not set)',
    },
  },
  'write-token-needed': {
    status: 403,
    text: { zh: '需要写入令牌', en: 'the write token is needed' },
  },
  'too-many-writes': {
    status: 429,
    text: {
      zh: '这条链路一分钟内写入过多，没有写入',
      en: 'too many writes on this link within a minute; nothing was written',
    },
  },
  'write-failed': { status: 502, text: { zh: '写入未成功', en: 'the value was not written' } },
  'log-failed': {
    status: 503,
    text: { zh: '无法写入日志，操作未生效', en: 'the log cannot be written; nothing was done' },
  },
  internal: { status: 500, text: { zh: '程序内部错误，详见日志', en: 'internal error, see the log' } },
} as const satisfies Record<string, { status: number; text: Text }>;

export type ErrorCode = keyof typeof catalogue;

/** Status and body of an error; `detail` is added to both texts. */
export function errorReply(code: ErrorCode, detail?: string): { status: number; body: ErrorReply } {
  const { status, text } = catalogue[code];
  const more = detail === undefined ? '' : `: ${detail}`;
  return { status, body: { code, text: { zh: text.zh + more, en: text.en + more } } };
}

/** Answers with an error of the catalogue. */
export function fail(reply: FastifyReply, code: ErrorCode, detail?: string): FastifyReply {
  const { status, body } = errorReply(code, detail);
  return reply.code(status).send(body);
}
