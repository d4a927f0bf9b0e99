import type { LedgerClass } from '../../model/ledger.ts';
import type { Verdict } from '../../model/rate.ts';
import type { Text } from '../../model/text.ts';
import type { comparedFields } from './side-by-side.ts';

/** The words of a replay's report. */
export const words = {
  approximate: { zh: '近似', en: 'approximate' },
  approximateWhy: {
    zh: '仅由历史数据推算：其中没有链路通断、人员操作和接收时刻；开始时一切未知，链路均视为正常',
    en: 'from history alone: it has no link changes, no actions and no receipt times; everything is unknown at first and links are taken to be up',
  },
  recorded: { zh: '原站点文件', en: 'recorded' },
  changed: { zh: '新站点文件', en: 'changed' },
  onlyRecorded: { zh: '仅原站点文件有的报警', en: 'Alarms only with the recorded site file' },
  onlyChanged: { zh: '仅新站点文件有的报警', en: 'Alarms only with the changed site file' },
  different: { zh: '两者都有但不同的报警', en: 'Alarms in both that differ' },
  alarms: { zh: '报警', en: 'Alarms' },
  classTimesDiffer: { zh: '不同的状态时长（时:分:秒）', en: 'Time by class that differs (h:min:s)' },
  classTimes: {
    zh: '有故障或未知时间的资产（时:分:秒）',
    en: 'Assets with time down or unknown (h:min:s)',
  },
  raised: { zh: '报警时间', en: 'raised' },
  returned: { zh: '恢复时间', en: 'returned' },
  stands: { zh: '未恢复', en: 'stands' },
  priority: { zh: '级别', en: 'priority' },
  asset: { zh: '资产', en: 'asset' },
  alarm: { zh: '报警', en: 'alarm' },
  text: { zh: '内容', en: 'text' },
  what: { zh: '项目', en: 'what' },
  class: { zh: '状态', en: 'class' },
  difference: { zh: '相差', en: 'difference' },
  system: { zh: '系统', en: 'system' },
  rate: { zh: '指标', en: 'rate' },
  run: { zh: '依据', en: 'with' },
  value: { zh: '数值', en: 'value' },
  low: { zh: '下限', en: 'low' },
  high: { zh: '上限', en: 'high' },
  strict: { zh: '严格值', en: 'strict' },
  coverage: { zh: '数据覆盖', en: 'coverage' },
  target: { zh: '目标', en: 'target' },
  verdict: { zh: '判定', en: 'verdict' },
  none: { zh: '无', en: 'none' },
  stored: { zh: '存储：', en: 'stored:   ' },
  replayed: { zh: '回放：', en: 'replayed: ' },
  nothing: { zh: '（无此变化）', en: '(no such change)' },
} as const satisfies Record<string, Text>;

export const classWords: Readonly<Record<LedgerClass, Text>> = {
  up: { zh: '正常', en: 'up' },
  down: { zh: '故障', en: 'down' },
  unknown: { zh: '未知', en: 'unknown' },
  planned: { zh: '计划停用', en: 'planned' },
  notRequired: { zh: '不要求', en: 'not required' },
};

export const verdictWords: Readonly<Record<Verdict, Text>> = {
  met: { zh: '达标', en: 'met' },
  missed: { zh: '未达标', en: 'missed' },
  undetermined: { zh: '未能判定', en: 'undetermined' },
  none: { zh: '无应计', en: 'nothing due' },
};

export const fieldWords: Readonly<Record<(typeof comparedFields)[number], Text>> = {
  raisedMs: { zh: '报警时间', en: 'raised' },
  returnedMs: { zh: '恢复时间', en: 'returned' },
  acknowledgedMs: { zh: '确认时间', en: 'acknowledged' },
  priority: { zh: '级别', en: 'priority' },
  silence: { zh: '静默原因', en: 'silence' },
  annunciations: { zh: '通知次数', en: 'times called' },
};
