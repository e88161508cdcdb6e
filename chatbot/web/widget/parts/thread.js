// Shows a conversation: each turn in parts, of which only those that changed are made anew, so that focus stays.

import { download, h, icon, iconButton, picture, set } from './dom.js';
import { link, plain, render } from './markdown.js';

/** The list of turns. */
export class Thread {
  /**
   * @param does {retry(turn), stop(turn), rate(turn, rating, comment), correct(turn, corrections), source(turn, number),
   *   attachment(id), person(), ask(text)}: what a press asks for.
   */
  constructor(t, does) {
    this.t = t;
    this.does = does;
    this.shown = new Map();
    this.drawn = new Map();
    this.list = h('div', { class: 'turns' });
    this.element = h('div', { class: 'thread', role: 'log', 'aria-live': 'off', 'aria-label': t('conversation'), tabindex: '0' }, this.list);
    this.newest = h('button', { type: 'button', class: 'newest', hidden: true, 'aria-label': t('newest'), title: t('newest'), onclick: () => this.toEnd() }, icon('down'));
    this.element.addEventListener('scroll', () => { this.newest.hidden = this.isAtEnd; }, { passive: true });
  }

  get isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < 60;
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  /** Shows all turns; what stands there already is kept. */
  show(turns, opening) {
    const follows = this.isAtEnd;
    const wanted = new Set();
    for (const turn of turns) wanted.add(turn.key);
    for (const [key, shown] of this.shown) {
      if (wanted.has(key)) continue;
      shown.element.remove();
      this.shown.delete(key);
    }
    if (opening) {
      if (this.list.firstChild !== opening) this.list.prepend(opening);
      opening.hidden = turns.length > 0;
    }
    for (const turn of turns) {
      if (!this.shown.has(turn.key)) {
        const made = { element: h('div', { class: 'turn' }), parts: {} };
        this.shown.set(turn.key, made);
        this.list.append(made.element);
      }
      this.draw(turn, this.shown.get(turn.key), turn === turns[turns.length - 1]);
    }
    if (follows) this.toEnd();
  }

  draw(turn, shown, isLast) {
    const part = (name, sign, make) => {
      let signed = ''; // not as JSON: old libraries break that of arrays
      for (const value of sign) signed += `${value}\n`;
      const old = shown.parts[name];
      if (old && old.signed === signed) return;
      const element = make();
      if (old) old.element.replaceWith(element);
      else shown.element.append(element);
      shown.parts[name] = { signed, element };
    };
    const { state, text, id } = turn;
    part('question', [text, turn.isCorrection, ids(turn.attachments), turn.files.length], () => this.question(turn));
    part('notes', [turn.problems.join('\n'), state === 'unsent' && turn.error, state === 'sending'], () => this.notes(turn));
    part('readings', [turn.readings.length, readingSign(turn), id], () => this.readings(turn, shown));
    for (let i = 0; i < turn.readings.length; i += 1) shown.looks[i].textContent = look(turn.readings[i]); // in place: a correction may be half written
    part('status', [state, turn.stage, turn.position, Boolean(turn.answer)], () => this.status(turn));
    part('answer', [turn.answer, turn.warnings.join('\n'), turn.citations.length, turn.stopped, state === 'done', state === 'failed' && turn.error], () => this.answer(turn));
    part('sources', [state, turn.citations.length, turn.answerId], () => this.sources(turn, shown));
    part('options', [state, isLast, turn.options.join('\n')], () => this.options(turn, isLast));
    part('actions', [state, turn.answerId, turn.decision, turn.rating], () => this.actions(turn));
    part('next', [state, isLast, turn.next.questions.join('\n'), turn.next.articles.length], () => this.next(turn, isLast));
  }

  question(turn) {
    const { t } = this;
    if (turn.author) return h('div');
    if (turn.isCorrection && !turn.text && !turn.files.length) return h('div', { class: 'said' }, h('div', { class: 'bubble quiet' }, t('askedAgain')));
    const box = h('div', { class: 'said' }, h('span', { class: 'unseen' }, t('you')));
    for (const file of turn.files) box.append(this.file(file.type.split('/')[0], file.name, () => Promise.resolve(file), file));
    if (!turn.files.length) {
      for (const a of turn.attachments) box.append(this.file(a.kind, a.name, () => this.does.attachment(a.id), null, a.id));
    }
    if (turn.text) box.append(h('div', { class: 'bubble', dir: 'auto' }, turn.text));
    return box;
  }

