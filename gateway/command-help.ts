import type { Text } from '../model/text.ts';

/** What a command says of itself. Each option is given as it is typed. */
export interface CommandHelp {
  /** What it does, in one line. */
  readonly summary: Text;
  /** The ways to call it, without the program's name. */
  readonly usages: readonly Text[];
  readonly options: readonly { readonly option: Text; readonly text: Text }[];
}

type Option = CommandHelp['options'][number];

const option = (name: string, value: Text | null, text: Text): Option => ({
  option: { zh: `${name}${value ? ` ${value.zh}` : ''}`, en: `${name}${value ? ` ${value.en}` : ''}` },
  text,
});

const folder = { zh: '目录', en: 'DIR' };
const file = { zh: '文件', en: 'FILE' };
const time = { zh: '时刻', en: 'T' };
const duration = { zh: '时长', en: 'DURATION' };
const number = { zh: '数', en: 'N' };

const data = option('--data', folder, {
  zh: '网关的数据目录；缺省为 data',
  en: "the gateway's data folder; data if absent",
});
const siteFile = option('--site', file, {
  zh: '站点文件；缺省为该数据目录上的网关所用的',
  en: 'the site file; that of the gateway on the data folder if absent',
});
const json = option('--json', null, { zh: '输出 JSON，供程序读取', en: 'print JSON, for programs' });

