// A conversation as turns, a question and its answer each; events change them. Knows neither server nor screen.

const NOTHING = { questions: [], articles: [] };
let made = 0;

/** A turn; `state` is sending, unsent, waiting, working, done or failed. */
export function newTurn(more) {
  made += 1;
  return { key: `turn-${made}`, id: '', text: '', attachments: [], files: [], problems: [], readings: [], corrections: {}, isCorrection: false,
    state: 'waiting', stage: '', position: 0, answer: '', citations: [], answerId: '', decision: '', options: [], next: NOTHING, stopped: false, author: '', rating: 0, comment: '',
    warnings: [], error: '', ...more };
}

/** The turns of one conversation. */
export class Conversation {
  constructor() {
    this.turns = [];
    this.ticket = '';
    this.wasAsked = false; // how satisfied the customer is
  }

  /** Takes what the server has stored; its unanswered questions come again as events. */
  load(view) {
    const unsent = [];
    for (const turn of this.turns) if (!turn.id && turn.state === 'sending') unsent.push(turn);
    this.turns = [];
    this.ticket = '';
    this.wasAsked = Boolean(view?.csat);
    let withPerson = false;
    for (const message of view ? view.messages : []) {
      if (message.role === 'user') {
        const { id, text, attachments, readings, problems } = message;
        this.turns.push(newTurn({ id, text, attachments, readings, problems, state: withPerson ? 'done' : 'failed', decision: withPerson ? 'person' : '' }));
      } else if (message.role === 'person') {
        withPerson = true;
        this.said(message.id, message.author, message.text);
      } else {
        withPerson = false;
        const turn = this.turns[this.turns.length - 1] || this.add(newTurn());
        Object.assign(turn, { state: 'done', answer: message.text, answerId: message.id, citations: message.citations, decision: message.decision, options: message.options,
          stopped: message.stopped, warnings: message.problems, rating: message.feedback?.rating || 0, comment: message.feedback?.comment || '' });
      }
    }
    for (let n = this.turns.length - 1, left = view ? view.unanswered : 0; n >= 0 && left > 0; n -= 1) {
      if (this.turns[n].state !== 'failed' && (this.turns[n].answer || !this.turns[n].id)) continue;
      this.turns[n].state = 'waiting';
      left -= 1;
    }
    if (this.turns.length && view?.next) this.turns[this.turns.length - 1].next = view.next;
    this.turns.push(...unsent);
  }

  add(turn) {
    this.turns.push(turn);
    return turn;
  }

  /** What a person of the team says; once, however often it is told. */
  said(id, author, text) {
    for (const turn of this.turns) if (turn.key === `person-${id}`) return turn;
    return this.add(newTurn({ key: `person-${id}`, state: 'done', author, answer: text }));
  }

  remove(turn) {
    this.turns.splice(this.turns.indexOf(turn), 1);
  }

  find(id) {
    for (const turn of this.turns) if (turn.id === id) return turn;
    return null;
  }

  /** Whether there was an answer. */
  get isAnswered() {
    for (const turn of this.turns) if (turn.answer) return true;
    return false;
  }

  /** The turn that is being answered, if any. */
  get active() {
    for (const turn of this.turns) if (turn.state === 'waiting' || turn.state === 'working') return turn;
    return null;
  }

  /** Names a turn that was sent from here, which its event may have done before. */
  accept(turn, id) {
    const known = this.find(id);
    if (known && known !== turn) {
      this.remove(turn);
      return known;
    }
    turn.id = id;
    if (turn.state === 'sending') turn.state = 'waiting';
    return turn;
  }

  /** Changes what an event is about, and gives that turn; null when it is about none. */
  apply(name, data) {
    if (name === 'person_requested') this.ticket = data.ticket_id;
    if (name === 'message') return this.said(data.message_id, data.author, data.text);
    if (!data.turn_id) return null;
    const turn = this.find(data.turn_id) || this.claim(data) || this.add(newTurn({ id: data.turn_id }));
    const change = CHANGES[name];
    if (change) change(turn, data);
    return turn;
  }

  claim(data) {
    for (const turn of this.turns) {
      if (turn.id || turn.state !== 'sending' || data.text === undefined || squeeze(turn.text) !== squeeze(data.text)) continue;
      turn.id = data.turn_id;
      return turn;
    }
    return null;
  }
}

const squeeze = (text) => text.replace(/\s+/g, ' ').trim();

function restart(turn) {
  Object.assign(turn, { state: 'waiting', stage: '', answer: '', citations: [], options: [], next: NOTHING, warnings: [], error: '' });
}

const CHANGES = {
  question(turn, { text, attachments, corrections, problems }) {
    restart(turn);
    Object.assign(turn, { text, attachments, problems, corrections, isCorrection: Object.keys(corrections || {}).length > 0 });
  },
  queue(turn, { position }) {
    turn.position = position;
    if (!position && turn.state === 'waiting') turn.state = 'working';
  },
  status(turn, { stage }) { Object.assign(turn, { state: 'working', position: 0, stage }); },
  perceived(turn, { readings, problems }) { Object.assign(turn, { readings, problems }); },
  decided(turn, { decision }) { turn.decision = decision; },
  delta(turn, { text }) { Object.assign(turn, { state: 'working', position: 0, answer: turn.answer + text }); },
  citation(turn, citation) { turn.citations.push(citation); },
  options(turn, { options }) { turn.options = options; },
  warning(turn, { message }) { turn.warnings.push(message); },
  done(turn, { message_id, text, decision, citations, options = [], next = NOTHING, stopped }) {
    Object.assign(turn, { state: 'done', stage: '', answerId: message_id, answer: text, decision, citations, options, next, stopped });
  },
  failed(turn, { message }) { Object.assign(turn, { state: 'failed', error: message }); },
  restarted: restart,
};