  /** A preview of an attachment; what was drawn once is not fetched again. */
  file(kind, name, bytes, file, id) {
    const box = h('div', { class: 'attachment' });
    const named = () => h('button', { type: 'button', class: 'file', onclick: async () => download(await bytes(), name) }, icon(kind === 'audio' ? 'record' : 'file'), h('span', null, name));
    const fill = (element) => box.replaceChildren(element);
    if (kind === 'audio') fill(player(this.t, name, bytes));
    else if (kind !== 'image') fill(named());
    else if (id && this.drawn.has(id)) fill(this.drawn.get(id));
    else {
      bytes().then((blob) => picture(blob, name)).then((canvas) => { if (id) this.drawn.set(id, canvas); fill(canvas); }).catch(() => fill(named()));
    }
    return box;
  }

  notes(turn) {
    const box = h('div', { class: 'notes' });
    for (const problem of turn.problems) box.append(h('p', { class: 'note' }, problem));
    if (turn.state === 'sending') box.append(h('p', { class: 'quiet' }, this.t('sending')));
    if (turn.state === 'unsent') box.append(h('p', { class: 'note bad' }, turn.error || this.t('unsent'), ' ', this.again(turn)));
    return box;
  }

  again(turn) {
    return h('button', { type: 'button', class: 'text', onclick: () => this.does.retry(turn) }, this.t('retry'));
  }

  readings(turn, shown) {
    const { t } = this;
    shown.looks = [];
    if (!turn.readings.length) return h('div');
    const fields = new Map();
    const box = h('div', { class: 'readings' });
    for (const reading of turn.readings) {
      const field = h('textarea', { rows: 3, dir: 'auto', 'aria-label': t(reading.kind === 'transcript' ? 'heard' : 'seen') });
      field.value = reading.text;
      fields.set(reading, field);
      const line = h('span');
      shown.looks[shown.looks.length] = line;
      box.append(h('label', null, t(reading.kind === 'transcript' ? 'heard' : 'seen'), reading.is_corrected && ` · ${t('corrected')}`, line), field);
    }
    const send = () => {
      const corrections = {};
      for (const [reading, field] of fields) if (field.value.trim() !== reading.text.trim()) corrections[reading.attachment_id] = field.value;
      this.does.correct(turn, corrections);
    };
    box.append(h('p', { class: 'quiet' }, t('readHint')), h('button', { type: 'button', class: 'second', onclick: send }, t('askAgain')));
    return h('details', { class: 'fold' }, h('summary', null, t('read')), box);
  }

  status(turn) {
    const { t, does } = this;
    if (turn.state !== 'waiting' && turn.state !== 'working') return h('div');
    const said = turn.position > 0 ? t('queue', { n: turn.position }) : turn.stage ? t(`stage.${turn.stage}`) : t('working');
    return h('div', { class: 'status' }, h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')), h('span', null, said),
      turn.id && h('button', { type: 'button', class: 'text', onclick: () => does.stop(turn) }, t('stop')));
  }

  answer(turn) {
    const { t } = this;
    const box = h('div', { class: 'answer' });
    for (const warning of turn.warnings) box.append(h('p', { class: 'note' }, warning));
    if (turn.answer) {
      const body = h('div', { class: 'bubble markdown', dir: 'auto' });
      render(body, turn.answer, (number) => this.mark(turn, number));
      box.append(turn.author ? h('strong', { class: 'author', dir: 'auto' }, turn.author) : h('span', { class: 'unseen' }, t('assistant')), body);
    }
    if (turn.stopped) box.append(h('p', { class: 'quiet' }, t('stopped')));
    if (turn.state === 'failed' || (turn.state === 'done' && !turn.answer && turn.decision !== 'person')) box.append(h('p', { class: 'note bad' }, turn.error || t('unanswered'), ' ', this.again(turn)));
    return box;
  }

  /** The mark of a citation, which opens its source below. */
  mark(turn, number) {
    let source = null;
    for (const citation of turn.citations) if (citation.number === number) source = citation;
    if (!source) return null;
    const open = () => {
      const card = this.shown.get(turn.key)?.cards?.get(number);
      if (!card) return;
      card.open = true;
      card.querySelector('summary').focus();
      card.scrollIntoView({ block: 'nearest' });
    };
    return h('button', { type: 'button', class: 'mark', 'aria-label': this.t('source', { n: number, title: source.title }), title: source.title, onclick: open }, String(number));
  }

  sources(turn, shown) {
    const { t } = this;
    if (turn.state !== 'done' || !turn.citations.length) return h('div');
    shown.cards = new Map();
    const box = h('div', { class: 'sources', role: 'group', 'aria-label': t('sources') });
    for (const citation of turn.citations) {
      const body = h('div', { class: 'passage', dir: 'auto' });
      quoted(body, citation.quote, citation.quote);
      const card = h('details', { class: 'card' }, h('summary', null, h('span', { class: 'number' }, String(citation.number)), h('span', { dir: 'auto' }, words(citation.title))), body);
      const leads = citation.url && link(citation.url, t('openArticle'));
      if (leads) card.append(leads);
      card.addEventListener('toggle', () => {
        if (!card.open || card.dataset.read) return;
        card.dataset.read = 'yes';
        this.does.source(turn, citation.number).then((found) => quoted(body, found.passage, found.quote)).catch(() => { delete card.dataset.read; });
      });
      shown.cards.set(citation.number, card);
      box.append(card);
    }
    return box;
  }

