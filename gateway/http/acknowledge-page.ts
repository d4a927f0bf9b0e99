import type { Text } from '../../model/text.ts';
import type { AlarmReply } from './contract.ts';

/** What the page behind a notice's link shows: an alarm, or why there is none to show. */
export interface AcknowledgePage {
  readonly alarm: AlarmReply | undefined;
  readonly site: Text;
  readonly timeZone: string;
  readonly person: string;
  /** Said above the alarm, e.g. why a link does not work. */
  readonly notice: Text | undefined;
}

const stateTexts: Readonly<Record<AlarmReply['state'], Text>> = {
  unacknowledged: { zh: '待接单', en: 'not taken yet' },
  acknowledged: { zh: '已接单', en: 'taken' },
  'returned-unacknowledged': { zh: '已恢复，待确认', en: 'over, not taken' },
  latched: { zh: '已恢复，待复位', en: 'over, to be reset' },
  normal: { zh: '已恢复正常', en: 'back to normal' },
};

/** A latching alarm whose condition is gone is not over: it asks for both. */
const latchedText: Text = { zh: '条件已消失，待接单并复位', en: 'condition gone, to be taken and reset' };

const silenceTexts: Readonly<Record<NonNullable<AlarmReply['silence']>, Text>> = {
  shelved: { zh: '已搁置，不呼叫', en: 'shelved, calls nobody' },
  suppressed: { zh: '按设计抑制，不呼叫', en: 'suppressed by design, calls nobody' },
  'out-of-service': { zh: '设备已停用，不呼叫', en: 'out of service, calls nobody' },
  planned: { zh: '计划检修中，不呼叫', en: 'planned work, calls nobody' },
  commissioning: { zh: '调试中，不呼叫', en: 'being commissioned, calls nobody' },
};

const colours: Readonly<Record<AlarmReply['priority'], string>> = {
  1: '#b80020',
  2: '#ff7a00',
  3: '#fff3a0',
  4: '#4f63f0',
};
const inks: Readonly<Record<AlarmReply['priority'], string>> = { 1: '#fff', 2: '#16191c', 3: '#16191c', 4: '#fff' };
const shapes: Readonly<Record<AlarmReply['priority'], string>> = { 1: '■', 2: '▲', 3: '◆', 4: '●' };

/**
 * A page of its own, without script, so that it works on any phone and in any message app. Looking at it (GET) changes
 * nothing, because message apps look at links by themselves; the button posts.
 */
export function acknowledgePage({ alarm, site, timeZone, person, notice }: AcknowledgePage): string {
  const title = alarm ? both(alarm.text) : '灯塔 Lamplighter';
  return `<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>${title}</title><style>
body{font:17px/1.5 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;margin:0;background:#eceeef;color:#16191c}
main{max-width:34rem;margin:0 auto;padding:1rem}section{background:#fff;border:1px solid #c4c9cd;border-radius:.5rem;padding:1rem}
.en{color:#4a5157;font-size:.88em}.head{border:2px solid #16191c;border-radius:.4rem;padding:.7rem .9rem;font-weight:600}
dt{margin-top:.8rem;font-size:.85em;color:#4a5157}dd{margin:0}button{width:100%;min-height:3.2rem;margin-top:1rem;border:2px solid #16191c;
border-radius:.4rem;background:#16191c;color:#fff;font:inherit;font-weight:600}button:focus-visible{outline:3px solid #4f63f0;outline-offset:2px}
.test{border:2px dashed currentcolor;padding:0 .4em;white-space:nowrap}
.notice{margin:0 0 1rem;padding:.7rem .9rem;border:2px solid #16191c;border-radius:.4rem;background:#fff}
</style></head><body><main>
${notice ? `<p class="notice" role="status">${line(notice)}</p>` : ''}
${alarm ? section(alarm, timeZone, person) : ''}
<p class="en">${both(site)}</p>
</main></body></html>`;
}

function section(alarm: AlarmReply, timeZone: string, person: string): string {
  const open = alarm.state === 'unacknowledged' || alarm.state === 'returned-unacknowledged';
  const isLatching = alarm.state === 'unacknowledged' && alarm.returnedMs !== null;
  const rows: [Text, string][] = [
    [{ zh: '设备', en: 'where' }, line(alarm.assetName)],
    [{ zh: '开始', en: 'since' }, escapeHtml(clockTime(alarm.sinceMs, timeZone))],
    [{ zh: '状态', en: 'state' }, line(isLatching ? latchedText : stateTexts[alarm.state])],
    [{ zh: '后果', en: 'consequence' }, line(alarm.consequence)],
    [{ zh: '先做', en: 'first action' }, line(alarm.action)],
  ];
  if (alarm.children.length > 0) {
    const count = alarm.children.length;
    rows.splice(
      1,
      0,
      alarm.asset.startsWith('rate:')
        ? [{ zh: '未达标', en: 'missed by' }, escapeHtml(alarm.children.join('、'))]
        : [{ zh: '受影响', en: 'takes with it' }, `${count} 台/盏 <span class="en">assets</span>`],
    );
  }
  if (alarm.silence !== null) rows.push([{ zh: '静默', en: 'silent' }, silence(alarm, alarm.silence, timeZone)]);
  if (alarm.acknowledgedMs !== null) {
    const who = `${alarm.acknowledgedBy ?? '?'} · ${clockTime(alarm.acknowledgedMs, timeZone)}`;
    rows.push([{ zh: '接单人', en: 'taken by' }, escapeHtml(who)]);
  }
  return `<section>
<div class="head" style="background:${colours[alarm.priority]};color:${inks[alarm.priority]}">${shapes[alarm.priority]} P${alarm.priority} ${alarm.test ? '<span class="test">试验 / TEST</span> ' : ''}${escapeHtml(alarm.text.zh)}<br>${escapeHtml(alarm.text.en)}</div>
<dl>${rows.map(([name, value]) => `<dt>${both(name)}</dt><dd>${value}</dd>`).join('')}</dl>
${open ? `<form method="post"><button>接单 Take it（${escapeHtml(person)}）</button></form>` : ''}
</section>`;
}

/** Why nobody is called; of a shelved alarm also who, until when and why. */
function silence({ shelf }: AlarmReply, kind: NonNullable<AlarmReply['silence']>, timeZone: string): string {
  const words = line(silenceTexts[kind]);
  if (shelf === null) return words;
  const until = shelf.untilMs === null ? '' : ` → ${clockTime(shelf.untilMs, timeZone)}`;
  return `${words}<br>${escapeHtml(`${shelf.by}${until} · ${shelf.reason}`)}`;
}

function clockTime(ms: number, timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(ms);
}

function line(text: Text): string {
  return `${escapeHtml(text.zh)}<br><span class="en">${escapeHtml(text.en)}</span>`;
}

function both(text: Text): string {
  return `${escapeHtml(text.zh)} ${escapeHtml(text.en)}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
