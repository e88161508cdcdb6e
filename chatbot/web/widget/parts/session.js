// Talks with the server: tokens, requests, and the event stream that goes on where it broke off. Shows nothing.

const RETRY_MS = 1000;
const MOST_RETRY_MS = 15000;

/** What the server, or the way to it, said against a request; `status` is 0 when it was not reached. */
export class Problem extends Error {
  constructor(status, body, waitS) {
    super(body.errors ? body.errors[0] : body.detail || body.title || '');
    Object.assign(this, { status, hint: body.hint || '', type: body.type || '', waitS });
  }
}

/** A key that nobody else has, also on pages without https. */
export function randomKey() {
  let key = '';
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) key += byte.toString(16).padStart(2, '0');
  return key;
}

/** One visitor with one open conversation. */
export class Session {
  /** @param hears {loaded(conversation), event(name, data), link(isUp), proving(percent)}: told what happens. */
  constructor(options, hears) {
    this.options = options;
    this.hears = hears;
    this.fetch = options.fetch;
    this.api = new URL('../api/v1', options.base).href;
    this.conversations = [];
    this.lastId = 0;
    this.recall();
  }

  /** What the browser keeps; a customer who is signed in leaves nothing on the machine. */
  recall() {
    let kept = {};
    try { if (!this.options.customer) kept = JSON.parse(localStorage.getItem(this.options.key)) || {}; } catch { /* storage is off, or broken */ }
    Object.assign(this, { resume: kept.resume, id: kept.conversation, token: '' });
  }

  keep() {
    if (this.options.customer) return;
    try { localStorage.setItem(this.options.key, JSON.stringify({ resume: this.resume, conversation: this.id })); } catch { /* off */ }
  }

  /** Whether there is something to come back to. */
  get isKnown() {
    return Boolean(this.options.customer || (this.resume && this.id));
  }

  /** Another visitor: signed in, or out. */
  async change() {
    this.leave();
    Object.assign(this, { conversations: [], lastId: 0 });
    this.recall();
    return this.isKnown ? this.open(this.id || 'latest') : this.hears.loaded(null);
  }

  /** Opens a conversation, a new one when none is named; false when it is not there any more. */
  async start(wanted, proof) {
    const body = { site: this.options.site, proof };
    const { customer } = this.options;
    const token = typeof customer === 'function' ? await customer() : customer;
    if (this.resume && (wanted || !token)) body.resume_token = this.resume;
    else if (token) body.customer_token = token;
    if (wanted) body.conversation_id = wanted;
    else this.lastId = 0;
    let started;
    try {
      started = await this.call('POST', '/conversations', { json: body, isOpen: true });
    } catch (problem) {
      if (!proof && problem.type?.endsWith(':proof-needed')) return this.start(wanted, await this.prove());
      const isOver = problem.status === 401 && body.resume_token;
      if (isOver) this.resume = '';
      if (isOver && token) return this.start(wanted);
      if (isOver) this.keep();
      else if (!(problem.status === 404 && wanted)) throw problem;
      this.id = '';
      this.keep();
      if (!wanted) return this.start();
      this.hears.loaded(null);
      return false;
    }
    Object.assign(this, { id: started.conversation.id, token: started.token, resume: started.resume_token, conversations: started.conversations });
    this.keep();
    return started.conversation;
  }

  /** Does the work that the server asks of new visitors. */
  async prove() {
    const { challenge, bits } = await this.call('POST', '/conversations/challenges', { isOpen: true });
    const { solve } = await import('./proof.js');
    const nonce = await solve(challenge, bits, (percent) => this.hears.proving(percent));
    this.hears.proving(100);
    return { challenge, nonce };
  }

  /** Opens it and shows it. */
  open(wanted) {
    const opening = this.opened(wanted).finally(() => { if (this.opening === opening) this.opening = null; });
    this.opening = opening;
    return opening;
  }

  async opened(wanted) {
    this.leave();
    const conversation = await this.start(wanted);
    if (!conversation) return;
    this.lastId = conversation.last_event_id;
    this.hears.loaded(conversation);
  }

