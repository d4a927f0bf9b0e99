const texts = {
  zh: {
    title: '值班手机',
    emptyTitle: '暂无通知',
    emptyText: '有告警时会立即显示在这里。',
    live: '实时',
    lost: '连接中断，正在重连…',
    acknowledge: '查看并确认',
    view: '查看',
    returned: '已恢复',
    simulated: '模拟现场，并非真实告警',
    children: (count) => `影响 ${count} 台设备`,
    since: (time) => `发生 ${time}`,
    other: 'English',
    locale: 'zh-CN',
  },
  en: {
    title: 'Duty phone',
    emptyTitle: 'No notices',
    emptyText: 'An alarm shows here as soon as it comes.',
    live: 'live',
    lost: 'connection lost, trying again…',
    acknowledge: 'View and acknowledge',
    view: 'View',
    returned: 'back to normal',
    simulated: 'Simulated site, not a real alarm',
    children: (count) => `${count} assets affected`,
    since: (time) => `since ${time}`,
    other: '中文',
    locale: 'en-GB',
  },
};

/** In both languages on every screen: nobody may take a test for an alarm, or an alarm for a test. */
const TEST_LABEL = '试验 / TEST';
/** Shapes tell the priorities apart where colours do not. */
const shapes = { 1: '■', 2: '▲', 3: '◆', 4: '●' };
const STORED_LANGUAGE = 'phone-language';
/** The newest cards on the screen; the rest stands in /notices. */
const MAX_CARDS = 200;
/** The server's heartbeat comes every 5 s. */
const SILENCE_MS = 12_000;
/** Where the demo estate stands. */
const SITE_ZONE = 'Asia/Shanghai';

const state = { language: startLanguage(), notices: [], isLive: false, newId: '', heardMs: 0 };
const byId = (id) => document.getElementById(id);

function startLanguage() {
  const stored = localStorage.getItem(STORED_LANGUAGE);
  if (stored === 'zh' || stored === 'en') return stored;
  return navigator.language.startsWith('zh') ? 'zh' : 'en';
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A text in the language of the screen; a notice may be missing any of its fields. */
function say(text) {
  if (typeof text === 'string') return text;
  return text?.[state.language] ?? text?.zh ?? text?.en ?? '';
}

/** Time of day; of the phone's own zone unless one is given. */
function clockTime(epochMs, timeZone) {
  if (typeof epochMs !== 'number') return '–';
  return new Date(epochMs).toLocaleTimeString(texts[state.language].locale, { hour12: false, timeZone });
}

/** Only web addresses: a notice could carry anything. */
function webAddress(url) {
  return typeof url === 'string' && /^https?:\/\//i.test(url) ? url : undefined;
}

function card(notice) {
  const t = texts[state.language];
  const isReturned = notice.kind === 'returned';
  const priority = shapes[notice.priority] === undefined ? 4 : notice.priority;
  const item = element('li', `notice ${isReturned ? 'returned' : `p${priority}`}`);
  if (notice.id === state.newId) item.classList.add('new');

  const top = element('div', 'top');
  const badge = element('span', `badge ${isReturned ? 'returned' : `p${priority}`}`);
  badge.textContent = isReturned ? `✓ ${t.returned}` : `${shapes[priority]} P${priority}`;
  top.append(badge, element('span', 'asset', say(notice.asset?.name) || (notice.asset?.key ?? '')));
  top.append(element('time', '', clockTime(notice.receivedMs)));

  const headline = element('h2', 'headline');
  if (notice.test === true) headline.append(element('span', 'test', TEST_LABEL), ' ');
  headline.append(say(notice.text));
  item.append(top, headline);
  if (!isReturned) {
    item.append(element('p', 'consequence', say(notice.consequence)), element('p', 'action', say(notice.action)));
  }
  const facts = element('div', 'facts');
  facts.append(
    element('span', '', say(notice.site)),
    element('span', '', t.since(clockTime(notice.sinceMs, SITE_ZONE))),
  );
  if (notice.childCount > 0) facts.append(element('span', '', t.children(notice.childCount)));
  item.append(facts);

  const url = webAddress(notice.acknowledgeUrl);
  if (url !== undefined) {
    const open = element('a', 'open', isReturned ? t.view : t.acknowledge);
    open.href = url;
    open.target = '_blank';
    open.rel = 'noopener noreferrer';
    item.append(open);
  }
  return item;
}

function draw() {
  const t = texts[state.language];
  document.documentElement.lang = t.locale;
  for (const place of document.querySelectorAll('[data-text]')) place.textContent = t[place.dataset.text];
  const count = state.notices.filter((notice) => notice.kind !== 'returned').length;
  document.title = count > 0 ? `(${count}) ${t.title}` : t.title;
  byId('language').textContent = t.other;
  byId('link').classList.toggle('live', state.isLive);
  byId('link-text').textContent = state.isLive ? t.live : t.lost;
  byId('watermark').hidden = !state.notices.some((notice) => notice.simulated === true);
  byId('watermark').textContent = t.simulated;
  byId('empty').hidden = state.notices.length > 0;
  byId('notices').replaceChildren(...state.notices.slice(-MAX_CARDS).reverse().map(card));
  state.newId = '';
}

byId('language').addEventListener('click', () => {
  state.language = state.language === 'zh' ? 'en' : 'zh';
  localStorage.setItem(STORED_LANGUAGE, state.language);
  draw();
});

function heard() {
  state.heardMs = performance.now();
  const wasLive = state.isLive;
  state.isLive = true;
  if (!wasLive) draw();
}

// The browser connects again by itself, and every connection begins with a snapshot.
const live = new EventSource('/live');
live.addEventListener('snapshot', (event) => {
  state.notices = JSON.parse(event.data);
  state.isLive = false;
  heard();
});
live.addEventListener('notice', (event) => {
  const notice = JSON.parse(event.data);
  state.notices.push(notice);
  state.newId = notice.id;
  heard();
  draw();
});
live.addEventListener('heartbeat', heard);
live.addEventListener('error', () => {
  state.isLive = false;
  draw();
});
setInterval(() => {
  if (!state.isLive || performance.now() - state.heardMs < SILENCE_MS) return;
  state.isLive = false;
  draw();
}, 1000);
draw();
