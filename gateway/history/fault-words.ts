import type { Text } from '../../model/text.ts';

/** What is wrong by what a home says of it; the first that fits counts. */
const KINDS: readonly (readonly [sign: RegExp, zh: string, en: string])[] = [
  [/\bECONNREFUSED\b/, '历史库没有运行，或端口不对', 'the history store does not run, or its port is another'],
  [/\bENOTFOUND\b|\bEAI_AGAIN\b/, '找不到历史库的主机名', 'the name of the history store’s host is not found'],
  [/\bEHOSTUNREACH\b|\bENETUNREACH\b/, '到历史库的网络不通', 'there is no way to the history store'],
  [/\bETIMEDOUT\b|timed? ?-?out|no answer/i, '历史库没有及时应答', 'the history store did not answer in time'],
  [/\bECONNRESET\b|\bEPIPE\b|socket hang up/, '历史库中断了连接', 'the history store broke the connection off'],
  [
    /certificate|\bCERT_|\bERR_TLS|self-signed/i,
    '历史库的证书不可信',
    'the history store’s certificate is not trusted',
  ],
  [
    /\bHTTP 40[13]\b/,
    '历史库不接受账号或权限不足',
    'the history store does not accept the account, or it may not do this',
  ],
  [/\bHTTP 404\b/, '历史库中没有该数据库', 'the history store does not have the database'],
  [/\bHTTP 413\b/, '历史库认为一次写入过大', 'the history store finds a write too large'],
  [/\bHTTP 429\b/, '历史库要求写得慢一些', 'the history store asks to be written to more slowly'],
  [/\bHTTP 5\d\d\b/, '历史库内部出错', 'the history store has a fault of its own'],
  [/^history is closed$/, '历史库已关闭', 'history is closed'],
  [/become another/, '历史库的数据库被换成了另一个', 'the database was replaced by another one meanwhile'],
];

/** Says in both languages why history cannot be written, from a home's own words, which stay beside it. */
export function faultWords(reason: string): Text {
  const [, zh, en] = KINDS.find(([sign]) => sign.test(reason)) ?? [undefined, '历史库出错', 'the history store fails'];
  return en === reason ? { zh, en } : { zh: `${zh}（${reason}）`, en: `${en} (${reason})` };
}