  /** Questions to choose from, until something else is asked. */
  options(turn, isLast) {
    if (turn.state !== 'done' || !isLast || !turn.options.length) return h('div');
    return this.choices('options', turn.options);
  }

  choices(name, questions) {
    const box = h('div', { class: 'options', role: 'group', 'aria-label': this.t(name) });
    for (const text of questions) box.append(h('button', { type: 'button', class: 'suggestion', dir: 'auto', onclick: () => this.does.ask(text) }, text));
    return box;
  }

  /** What may come next: articles stay, questions go when another one is asked. */
  next({ state, next }, isLast) {
    const box = h('div', { class: 'next' });
    if (state !== 'done') return box;
    const links = [];
    for (const { title, url } of next.articles) {
      const found = link(url, title);
      if (found) links.push(links.length ? ' · ' : ' ', found);
    }
    if (links.length) box.append(h('p', { class: 'quiet', dir: 'auto' }, this.t('related'), ...links));
    if (isLast && next.questions.length) box.append(this.choices('next', next.questions));
    return box;
  }

  actions(turn) {
    const { t, does } = this;
    if (turn.state !== 'done' || !turn.answerId || !turn.answer) return h('div');
    const box = h('div', { class: 'actions' });
    const rate = (rating) => {
      does.rate(turn, turn.rating === rating ? 0 : rating, '');
      const pressed = this.shown.get(turn.key)?.parts.actions.element.querySelector(rating > 0 ? '.good' : '.bad');
      pressed?.focus();
    };
    box.append(
      h('div', { class: 'row' },
        iconButton('good', t('good'), () => rate(1), { class: 'icon small good', 'aria-pressed': String(turn.rating > 0) }),
        iconButton('bad', t('bad'), () => rate(-1), { class: 'icon small bad', 'aria-pressed': String(turn.rating < 0) }),
        navigator.clipboard && iconButton('copy', t('copy'), (event) => copy(event.currentTarget, plain(turn.answer), t('copied')), { class: 'icon small' }),
        turn.decision === 'decline' && h('button', { type: 'button', class: 'second', onclick: () => does.person() }, t('person'))),
    );
    if (turn.rating) box.append(this.comment(turn));
    return box;
  }

  comment(turn) {
    const { t, does } = this;
    const field = h('input', { type: 'text', maxlength: 4000, placeholder: t('comment'), 'aria-label': t('comment') });
    const form = h('form', { class: 'comment', onsubmit: (event) => {
      event.preventDefault();
      const thanks = h('p', { class: 'quiet', tabindex: '-1' }, t('thanks'));
      does.rate(turn, turn.rating, field.value);
      form.replaceWith(thanks);
      thanks.focus();
    } }, field, h('button', { type: 'submit', class: 'second' }, t('sendComment')));
    return turn.comment ? h('p', { class: 'quiet' }, t('thanks')) : form;
  }
}

const ids = (attachments) => { let all = ''; for (const a of attachments) all += a.id; return all; };
const look = (reading) => (reading.description ? ` · ${reading.description}` : '');
const readingSign = (turn) => { let all = ''; for (const r of turn.readings) all += `${r.attachment_id} ${r.text}\n`; return all; };
const words = (text) => text.replace(/\*\*|`|^#{1,6} /gm, '');

/** A passage with the quoted words marked in it. */
function quoted(box, passage, quote) {
  const text = words(passage);
  const found = words(quote);
  const at = found ? text.indexOf(found) : -1;
  box.replaceChildren(...(at < 0 ? [text] : [text.slice(0, at), h('mark', null, found), text.slice(at + found.length)]));
}

async function copy(button, text, done) {
  await navigator.clipboard.writeText(text).catch(() => {});
  set(button, 'aria-label', done);
  set(button, 'title', done);
}

/** Plays sound from memory: an <audio> element would need an address that the page's policy may forbid. */
function player(t, name, bytes) {
  let source = null;
  let context = null;
  const button = h('button', { type: 'button', class: 'file', 'aria-label': `${t('play')}: ${name}`, onclick: async () => {
    if (source) return source.stop();
    context ||= new AudioContext();
    const sound = await context.decodeAudioData(await (await bytes()).arrayBuffer());
    source = context.createBufferSource();
    source.buffer = sound;
    source.connect(context.destination);
    source.onended = () => { source = null; button.firstChild.replaceWith(icon('play')); };
    source.start();
    button.firstChild.replaceWith(icon('stop'));
  } }, icon('play'), h('span', null, name));
  return button;
}