/** Every command of `npm run lamplighter`. */
export const commandHelps = {
  backup: {
    summary: { zh: '网关运行时备份整台主机所需的一切', en: 'copy everything a box needs, also while the gateway runs' },
    usages: [{ zh: 'backup 目录', en: 'backup DIR' }],
    options: [data, siteFile],
  },
  browse: {
    summary: {
      zh: '列出控制器里的点（类型、单位、状态），写成点表、映射或设备类型',
      en: 'the points that a controller offers, with types and units, as a list, a map or a profile',
    },
    usages: [
      { zh: 'browse 链路 [节点] [--out 点表.xlsx]', en: 'browse LINK [NODE] [--out LIST.xlsx]' },
      { zh: 'browse 链路 节点 --as profile --profile 名称', en: 'browse LINK NODE --as profile --profile KEY' },
    ],
    options: [
      option(
        '--as',
        { zh: '形式', en: 'FORM' },
        {
          zh: 'list 点表（缺省，可直接 import）、map 映射、profile 设备类型的开头',
          en: 'list (for import; if absent), map, or profile: the beginning of one',
        },
      ),
      option('--profile', { zh: '名称', en: 'KEY' }, { zh: '设备类型', en: 'the profile of the assets' }),
      option('--system', { zh: '系统', en: 'KEY' }, { zh: '资产所属系统', en: 'the system of the assets' }),
      option('--out', file, { zh: '写入文件；缺省为标准输出', en: 'write to a file; to stdout if absent' }),
      option('--depth', number, { zh: '节点树的层数', en: 'levels of the tree of nodes' }),
      option('--pace', duration, { zh: '请求之间的间隔', en: 'pause between requests' }),
      option('--for', duration, { zh: '总共多久', en: 'how long in all' }),
      data,
      siteFile,
    ],
  },
  certificates: {
    summary: {
      zh: '证书：查看、制作自己的、信任或拒绝服务器的',
      en: 'certificates: see them, make the own one, trust or refuse those of servers',
    },
    usages: [
      { zh: 'certificates', en: 'certificates' },
      { zh: 'certificates make [--days 天数] [--replace]', en: 'certificates make [--days N] [--replace]' },
      { zh: 'certificates trust 链路 指纹', en: 'certificates trust LINK THUMBPRINT' },
      { zh: 'certificates refuse 链路', en: 'certificates refuse LINK' },
    ],
    options: [
      option('--days', number, { zh: '有效期多少天；缺省为 3650', en: 'days that it is good for; 3650 if absent' }),
      option('--replace', null, {
        zh: '更换已有的证书：之后每台服务器都要重新信任',
        en: 'in the place of the one that there is: each server must trust it anew',
      }),
      json,
      data,
    ],
  },
  check: {
    summary: { zh: '检查站点文件，列出全部错误', en: 'list every mistake of a site file' },
    usages: [{ zh: 'check 站点文件', en: 'check FILE' }],
    options: [
      json,
      option('--points', null, {
        zh: '没有错误时，列出每个点在线上的地址',
        en: 'where there are no mistakes, list where each point is found on the wire',
      }),
      option('--strict', null, { zh: '有警告也算不通过', en: 'warnings count as mistakes, too' }),
    ],
  },
  export: {
    summary: { zh: '导出历史采样（CSV）或点表', en: 'export samples of the history as CSV, or the list of points' },
    usages: [
      {
        zh: 'export --points 通配 --from 时刻 --to 时刻 [--out 文件]',
        en: 'export --points GLOB --from T --to T [--out FILE]',
      },
      { zh: 'export 点表.xlsx（或 .csv）[--points 通配]', en: 'export LIST.xlsx (or .csv) [--points GLOB]' },
    ],
    options: [
      option(
        '--points',
        { zh: '通配', en: 'GLOB' },
        {
          zh: "哪些点，如 'lift-*/position,feeder-1'（请加引号）",
          en: "which points, e.g. 'lift-*/position,feeder-1' (in quotes)",
        },
      ),
      option('--from', time, {
        zh: '起始时刻（含），如 2026-06-15T20:30',
        en: 'first time, inclusive, e.g. 2026-06-15T20:30',
      }),
      option('--to', time, { zh: '结束时刻（含）', en: 'last time, inclusive' }),
      option('--out', file, { zh: '写入文件；缺省为标准输出', en: 'write to a file; to stdout if absent' }),
      option('--excel', null, { zh: '使 Excel 能直接打开', en: 'in the form that Excel opens as it is' }),
      data,
      siteFile,
    ],
  },
  import: {
    summary: {
      zh: '把点表导入站点文件，全部成功或全不改动',
      en: 'take a list of points into the site file, all or none',
    },
    usages: [
      {
        zh: 'import 点表.xlsx（或 .csv）[--mapping 映射.yaml] [--dry-run]',
        en: 'import LIST.xlsx (or .csv) [--mapping FILE] [--dry-run]',
      },
      { zh: 'import --undo', en: 'import --undo' },
    ],
    options: [
      option('--mapping', file, {
        zh: '厂家点表的列如何对应',
        en: "how the columns of a vendor's list are to be read",
      }),
      option('--dry-run', null, { zh: '只说明会改动什么', en: 'only say what would change' }),
      option('--undo', null, { zh: '撤销上一次导入', en: 'take the last import back' }),
      siteFile,
      data,
    ],
  },
  read: {
    summary: {
      zh: '读一处地址，给出原始字节和各种解码',
      en: 'read one place of a link, with its bytes and every decoding',
    },
    usages: [{ zh: 'read 链路 地址', en: 'read LINK WHERE' }],
    options: [
      option('--count', number, { zh: '读多少个', en: 'how many entries' }),
      option('--wide', null, { zh: '连同 64 位的解码', en: 'with decodings of 64 bits' }),
      option('--wait', duration, { zh: '等待消息多久，如 10s', en: 'how long to wait for a message, e.g. 10s' }),
      json,
      data,
      siteFile,
    ],
  },
  reload: {
    summary: { zh: '让正在运行的网关重新读取站点文件', en: 'make the running gateway read its site file again' },
    usages: [{ zh: 'reload', en: 'reload' }],
    options: [data],
  },
  replay: {
    summary: {
      zh: '按日志重新运算：核对已存结果，或试算另一份站点文件',
      en: 'run the log again: compare with what is stored, or with another site file',
    },
    usages: [{ zh: 'replay --from 时刻 --to 时刻', en: 'replay --from T --to T' }],
    options: [
      option('--from', time, { zh: '起始时刻', en: 'first time' }),
      option('--to', time, { zh: '结束时刻', en: 'last time' }),
      option('--site', file, {
        zh: '另一份站点文件，与记录的并列比较',
        en: 'another site file, beside the recorded one',
      }),
      option('--history', null, { zh: '按日志重写历史', en: 'write history again from the log' }),
      json,
      data,
    ],
  },
  restore: {
    summary: { zh: '把备份恢复到空的数据目录', en: 'put a backup into a blank data folder' },
    usages: [{ zh: 'restore 备份目录', en: 'restore BACKUP' }],
    options: [
      data,
      option('--site-to', folder, {
        zh: '站点文件及其设备包、点表映射放到哪里',
        en: 'where the site file goes, with its profiles and maps',
      }),
    ],
  },
  run: {
    summary: { zh: '运行网关，直到 Ctrl-C', en: 'the gateway, until Ctrl-C' },
    usages: [{ zh: 'run --site 站点文件', en: 'run --site FILE' }],
    options: [
      option('--site', file, { zh: '站点文件', en: 'the site file' }),
      data,
      option(
        '--host',
        { zh: '地址', en: 'H' },
        { zh: '页面监听的地址；缺省为 127.0.0.1', en: 'address of the page; 127.0.0.1 if absent' },
      ),
      option('--port', number, { zh: '页面的端口；缺省为 8080', en: 'port of the page; 8080 if absent' }),
      option(
        '--public-url',
        { zh: '网址', en: 'URL' },
        { zh: '通知里的链接以此开头', en: 'what the links in notices begin with' },
      ),
      option(
        '--influx',
        { zh: '网址', en: 'URL' },
        {
          zh: '历史存入 InfluxDB，如 http://user@host:8086/database',
          en: 'history goes to InfluxDB, e.g. http://user@host:8086/database',
        },
      ),
      option(
        '--clock',
        { zh: '起始[@倍速]', en: 'START[@RATE]' },
        {
          zh: '模拟时钟，只用于模拟站点',
          en: 'a simulated clock, for simulated sites only',
        },
      ),
    ],
  },
  scan: {
    summary: {
      zh: '查看链路上有什么，限定范围、请求之间有间隔',
      en: 'find out what there is on a link, within bounds and with pauses',
    },
    usages: [{ zh: 'scan 链路', en: 'scan LINK' }],
    options: [
      option('--units', { zh: '范围', en: 'RANGE' }, { zh: '站号，如 1-247', en: 'units, e.g. 1-247' }),
      option(
        '--tables',
        { zh: '表', en: 'TABLES' },
        { zh: '寄存器表，如 holding,input', en: 'tables, e.g. holding,input' },
      ),
      option('--from', number, { zh: '起始地址', en: 'first address' }),
      option('--to', number, { zh: '结束地址', en: 'last address' }),
      option('--every', null, { zh: '逐个地址查看', en: 'look at every address' }),
      option('--timeout', duration, { zh: '每个请求等待多久', en: 'how long to wait for each answer' }),
      option('--pace', duration, { zh: '请求之间的间隔', en: 'pause between requests' }),
      option('--for', duration, { zh: '总共多久', en: 'how long in all' }),
      option('--depth', number, { zh: '节点树的层数', en: 'levels of the tree of nodes' }),
      option(
        '--topic',
        { zh: '主题', en: 'TOPIC' },
        { zh: 'MQTT 主题过滤，如 site/#', en: 'filter of MQTT topics, e.g. site/#' },
      ),
      json,
      data,
      siteFile,
    ],
  },
  simulate: {
    summary: { zh: '让演示站点的设备出故障、恢复', en: "make the demo's equipment fail and recover" },
    usages: [
      { zh: 'simulate fault 名称 [--asset 资产] [--for 30s]', en: 'simulate fault NAME [--asset A] [--for 30s]' },
      { zh: 'simulate faults', en: 'simulate faults' },
      { zh: 'simulate end [编号]', en: 'simulate end [ID]' },
      { zh: 'simulate names', en: 'simulate names' },
    ],
    options: [
      option('--asset', { zh: '资产', en: 'A' }, { zh: '哪个资产', en: 'which asset' }),
      option('--for', duration, { zh: '故障持续多久', en: 'how long it lasts' }),
      data,
    ],
  },
  watch: {
    summary: {
      zh: '看点的当前值，之后每次变化一行',
      en: 'the values of points as they are, then a line for each change',
    },
    usages: [{ zh: "watch '通配'（请加引号）", en: "watch 'PATTERN' (in quotes)" }],
    options: [
      option('--for', duration, { zh: '看多久', en: 'how long' }),
      option('--count', number, { zh: '看多少行', en: 'how many lines' }),
      json,
      data,
    ],
  },
  write: {
    summary: {
      zh: '向控制器写一个值，并读回核对（点表和站点文件都允许才行）',
      en: 'write a value to a controller and read it back, where map and site file allow it',
    },
    usages: [{ zh: 'write 资产/点 值 --by 姓名 --reason 原因', en: 'write ASSET/POINT VALUE --by NAME --reason TEXT' }],
    options: [
      option('--by', { zh: '姓名', en: 'NAME' }, { zh: '谁写的', en: 'who writes' }),
      option('--reason', { zh: '原因', en: 'TEXT' }, { zh: '为什么写', en: 'why' }),
      option('--text', null, {
        zh: '值是文本，即使看起来像数',
        en: 'the value is a text, even if it looks like a number',
      }),
      data,
    ],
  },
} as const satisfies Readonly<Record<string, CommandHelp>>;