  /** A new conversation begins with the next message: an empty one need not be kept. */
  blank() {
    this.leave();
    Object.assign(this, { id: '', token: '', lastId: 0 });
    this.keep();
    this.hears.loaded(null);
  }

  /** Makes sure that there is a token for a conversation. */
  async ready() {
    if (!this.token) await this.opening?.catch(() => {}); // what is sent meanwhile belongs to the one being opened
    if (!this.token) {
      this.starting ||= this.start(this.id).finally(() => { this.starting = null; });
      if (!(await this.starting)) await this.start();
    }
  }

  /** A request about the open conversation. */
  async ask(method, path, more) {
    await this.ready();
    return this.call(method, `/conversations/${this.id}${path}`, more);
  }

  /** Makes requests about the conversation that is open now, also when another one is later. */
  about() {
    const { id, token } = this;
    return (method, path, more) => (this.id === id ? this.ask(method, path, more) : this.call(method, `/conversations/${id}${path}`, { ...more, token }));
  }

  async call(method, path, { json, form, headers = {}, isOpen, isRaw, isAgain, signal, token } = {}) {
    const sent = { ...headers };
    if (json) sent['Content-Type'] = 'application/json';
    if (!isOpen) sent.Authorization = `Bearer ${token || this.token}`;
    let response;
    try {
      response = await this.fetch(this.api + path, { method, headers: sent, body: json ? JSON.stringify(json) : form, signal, credentials: 'omit', cache: 'no-store' });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Problem(0, {});
    }
    const renewed = response.headers.get('Frontdesk-Token');
    if (renewed && !isOpen && !token) this.token = renewed;
    if (response.status === 401 && !isOpen && !isAgain && !token) {
      this.token = '';
      await this.ready();
      return this.call(method, path, { json, form, headers, isRaw, signal, isAgain: true });
    }
    if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})), Number(response.headers.get('Retry-After')));
    return isRaw ? response : response.status === 204 ? null : response.json();
  }

  /** Sends a message; the key makes sending it again harmless. Gives the turn's id. */
  async send(text, files, key) {
    const form = new FormData();
    form.append('text', text);
    for (const file of files) form.append('files', file, file.name);
    const accepted = await this.ask('POST', '/messages', { form, headers: { 'Idempotency-Key': key } });
    this.follow();
    return accepted.turn_id;
  }

  /** Follows the events until `leave`; does nothing when it does so already. */
  async follow() {
    if (this.following || !this.id) return;
    const stop = (this.following = new AbortController());
    let pauseMs = RETRY_MS;
    while (!stop.signal.aborted) {
      try {
        const headers = this.lastId ? { 'Last-Event-ID': String(this.lastId) } : {};
        const response = await this.ask('GET', '/events', { headers, isRaw: true, signal: stop.signal });
        this.hears.link(true);
        pauseMs = RETRY_MS;
        await this.read(response.body.getReader(), stop);
      } catch (problem) {
        if (stop.signal.aborted) return;
        if (problem.status === 404) return this.hear('erased', {}, stop);
        if (!problem.status) this.hears.link(false);
        pauseMs = Math.max(Math.min(pauseMs * 2, MOST_RETRY_MS), (problem.waitS || 0) * 1000);
      }
      await pause(pauseMs, stop.signal);
    }
  }

  async read(reader, stop) {
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || stop.signal.aborted) return;
      rest += decoder.decode(value, { stream: true });
      for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
        this.frame(rest.slice(0, end), stop);
        rest = rest.slice(end + 2);
      }
    }
  }

  frame(text, stop) {
    const fields = {};
    for (const line of text.split('\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trim();
    }
    if (!fields.event || (fields.id && Number(fields.id) <= this.lastId)) return;
    if (fields.id) this.lastId = Number(fields.id);
    this.hear(fields.event, JSON.parse(fields.data), stop);
  }

  hear(name, data, stop) {
    if (stop.signal.aborted) return;
    if (name === 'erased') this.blank();
    this.hears.event(name, data);
  }

  /** Stops following. */
  leave() {
    this.following?.abort();
    this.following = null;
  }
}

/** Waits, but not longer than until the connection is back. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      window.removeEventListener('online', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    window.addEventListener('online', end);
  });
}
