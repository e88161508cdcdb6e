// Asks how satisfied the customer was with a conversation, from 1 to 5. It knows no server and takes no focus by itself.

import { h, iconButton } from './dom.js';

const BEST = 5;

/** The question. `rate` takes a score and a comment and may refuse; `leave` is called when it is answered or put aside. */
export function satisfactionView(t, { rate, leave, explain }) {
  const scores = [];
  for (let n = 1; n <= BEST; n += 1) {
    const input = h('input', { type: 'radio', name: 'fd-score', value: n, required: true, 'aria-label': t('csatScore', { n }), onchange: () => { more.hidden = false; more.scrollIntoView({ block: 'nearest' }); } });
    scores.push(h('label', null, input, h('span', { 'aria-hidden': 'true' }, String(n))));
  }
  const comment = h('textarea', { rows: 2, maxlength: 4000, dir: 'auto', placeholder: t('comment'), 'aria-label': t('comment') });
  const problem = h('p', { class: 'note bad', role: 'alert', hidden: true });
  const button = h('button', { type: 'submit', class: 'first' }, t('sendComment'));
  const more = h('div', { class: 'form', hidden: true }, comment, problem, button);
  const send = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await rate(Number(form.elements['fd-score'].value), comment.value);
      leave(true);
    } catch (error) {
      button.disabled = false;
      problem.hidden = false;
      problem.textContent = explain(error);
    }
  };
  const form = h('form', { class: 'satisfaction', onsubmit: send },
    iconButton('close', t('dismiss'), () => leave(false), { class: 'icon small' }),
    h('fieldset', { role: 'radiogroup', 'aria-describedby': 'fd-scale' }, h('legend', null, t('csat')), h('div', { class: 'scores' }, scores), h('p', { class: 'quiet', id: 'fd-scale' }, t('csatScale'))),
    more);
  return form;
}
