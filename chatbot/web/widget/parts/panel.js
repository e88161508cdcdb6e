// The panel: puts the parts together, and answers the launcher. Loaded when the customer opens it for the first time.

import { Announcer } from './announcer.js';
import { Composer } from './composer.js';
import { Conversation, newTurn } from './conversation.js';
import { h, put } from './dom.js';
import { Frame } from './frame.js';
import { Session, randomKey } from './session.js';
import { Thread } from './thread.js';
import { closed, emptyView, erasedView, listView, personView } from './views.js';
import { language, translator } from './words.js';

/** Loads what the panel needs and makes it; the loader calls this once. */
export async function createPanel(context) {
  const { options, root } = context;
  const address = (name) => `${options.base}${options.build}/${name}`;
  const get = async (url) => {
    const response = await options.fetch(url, { credentials: 'omit' });
    if (!response.ok) throw new Error(`${response.status} ${url}`);
    return response;
  };
  const [words, style, site] = await Promise.all([
    get(address(`${language(options.language)}.json`)).then((r) => r.json()),
    get(address('panel.css')).then((r) => r.text()),
    get(new URL(`../api/v1/sites/${encodeURIComponent(options.site)}`, options.base)).then((r) => r.json()),
  ]);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  if (!options.color) context.paint(site.color);
  return new Panel(context, translator(words, options.language), site);
}

/** What the loader holds on to: open, close, send, identify. */
class Panel {
  constructor(context, t, site) {
    Object.assign(this, { context, t, site, unread: 0, isOpen: false });
    this.options = context.options;
    this.conversation = new Conversation();
    this.announcer = new Announcer();
    this.thread = new Thread(t, {
      retry: (turn) => this.retry(turn),
      stop: (turn) => this.guarded(() => this.session.ask('POST', `/turns/${turn.id}/stop`)),
      rate: (turn, rating, comment) => this.rate(turn, rating, comment),
      correct: (turn, corrections) => this.correct(turn, corrections),
      source: (turn, number) => this.session.ask('GET', `/messages/${turn.answerId}/citations/${number}`),
      attachment: (id) => this.bytes(id),
      person: () => this.askForPerson(),
      ask: (text) => { this.say(text, []); this.composer.field.focus(); },
    });
    this.composer = new Composer(t, site, {
      send: (text, files) => this.say(text, files),
      stop: () => this.conversation.active && this.thread.does.stop(this.conversation.active),
    }, context.root);
    this.opening = emptyView(t, site, (text) => this.say(text, []));
    this.frame = new Frame(context, t, site, {
      close: () => this.close(),
      fresh: () => this.fresh(),
      list: () => this.showList(),
      person: () => this.askForPerson(),
      rate: () => { this.frame.back(); this.askSatisfaction(true); },
      export: (form) => this.frame.export(this.session, form),
      erase: () => this.erase(),
      has: () => Boolean(this.session.id),
    });
    this.asked = h('div', { class: 'asked' });
    put(this.frame.body, [this.thread.element, h('div', { class: 'float' }, this.thread.newest), this.asked, this.composer.element, this.announcer.element]);
    this.composer.takeDrops(this.frame.body);
    this.session = new Session(this.options, {
      loaded: (conversation) => this.loaded(conversation),
      event: (name, data) => this.happened(name, data),
      link: (isUp) => this.frame.link(isUp),
      proving: (n) => this.frame.notice(n < 100 ? this.t('proving', { n }) : ''),
    });
    window.addEventListener('offline', () => this.frame.link(false));
    window.addEventListener('online', () => this.frame.link(true));
    document.addEventListener('visibilitychange', () => this.listen());
    this.show();
  }

  /** Shows the panel; quietly means without taking the focus. */
  async open({ quiet } = {}) {
    const isFirst = !this.isOpen;
    this.isOpen = true;
    this.unread = 0;
    this.frame.open();
    if (!quiet) this.composer.field.focus();
    this.thread.toEnd();
    if (isFirst) this.context.emit('open');
    await (this.opened ||= this.recall());
    this.listen();
  }