export type CommandName = keyof typeof commandHelps;

const PROGRAM = 'npm run lamplighter --';

/** The commands, one a line. */
export function overview(language: keyof Text): string {
  const names = Object.keys(commandHelps) as CommandName[];
  const lines = names.map((name) => `  ${name.padEnd(14)}${commandHelps[name].summary[language]}`);
  const [head, foot] = {
    zh: ['用法', '每个命令的选项'],
    en: ['usage', 'options of a command'],
  }[language];
  const command = { zh: '命令', en: 'COMMAND' }[language];
  return [`${head}: ${PROGRAM} ${command}`, '', ...lines, '', `${foot}: ${PROGRAM} ${command} --help`, ''].join('\n');
}

/** One command with its options. */
export function helpOf(name: CommandName, language: keyof Text): string {
  const { summary, usages, options }: CommandHelp = commandHelps[name];
  const head = { zh: '用法', en: 'usage' }[language];
  const width = Math.max(...options.map((one) => columns(one.option[language]))) + 2;
  return [
    ...usages.map((usage) => `${head}: ${PROGRAM} ${usage[language]}`),
    '',
    summary[language],
    '',
    ...options.map(({ option: typed, text }) => {
      const gap = ' '.repeat(width - columns(typed[language]));
      return `  ${typed[language]}${gap}${text[language]}`;
    }),
    '',
  ].join('\n');
}

/** Columns of a terminal that a text takes: a Chinese character takes two. */
function columns(text: string): number {
  return [...text].reduce((sum, character) => sum + (character.charCodeAt(0) > 0x2e80 ? 2 : 1), 0);
}
