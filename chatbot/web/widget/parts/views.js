// What may stand in the panel instead of the conversation: the beginning, a list, a form.

import { h, icon } from './dom.js';

/** The beginning of an empty conversation. */
export function emptyView(t, site, ask) {
  const box = h('div', { class: 'opening' }, h('h2', { dir: 'auto' }, site.greeting || t('greeting')), h('p', null, t('intro')));
  for (const text of site.suggestions) {
    box.append(h('button', { type: 'button', class: 'suggestion', dir: 'auto', onclick: () => ask(text) }, text));
  }
  return box;
}

/** The visitor's conversations, newest first. */
export function listView(t, conversations, current, open) {
  const list = h('ul', { class: 'list' });
  const when = new Intl.DateTimeFormat(t.language, { dateStyle: 'medium', timeStyle: 'short' });
  for (const { id, title, updated_at: at } of conversations) {
    list.append(h('li', null, h('button', { type: 'button', 'aria-current': id === current && 'true', onclick: () => open(id) },
      h('strong', { dir: 'auto' }, title || t('untitled')), h('span', null, when.format(new Date(at))))));
  }
  return conversations.length ? list : h('p', { class: 'quiet' }, t('noConversations'));
}

/** Says when people are back. */
export function closed(t, at) {
  const when = new Intl.DateTimeFormat(t.language, { weekday: 'long', hour: 'numeric', minute: '2-digit' });
  return t('closed', { when: when.format(new Date(at)) });
}

/** Asks for a person: what about, and where the answer may go. */
export function personView(t, site, send, explain) {
  const note = h('textarea', { rows: 4, maxlength: 4000, dir: 'auto', id: 'fd-note' });
  const contact = h('input', { type: 'email', maxlength: 254, autocomplete: 'email', dir: 'ltr', id: 'fd-contact' });
  const problem = h('p', { class: 'note bad', role: 'alert', hidden: true });
  const button = h('button', { type: 'submit', class: 'first' }, t('personSend'));
  const form = h('form', { class: 'form', onsubmit: async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await send(note.value, contact.value);
    } catch (error) {
      button.disabled = false;
      problem.hidden = false;
      problem.textContent = explain(error);
    }
  } });
  form.append(h('p', null, t('personIntro')));
  if (site.is_open === false && site.opens_at) {
    form.append(h('p', { class: 'note' }, closed(t, site.opens_at)));
  }
  form.append(h('label', { for: 'fd-note' }, t('personNote')), note, h('label', { for: 'fd-contact' }, t('personContact')), contact, problem, button);
  if (site.email) form.append(h('p', { class: 'quiet' }, `${t('orEmail')} `, h('a', { href: `mailto:${site.email}` }, site.email)));
  return form;
}

/** Asks before a conversation is erased for good. */
export function erasedView(t, erase, back, explain) {
  const problem = h('p', { class: 'note bad', role: 'alert', hidden: true });
  const act = () => erase().catch((error) => { problem.hidden = false; problem.textContent = explain(error); });
  return h('div', { class: 'form' }, h('p', null, t('eraseSure')), problem,
    h('button', { type: 'button', class: 'first danger', onclick: act }, icon('bin'), t('erase')),
    h('button', { type: 'button', class: 'second', onclick: back }, t('cancel')));
}
