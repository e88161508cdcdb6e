// The panel's frame: a dialog with header, menu and notices, where the keyboard finds its way in and out.

import { download, h, icon, iconButton, set } from './dom.js';

const REACHED = 'button:not([disabled]), a[href], textarea, input:not([hidden]), summary, [tabindex="0"]';

/** A dialog beside the page; on a small screen, in front of it. */
export class Frame {
  /** @param does {close(), fresh(), list(), person(), rate(), export(form), erase(), has()} */
  constructor(context, t, site, does) {
    Object.assign(this, { context, t, site, does });
    const { options } = context;
    const title = options.title || site.title;
    this.title = h('h1', { id: 'fd-title', dir: 'auto' }, title);
    this.usual = title;
    this.body = h('div', { class: 'body' });
    this.other = h('div', { class: 'other', hidden: true });
    this.noticed = h('div', { class: 'notice', role: 'status', hidden: true });
    this.state = h('div', { class: 'offline', role: 'status', hidden: true });
    this.menu = this.makeMenu();
    this.backButton = iconButton('back', t('back'), () => this.back(), { hidden: true, class: 'icon turned' });
    const letter = title.trim().slice(0, 1);
    const logo = options.logo || site.logo;
    this.logo = h('div', { class: 'logo', 'aria-hidden': 'true' }, logo ? h('img', { src: logo, alt: '', onerror: (event) => event.target.replaceWith(letter) }) : letter);
    this.header = h('div', { class: 'header' }, this.backButton, this.logo, this.title, this.menuButton, this.menu,
      !options.inline && iconButton('close', t('close'), () => does.close()));
    this.panel = h('div', { class: `panel ${options.position === 'left' ? 'left' : ''}`, role: options.inline ? 'region' : 'dialog', 'aria-labelledby': 'fd-title',
      lang: t.language, dir: t.direction, hidden: true }, this.header, this.state, this.noticed, this.body, this.other);
    this.panel.addEventListener('keydown', (event) => this.key(event));
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const paint = () => set(this.panel, 'data-theme', /^(light|dark)$/.test(options.theme) ? options.theme : dark.matches ? 'dark' : 'light');
    dark.addEventListener('change', paint);
    paint();
    context.launcher.append(icon('down', 28), (this.count = h('span', { class: 'badge', 'aria-hidden': 'true', hidden: true })));
    context.root.append(this.panel);
  }

  makeMenu() {
    const { t, does } = this;
    const entries = [];
    const entry = (name, text, act, needs) => {
      const made = h('button', { type: 'button', onclick: () => { this.toggle(false); act(); } }, icon(name), t(text));
      if (needs) entries.push(made);
      return h('li', null, made);
    };
    this.menuButton = iconButton('menu', t('menu'), () => this.toggle(this.menu.hidden), { 'aria-expanded': 'false', 'aria-controls': 'fd-menu' });
    this.needy = entries;
    return h('ul', { class: 'menu', id: 'fd-menu', hidden: true },
      entry('add', 'newConversation', does.fresh, true), entry('chats', 'conversations', does.list), entry('person', 'person', does.person),
      entry('star', 'csatRate', does.rate, true), entry('save', 'export', () => does.export('markdown'), true), entry('save', 'exportJson', () => does.export('json'), true), entry('bin', 'erase', does.erase, true));
  }

  toggle(is) {
    if (this.menu.hidden !== is) return;
    for (const entry of this.needy) entry.disabled = !this.does.has();
    this.menu.hidden = !is;
    set(this.menuButton, 'aria-expanded', String(is));
    if (is) this.menu.querySelector('button:not([disabled])').focus();
    else this.menuButton.focus();
  }

  get isModal() {
    return !this.context.options.inline && matchMedia('(max-width: 480px), (max-height: 460px)').matches;
  }

