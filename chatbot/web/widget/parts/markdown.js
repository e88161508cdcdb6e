// Markdown as elements. No HTML is taken, no picture is fetched, and links lead to web pages and mail addresses only.

import { h } from './dom.js';

const INLINE = /(`+)(.+?)\1|\*\*(.+?)\*\*|__(.+?)__|\*([^\s*](?:.*?[^\s*])?)\*|\b_([^\s_](?:.*?[^\s_])?)_\b|!?\[([^\[\]\n]*)\]\(\s*<?([^\s()<>]+(?:\([^\s()<>]*\)[^\s()<>]*)*)>?(?:\s+"[^"]*")?\s*\)|\[(\d{1,3})\]|(https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]])|\\([\\`*_{}\[\]()#+\-.!>|~])/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const MOST_DEPTH = 8;

/**
 * Fills an element with the text.
 *
 * @param {(number: number) => Node | null} cite Makes what stands for `[n]`; null shows it as it is.
 */
export function render(element, text, cite = () => null) {
  element.replaceChildren();
  blocks(element, text.replace(/\r\n?/g, '\n').split('\n'), cite, 0);
}

function blocks(parent, lines, cite, depth) {
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (!line.trim()) at += 1;
    else if (/^\s*(```|~~~)/.test(line)) at = code(parent, lines, at);
    else if (/^\s{0,3}#{1,6}\s/.test(line)) at = heading(parent, lines, at, cite);
    else if (/^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) at = (parent.append(h('hr')), at + 1);
    else if (/^\s{0,3}>/.test(line) && depth < MOST_DEPTH) at = quote(parent, lines, at, cite, depth);
    else if (ITEM.test(line) && depth < MOST_DEPTH) at = list(parent, lines, at, cite, depth);
    else if (line.trim()[0] === '|' && /^\s*\|[\s:|-]+\|\s*$/.test(lines[at + 1] || '')) at = table(parent, lines, at, cite);
    else at = paragraph(parent, lines, at, cite);
  }
}

function code(parent, lines, from) {
  const fence = lines[from].trim().slice(0, 3);
  let to = from + 1;
  while (to < lines.length && lines[to].trim().slice(0, 3) !== fence) to += 1;
  parent.append(h('pre', { tabindex: '0' }, h('code', null, lines.slice(from + 1, to).join('\n'))));
  return to + 1;
}

function heading(parent, lines, at, cite) {
  const element = h('p', { class: 'heading' });
  inline(element, lines[at].replace(/^\s*#+\s+|\s+#+\s*$/g, ''), cite, 0);
  parent.append(element);
  return at + 1;
}

function quote(parent, lines, from, cite, depth) {
  const inner = [];
  let at = from;
  for (; at < lines.length && /^\s{0,3}>/.test(lines[at]); at += 1) inner.push(lines[at].replace(/^\s*>\s?/, ''));
  const element = h('blockquote');
  blocks(element, inner, cite, depth + 1);
  parent.append(element);
  return at;
}

function list(parent, lines, from, cite, depth) {
  const [, margin, mark] = ITEM.exec(lines[from]);
  const isNumbered = mark.length > 1;
  const element = h(isNumbered ? 'ol' : 'ul', isNumbered && parseInt(mark, 10) !== 1 && { start: parseInt(mark, 10) });
  let at = from;
  while (at < lines.length) {
    const item = ITEM.exec(lines[at]);
    if (!item || item[1].length < margin.length || item[2].length > 1 !== isNumbered) break;
    const inner = [item[3]];
    for (at += 1; at < lines.length; at += 1) {
      const next = ITEM.exec(lines[at]);
      const isDeeper = /^\s/.test(lines[at]) && lines[at].search(/\S/) > margin.length;
      const goesOn = !lines[at].trim() ? /^\s{2,}\S/.test(lines[at + 1] || '') : isDeeper || (!next && lines[at - 1].trim());
      if (!goesOn) break;
      inner.push(lines[at].slice(Math.min(lines[at].search(/\S|$/), margin.length + 2)));
    }
    const entry = h('li');
    blocks(entry, inner, cite, depth + 1);
    element.append(entry);
    while (at < lines.length - 1 && !lines[at].trim() && ITEM.test(lines[at + 1])) at += 1;
  }
  parent.append(element);
  return at;
}

function table(parent, lines, from, cite) {
  const row = (line, tag) => {
    const element = h('tr');
    for (const cell of line.trim().replace(/^\||\|$/g, '').split('|')) {
      const made = h(tag);
      inline(made, cell.trim(), cite, 0);
      element.append(made);
    }
    return element;
  };
  const body = h('tbody');
  let at = from + 2;
  for (; at < lines.length && lines[at].trim()[0] === '|'; at += 1) body.append(row(lines[at], 'td'));
  parent.append(h('div', { class: 'table', tabindex: '0' }, h('table', null, h('thead', null, row(lines[from], 'th')), body)));
  return at;
}

function paragraph(parent, lines, from, cite) {
  let at = from + 1;
  const ends = /^\s*(```|~~~|>|#{1,6}\s|[-*+]\s|1[.)]\s|$)/;
  while (at < lines.length && !ends.test(lines[at])) at += 1;
  const element = h('p');
  for (let line = from; line < at; line += 1) {
    if (line > from) element.append(h('br'));
    inline(element, lines[line].trim(), cite, 0);
  }
  parent.append(element);
  return at;
}

function inline(parent, text, cite, depth) {
  let rest = text;
  while (rest) {
    const found = depth < MOST_DEPTH && INLINE.exec(rest);
    if (!found) break;
    const before = rest.slice(0, found.index);
    const made = piece(found, cite, depth);
    if (found[9] && typeof made !== 'string') keep(parent, before, made);
    else parent.append(before, made);
    rest = rest.slice(found.index + found[0].length);
  }
  parent.append(rest);
}

/** A mark stays on the line of the word before it. */
function keep(parent, before, mark) {
  const from = before.trimEnd().lastIndexOf(' ') + 1;
  const word = before.slice(from);
  if (word.length > 30) parent.append(before, mark);
  else parent.append(before.slice(0, from), h('span', { class: 'keep' }, word, mark));
}

function piece(found, cite, depth) {
  const [whole, , verbatim, strong, strong2, weak, weak2, label, address, number, bare, escaped] = found;
  if (verbatim) return h('code', null, verbatim);
  if (strong || strong2) return nested('strong', strong || strong2, cite, depth);
  if (weak || weak2) return nested('em', weak || weak2, cite, depth);
  if (number) return cite(Number(number)) || whole;
  if (bare) return link(bare, bare);
  if (escaped) return escaped;
  return (whole[0] !== '!' && link(address, label)) || label;
}

function nested(tag, text, cite, depth) {
  const element = h(tag);
  inline(element, text, cite, depth + 1);
  return element;
}

/** A link to another page; null where the address is of another kind. */
export function link(address, label) {
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return null;
  return h('a', { href: address, target: '_blank', rel: 'noopener noreferrer nofollow' }, label || address);
}

/** The words alone, for a screen reader. */
export function plain(text) {
  return text.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/\[\d{1,3}\]|[*_`#>|]/g, '');
}