  /** Shows what was said before; tried again at the next opening if the server was not reached. */
  async recall() {
    if (!this.session.isKnown) return;
    const isThere = await this.guarded(() => this.session.open(this.session.id || 'latest').then(() => true));
    if (!isThere) this.opened = null;
    else if (this.conversation.turns.length) await this.guarded(() => this.session.ask('GET', '/person').then((standing) => this.standing(standing)));
  }

  close() {
    if (!this.isOpen || this.options.inline) return;
    this.isOpen = false;
    this.frame.close();
    this.listen();
    this.context.emit('close');
  }

  async identify() {
    this.conversation = new Conversation();
    await (this.opened = this.guarded(() => this.session.change()));
    this.listen();
  }

  /** Sends a message, as the page's own code may do too. */
  send(text) {
    return this.open({ quiet: true }).then(() => this.say(String(text), []));
  }

  /** Follows events while somebody looks or something is to come. */
  listen() {
    const waits = Boolean(this.conversation.active) || Boolean(this.conversation.ticket);
    if (waits || (this.isOpen && !document.hidden)) this.session.follow();
    else this.session.leave();
  }

  async say(text, files) {
    this.frame.back();
    this.asked.replaceChildren();
    const turn = this.conversation.add(newTurn({ text, files, state: 'sending', sendKey: randomKey() }));
    this.show();
    this.thread.toEnd();
    await this.deliver(turn);
  }

  async deliver(turn) {
    Object.assign(turn, { state: 'sending', error: '' });
    this.show();
    try {
      const id = await this.session.send(turn.text, turn.files, turn.sendKey);
      const known = this.conversation.accept(turn, id);
      known.files = turn.files;
      this.context.emit('sent', { id, text: turn.text });
    } catch (problem) {
      if (!turn.id) Object.assign(turn, { state: 'unsent', error: this.frame.explain(problem) });
    }
    this.show();
  }

  async retry(turn) {
    if (turn.state === 'unsent') return this.deliver(turn);
    const files = [...turn.files];
    if (!files.length) {
      for (const a of turn.attachments) files.push(new File([await this.bytes(a.id)], a.name, { type: a.media_type }));
    }
    return this.say(turn.text, files);
  }

  async bytes(id) {
    return (await this.session.ask('GET', `/attachments/${id}`, { isRaw: true })).blob();
  }

  async rate(turn, rating, comment) {
    Object.assign(turn, { rating, comment });
    this.show();
    await this.guarded(() => this.session.ask('POST', `/messages/${turn.answerId}/feedback`, { json: { rating, comment } }));
  }

  async correct(turn, corrections) {
    if (!Object.keys(corrections).length) return;
    await this.guarded(() => this.session.ask('PATCH', `/messages/${turn.id}`, { json: { corrections }, headers: { 'Idempotency-Key': randomKey() } }));
  }

  askForPerson() {
    this.frame.view(personView(this.t, this.site, async (note, contact) => {
      const standing = await this.session.ask('POST', '/person', { json: { note, contact } });
      this.frame.back();
      this.standing(standing);
      this.context.emit('person', { ticket: standing.ticket_id });
    }, (problem) => this.frame.explain(problem)), this.t('person'));
  }

  /** Says whether a person is there, is to come, or is back later. */
  standing({ status, ticket_id: ticket, agent, position, available, opens_at: at }) {
    if (!ticket || status === 'returned' || status === 'closed') return;
    this.conversation.ticket = ticket;
    const { t } = this;
    if (agent) return this.frame.notice(t('personJoined', { agent }));
    const line = position > 0 ? t('queue', { n: position }) : '';
    this.frame.notice([t('personDone'), available || !at ? line : closed(t, at)].join(' '));
  }

  showList() {
    this.frame.view(listView(this.t, this.session.conversations, this.session.id, (id) => {
      this.frame.back();
      this.guarded(() => this.session.open(id)).then(() => this.listen());
    }), this.t('conversations'));
  }