  open() {
    const { activeElement } = document;
    this.cameFrom = activeElement === document.body || activeElement === this.context.host ? null : activeElement;
    this.panel.hidden = false;
    set(this.panel, 'aria-modal', this.isModal && 'true');
    set(this.context.launcher, 'aria-expanded', 'true');
    this.badge(0);
    this.remember('open');
  }

  /** Hides the panel; the focus goes back to where it came from. */
  close() {
    const hadFocus = Boolean(this.context.root.activeElement);
    this.panel.hidden = true;
    this.menu.hidden = true;
    set(this.context.launcher, 'aria-expanded', 'false');
    if (hadFocus) (this.cameFrom?.isConnected ? this.cameFrom : this.context.launcher).focus();
    this.remember('');
  }

  /** Whether the next page of this tab shall show it open too. */
  remember(what) {
    try {
      if (what) sessionStorage.setItem(this.context.options.key, what);
      else sessionStorage.removeItem(this.context.options.key);
    } catch { /* storage is off */ }
  }

  badge(n) {
    this.count.hidden = !n;
    this.count.textContent = n || '';
    set(this.context.launcher, 'aria-label', n ? `${this.context.label}: ${this.t('unread', { n })}` : this.context.label);
  }

  key(event) {
    event.stopPropagation(); // the page's shortcuts are not meant
    if (event.isComposing) return;
    if (event.key === 'Escape') {
      if (!this.menu.hidden) this.toggle(false);
      else if (!this.other.hidden) this.back();
      else this.does.close();
    }
    if (event.key === 'Tab' && this.isModal) this.trap(event);
    if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && !this.menu.hidden) this.step(event);
  }

  reached(within) {
    const found = [];
    for (const element of within.querySelectorAll(REACHED)) if (element.getClientRects().length) found.push(element);
    return found;
  }

  trap(event) {
    const found = this.reached(this.panel);
    const edge = event.shiftKey ? found[0] : found[found.length - 1];
    if (this.context.root.activeElement !== edge) return;
    event.preventDefault();
    (event.shiftKey ? found[found.length - 1] : found[0]).focus();
  }

  step(event) {
    const found = this.reached(this.menu);
    const at = found.indexOf(this.context.root.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
    event.preventDefault();
    found[(at + found.length) % found.length].focus();
  }

  /** Puts something else into the panel, under its own title. */
  view(element, title) {
    this.notice('');
    this.other.replaceChildren(element);
    this.other.hidden = false;
    this.body.hidden = true;
    this.backButton.hidden = false;
    this.logo.hidden = true;
    this.title.textContent = title;
    (this.reached(this.other)[0] || this.backButton).focus();
  }

  /** Shows the conversation again. */
  back() {
    if (this.other.hidden) return;
    this.other.hidden = true;
    this.body.hidden = false;
    this.backButton.hidden = true;
    this.logo.hidden = false;
    this.title.textContent = this.usual;
    this.body.querySelector('textarea').focus();
  }

  notice(text) {
    this.noticed.hidden = !text;
    this.noticed.replaceChildren(text ? h('span', null, text) : '', text ? iconButton('close', this.t('dismiss'), () => this.notice(''), { class: 'icon small' }) : '');
  }

  /** Says whether the server can be reached. */
  link(isUp) {
    if (this.state.hidden === isUp) return;
    this.state.hidden = isUp;
    const { email } = this.site;
    this.state.replaceChildren(this.t('offline'), email ? ' ' : '', email ? h('a', { href: `mailto:${email}` }, email) : '');
  }

  /** A sentence for the customer about what went wrong. */
  explain(problem) {
    if (problem.status === 0) return this.t('unreachable');
    return [problem.message, problem.hint].join(' ').trim() || this.t('failed');
  }

  /** Saves what was said as `markdown` or `json`. */
  async export(session, form) {
    const response = await session.ask('GET', `/export?form=${form}`, { isRaw: true }).catch((problem) => this.notice(this.explain(problem)));
    if (response) download(await response.blob(), form === 'json' ? 'conversation.json' : 'conversation.md');
  }
}
