/* Frontdesk: the launcher */
(() => {
  const doc = document;
  const script = doc.currentScript || doc.querySelector('script[src*="/widget/widget.js"]');
  const before = window.frontdesk;
  if (!script || before?.open) return;
  const base = new URL('.', script.src).href;
  const data = script.dataset;
  const site = data.site || 'default';
  const key = `frontdesk ${base} ${site}`;
  const WORDS = {
    en: ['Help', 'Dismiss', 'Not available now.'], de: ['Hilfe', 'Ausblenden', 'Gerade nicht erreichbar.'],
    fr: ['Aide', 'Masquer', 'Indisponible pour le moment.'], es: ['Ayuda', 'Descartar', 'No disponible ahora.'],
    zh: ['帮助', '关闭', '暂时无法连接。'], ja: ['ヘルプ', '閉じる', '現在つながりません。'], ar: ['مساعدة', 'إغلاق', 'غير متاح الآن.'],
  };
  // No font but where there are words, and no SVG: what a page does not have yet costs time before the first paint.
  const STYLE = `
:host{all:initial!important;position:fixed!important;z-index:var(--fd-z,2147483000)!important}
:host([inline]){position:relative!important;display:block!important;z-index:auto!important;height:100%!important}
.dock{position:fixed;bottom:var(--fd-y,20px);right:var(--fd-x,20px);display:flex;flex-direction:column;align-items:flex-end;gap:12px}
.left{right:auto;left:var(--fd-x,20px);align-items:flex-start}
button{border:0;background:none;color:inherit;text-align:start;cursor:pointer;padding:12px 16px;border-radius:16px}
.launcher{position:relative;width:56px;height:56px;padding:0;border:2px solid transparent;border-radius:50%;background:var(--fd-accent,#047857) border-box;color:var(--fd-on-accent,#fff)}
.launcher:hover{filter:brightness(1.1)}
button:focus-visible{outline:3px solid var(--fd-accent,#047857);outline-offset:3px}
[aria-busy] span{opacity:.4}
.launcher>span:first-child{position:absolute;inset:12px;width:28px;height:28px;background:currentColor;clip-path:path(evenodd,"M14 3a10.5 10.5 0 0 1 0 21H3l2.6-4.6A10.5 10.5 0 0 1 14 3ZM9 11v2h10v-2ZM9 15v2h7v-2Z")}
.nudge{font:15px/1.5 var(--fd-font,system-ui,sans-serif);display:flex;align-items:flex-start;max-width:280px;border-radius:16px;background:#fff;color:#18181b}
.launcher,.nudge{box-shadow:0 2px 6px #0003,0 6px 24px #0003}
.nudge button{font:inherit}
@media(forced-colors:active){.launcher>span:first-child{background:ButtonText;forced-color-adjust:none}}
@media print{.dock{display:none}}`;

  const language = (data.lang || doc.documentElement.lang || navigator.language).toLowerCase();
  const words = WORDS[language.slice(0, 2)] || WORDS.en;
  const options = { ...data, site, key, language, base, build: '__BUILD__', fetch: window.fetch.bind(window) };
  const listeners = {};
  let panel, loading, tries = 0;

  const make = (tag, attributes, ...children) => {
    const element = typeof tag == 'string' ? doc.createElement(tag) : tag;
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    element.append(...children);
    return element;
  };

  if (!customElements.get('frontdesk-widget')) customElements.define('frontdesk-widget', class extends HTMLElement {});
  const host = make('frontdesk-widget');
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const label = data.label || words[0];
  const launcher = make('button', { class: 'launcher', 'aria-label': label, 'aria-haspopup': 'dialog', 'aria-expanded': false }, make('span'));
  const dock = make('div', { class: `dock ${data.position || ''}`, role: 'region', 'aria-label': label }, launcher);

  const emit = (name, detail) => {
    for (const listener of listeners[name] || []) try { listener(detail); } catch (error) { console.error(error); }
  };
  const load = () => {
    launcher.setAttribute('aria-busy', true);
    return (loading ||= import(`${base}${options.build}/panel.js?${tries}`)
      .then((part) => part.createPanel({ root, host, launcher, dock, label, options, emit, paint }))
      .then((made) => (panel = made))
      .catch((error) => {
        loading = 0;
        tries++;
        console.error(error);
        emit('error', error);
        throw error;
      })
      .finally(() => launcher.removeAttribute('aria-busy')));
  };
  const api = {
    open: (how) => load().then((made) => made.open(how)),
    close: () => panel?.close(),
    send: (text) => load().then((made) => made.send(text)),
    identify: (token) => { options.customer = token; return panel?.identify(); },
    on: (name, listener) => (listeners[name] ||= new Set()).add(listener),
    off: (name, listener) => listeners[name]?.delete(listener),
    push: (call) => call(api),
  };
  const paint = (color) => {
    const [, r, g, b] = /^#(..)(..)(..)$/.exec(color) || [];
    if (!r) return;
    host.style.setProperty('--fd-accent', color);
    host.style.setProperty('--fd-on-accent', `0x${r}` * 0.3 + `0x${g}` * 0.59 + `0x${b}` * 0.11 > 140 ? '#111' : '#fff');
  };
  if (data.color) paint(data.color);
  const tell = (text) => {
    dock.querySelector('.nudge')?.remove();
    const box = make('div', { class: 'nudge', role: 'status' }, make('button', {}, text), make('button', { 'aria-label': words[1] }, '✕'));
    box.onclick = (event) => { box.remove(); if (event.target === box.firstChild) launcher.click(); };
    api.on('open', () => box.remove());
    dock.prepend(box);
  };
  launcher.onclick = () => (panel?.isOpen ? panel.close() : api.open().catch(() => tell(words[2])));

  const start = () => {
    const place = data.inline && doc.querySelector(data.inline);
    if (place) {
      make(host, { inline: '' });
      place.append(host);
      return api.open({ quiet: true });
    }
    root.append(dock);
    doc.body.append(host);
    try { if (sessionStorage[key]) api.open({ quiet: true }).catch(() => {}); } catch {}
    // path seconds words | …
    if (data.proactive) for (const rule of data.proactive.split('|')) {
      const [, path, wait, text] = /^\s*(\S+)\s+(\d+)\s+(.+)/.exec(rule) || [];
      if (path && (path.endsWith('*') ? location.pathname.startsWith(path.slice(0, -1)) : path === location.pathname)) {
        setTimeout(() => loading || tell(text), wait * 1000);
        break;
      }
    }
  };
  window.frontdesk = api;
  if (doc.body) start(); else doc.addEventListener('DOMContentLoaded', start);
  if (Array.isArray(before)) for (const call of before) call(api);
})();