  /** Begins another conversation, and asks how satisfied the customer was with this one. */
  fresh() {
    const about = this.session.about();
    const asks = this.conversation.isAnswered && !this.conversation.wasAsked;
    this.session.blank();
    this.composer.field.focus();
    if (asks) this.showSatisfaction(about);
  }

  /** Asks how satisfied the customer is with the conversation that is open. */
  askSatisfaction(takesFocus) {
    this.conversation.wasAsked = true;
    this.showSatisfaction(this.session.about(), takesFocus);
  }

  /** Asks above the composer; `about` makes requests about the conversation that is meant. */
  showSatisfaction(about, takesFocus) {
    return this.guarded(async () => {
      const part = await import('./satisfaction.js');
      const { isAtEnd } = this.thread;
      const view = part.satisfactionView(this.t, {
        rate: async (score, comment) => {
          await about('POST', '/csat', { json: { score, comment } });
          this.context.emit('rated', { score, comment });
        },
        leave: (isRated) => {
          this.asked.replaceChildren();
          this.composer.field.focus();
          if (isRated) this.frame.notice(this.t('thanks'));
        },
        explain: (problem) => this.frame.explain(problem),
      });
      this.asked.replaceChildren(view);
      if (isAtEnd) this.thread.toEnd();
      if (takesFocus) view.elements['fd-score'][0].focus();
      else this.announcer.say(this.t('csat'));
    });
  }

  erase() {
    this.frame.view(erasedView(this.t, async () => {
      await this.session.ask('DELETE', '');
      this.session.blank();
      this.frame.back();
      this.frame.notice(this.t('erased'));
    }, () => this.frame.back(), (problem) => this.frame.explain(problem)), this.t('erase'));
  }

  loaded(conversation) {
    this.conversation.load(conversation);
    for (const turn of this.conversation.turns) this.announcer.skip(turn.key, turn.answer);
    this.frame.notice('');
    this.asked.replaceChildren();
    this.show();
    this.thread.toEnd();
  }

  happened(name, data) {
    if (name === 'erased') return this.frame.notice(this.t('erased'));
    const turn = this.conversation.apply(name, data);
    if (name === 'person_requested') this.standing(data);
    if (name === 'person_joined') this.standing({ ...data, status: 'claimed' });
    if (name === 'person_left') {
      this.conversation.ticket = '';
      this.frame.notice(this.t('personLeft', data));
      if (!this.conversation.wasAsked) this.askSatisfaction();
    }
    if (name === 'message') {
      this.answered(turn);
      this.announcer.follow(turn.key, turn.answer, true);
    }
    if (name === 'done' && turn.answer) this.answered(turn);
    if (name === 'failed') this.announcer.say(data.message);
    if (name === 'status') this.announcer.say(this.t(`stage.${data.stage}`));
    if (name === 'delta' || name === 'done') this.announcer.follow(turn.key, turn.answer, name === 'done');
    if (name === 'options') this.announcer.say(`${this.t('options')}: ${data.options.join(' ')}`);
    this.later();
    return null;
  }

  answered(turn) {
    this.context.emit('message', { id: turn.answerId, text: turn.answer, decision: turn.decision, citations: turn.citations, options: turn.options });
    if (!this.isOpen) {
      this.unread += 1;
      this.frame.badge(this.unread);
      this.context.emit('unread', this.unread);
      this.listen();
    }
  }

  /** Draws once a frame, however many events came. */
  later() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    const draw = () => { this.isDrawing = false; this.show(); };
    if (document.hidden) setTimeout(draw);
    else requestAnimationFrame(draw);
  }

  show() {
    this.thread.show(this.conversation.turns, this.opening);
    this.composer.working(Boolean(this.conversation.active?.id));
  }

  /** Tells what went wrong instead of throwing it. */
  async guarded(work) {
    try {
      return await work();
    } catch (problem) {
      this.frame.notice(this.frame.explain(problem));
      this.context.emit('error', problem);
      return null;
    }
  }
}
