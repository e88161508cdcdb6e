// Reads answers to screen readers in whole sentences: a live region that changed with each word would stutter.

import { h } from './dom.js';
import { plain } from './markdown.js';

const SENTENCE = /^[\s\S]*?(?:[.!?…](?=\s)|[。！？]|\n)/;

/** A polite live region. */
export class Announcer {
  constructor() {
    this.element = h('div', { class: 'unseen', role: 'status', 'aria-live': 'polite', 'aria-atomic': 'false' });
    this.read = new Map();
  }

  /** Says something at once. */
  say(text) {
    const words = plain(text).trim();
    if (!words) return;
    this.element.append(h('p', null, words));
    while (this.element.childNodes.length > 6) this.element.firstChild.remove();
  }

  /** Says what is new of a growing text, as far as it has whole sentences; the rest when it is done. */
  follow(key, text, isDone) {
    let from = this.read.get(key) || 0;
    if (from > text.length) from = 0;
    for (let found = SENTENCE.exec(text.slice(from)); found; found = SENTENCE.exec(text.slice(from))) {
      from += found[0].length;
      this.say(found[0]);
    }
    if (isDone) {
      this.say(text.slice(from));
      from = text.length;
    }
    this.read.set(key, from);
  }

  /** What is there already was read, or is history. */
  skip(key, text) {
    this.read.set(key, text.length);
  }
}
