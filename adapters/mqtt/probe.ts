import type { LinkPlan } from '../../model/adapter.ts';
import type { Fact, Finding, ProbeAnswer, ProbeRequest, Trouble } from '../../model/probe.ts';
import type { Text } from '../../model/text.ts';
import { pathTable, payloadText, pointTable } from './payload-facts.ts';
import { type HeardMessage, type ListenEnd, listenFor } from './persons-client.ts';
import type { MqttAddress, MqttSettings } from './schema.ts';
import { filterProblem } from './topic-filter.ts';

/** Real ms that a message may take to come where the person does not say. */
const DEFAULT_WAIT_MS = 10_000;

export type PersonsPlan = Pick<LinkPlan<MqttSettings, MqttAddress>, 'key' | 'settings' | 'points' | 'clock'>;

/**
 * Waits for the next message of a topic, or of a point's; see `Commissioning.probe`. What the broker has kept is shown
 * only where nothing else comes: it tells nothing of the device now.
 */
export async function probeMqtt(plan: PersonsPlan, request: ProbeRequest, signal: AbortSignal): Promise<ProbeAnswer> {
  const point = plan.points.find(({ key }) => key === request.where);
  const filter = point?.address.topic ?? request.where;
  const problem = filterProblem(filter);
  if (problem !== undefined) return { ok: false, text: problem };
  const waitMs = request.waitMs ?? DEFAULT_WAIT_MS;
  const enough = new AbortController();
  const over = AbortSignal.any([signal, enough.signal, AbortSignal.timeout(waitMs)]);
  let kept: HeardMessage | undefined;
  let live: HeardMessage | undefined;
  const end = await listenFor(plan.settings, filter, over, (message) => {
    if (message.retained) kept ??= message;
    else {
      live ??= message;
      enough.abort();
    }
  });
  const heard = live ?? kept;
  const finding = heard === undefined ? nothing(plan, filter, waitMs, end) : findingOf(plan, heard);
  return { ok: true, finding };
}

function findingOf({ points, clock }: PersonsPlan, message: HeardMessage): Finding {
  const { topic, payload, qos, retained } = message;
  const fact = (key: string, zh: string, en: string, value: Fact['value']): Fact => ({ key, name: { zh, en }, value });
  const own = points.filter(({ address }) => address.topic === topic);
  const tables = [pathTable(payload, own), pointTable(message, points, clock.now())];
  return {
    outcome: 'answered',
    facts: [
      fact('topic', '主题', 'topic', topic),
      fact(
        'retained',
        '保留消息',
        'retained',
        retained
          ? {
              zh: '是：由代理保存，不代表设备现在在线；时限内没有新消息',
              en: 'yes: kept by the broker, no proof that the device lives; nothing new came in time',
            }
          : { zh: '否', en: 'no' },
      ),
      fact('qos', 'QoS（本次订阅为 0）', 'QoS (0 is what was asked for)', String(qos)),
      fact('bytes', '字节数', 'bytes', String(payload.length)),
      fact('payload', '报文', 'payload', payloadText(payload)),
    ],
    tables: tables.filter((table) => table !== undefined),
    trouble: null,
  };
}

function nothing(plan: PersonsPlan, filter: string, waitMs: number, end: ListenEnd): Finding {
  const facts: Fact[] = [{ key: 'topic', name: { zh: '主题', en: 'topic' }, value: filter }];
  const outcome = end.kind === 'unreachable' ? 'unreachable' : end.kind === 'denied' ? 'refused' : 'silent';
  return { outcome, facts, tables: [], trouble: listenTrouble(plan, end) ?? silence(plan.key, filter, waitMs) };
}

/** Why there was nothing to hear; undefined where it was just silent. */
export function listenTrouble({ settings }: Pick<PersonsPlan, 'settings'>, end: ListenEnd): Trouble | undefined {
  if (end.kind === 'over') return undefined;
  if (end.kind === 'denied') {
    return {
      what: { zh: '代理不允许订阅这个主题', en: 'the broker does not allow this subscription' },
      next: [
        {
          zh: '在代理的访问控制中给网关的用户加上读权限',
          en: 'let the gateway’s user read it in the broker’s access control',
        },
      ],
    };
  }
  const embedded: Text[] = [
    {
      zh: '这条链路的代理就是网关自己：先启动网关再读',
      en: 'the broker of this link is the gateway itself: start the gateway first',
    },
  ];
  const external: Text[] = [
    {
      zh: '核对代理的地址、端口、用户名和密码，以及防火墙',
      en: 'check the broker’s address, port, user name and password, and the firewall',
    },
  ];
  return { what: end.reason, next: settings.broker === 'embedded' ? embedded : external };
}

function silence(link: string, filter: string, waitMs: number): Trouble {
  return {
    what: { zh: `${waitMs / 1000} 秒内没有消息`, en: `no message in ${waitMs / 1000} s` },
    next: [
      {
        zh: `看有哪些主题：npm run lamplighter -- scan ${link} --for 30s（主题区分大小写）`,
        en: `see which topics there are: npm run lamplighter -- scan ${link} --for 30s (case matters)`,
      },
      {
        zh: `设备可能很久才发一次：加长等待，例如 read ${link} '${filter}' --wait 120s`,
        en: `the device may publish seldom: wait longer, such as read ${link} '${filter}' --wait 120s`,
      },
      {
        zh: '核对设备上的代理地址、用户名和密码',
        en: 'check the broker’s address, user name and password on the device',
      },
    ],
  };
}
