// Where a message is written: words, and files that are picked, pasted, dropped, captured or recorded.

import { h, icon, iconButton, picture, set } from './dom.js';

const TAKEN = 'image/*,audio/*,video/mp4,video/webm,text/plain,.log,.txt';

/** The box at the bottom of the panel. */
export class Composer {
  /** @param does {send(text, files), stop(), say(text)} */
  constructor(t, limits, does, root) {
    Object.assign(this, { t, limits, does, root, files: [], isWorking: false });
    this.field = h('textarea', { rows: 1, maxlength: limits.max_message_chars, placeholder: t('placeholder'), 'aria-label': t('message'), enterkeyhint: 'send' });
    this.chips = h('ul', { class: 'chips', 'aria-label': t('attachments'), hidden: true });
    this.problem = h('p', { class: 'note bad', role: 'alert', hidden: true });
    this.picker = h('input', { type: 'file', multiple: true, accept: TAKEN, hidden: true, tabindex: '-1', 'aria-hidden': 'true' });
    this.button = h('button', { type: 'submit', class: 'send' });
    this.tools = h('div', { class: 'tools' },
      iconButton('attach', t('attach'), () => this.picker.click()),
      navigator.mediaDevices?.getDisplayMedia && iconButton('capture', t('capture'), () => this.guarded(() => this.capture())),
      iconButton('record', t('record'), () => this.guarded(() => this.record())));
    this.element = h('form', { class: 'composer' }, this.problem, this.chips, this.field, h('div', { class: 'bar' }, this.tools, this.picker, this.button));
    this.listen();
    this.refresh();
  }

  listen() {
    this.element.addEventListener('submit', (event) => { event.preventDefault(); this.submit(); });
    this.field.addEventListener('input', () => this.refresh());
    this.field.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      if (!this.isEmpty) this.submit();
    });
    this.field.addEventListener('paste', (event) => {
      if (!event.clipboardData.files.length) return;
      event.preventDefault();
      this.add(event.clipboardData.files);
    });
    this.picker.addEventListener('change', () => { this.add(this.picker.files); this.picker.value = ''; });
  }

  /** Files may be dropped anywhere on this element. */
  takeDrops(area) {
    const veil = h('div', { class: 'veil', hidden: true, 'aria-hidden': 'true' }, this.t('drop'));
    const carries = (event) => event.dataTransfer && event.dataTransfer.types.indexOf('Files') >= 0;
    let depth = 0;
    area.append(veil);
    area.addEventListener('dragenter', (event) => { if (carries(event)) { depth += 1; veil.hidden = false; } });
    area.addEventListener('dragleave', (event) => { if (carries(event)) { depth -= 1; veil.hidden = depth <= 0; } });
    area.addEventListener('dragover', (event) => { if (carries(event)) event.preventDefault(); });
    area.addEventListener('drop', (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      depth = 0;
      veil.hidden = true;
      this.add(event.dataTransfer.files);
    });
  }

  get isEmpty() {
    return !this.field.value.trim() && !this.files.length;
  }

  /** Whether an answer is being made, which an empty box can stop. */
  working(is) {
    if (is === this.isWorking) return;
    this.isWorking = is;
    this.refresh();
  }

  refresh() {
    const stops = this.isWorking && this.isEmpty;
    const label = this.t(stops ? 'stop' : 'send');
    set(this.button, 'aria-label', label);
    set(this.button, 'title', label);
    this.button.disabled = !stops && this.isEmpty;
    this.button.replaceChildren(icon(stops ? 'stop' : 'send'));
    set(this.field, 'dir', this.field.value ? 'auto' : this.t.direction);
    this.field.style.height = 'auto';
    this.field.style.height = `${Math.min(this.field.scrollHeight, 150)}px`;
  }

  submit() {
    if (this.isEmpty) {
      if (this.isWorking) this.does.stop();
      return;
    }
    const files = [];
    for (const { file } of this.files) files.push(file);
    this.does.send(this.field.value.trim(), files);
    this.field.value = '';
    this.files = [];
    this.chips.replaceChildren();
    this.chips.hidden = true;
    this.tell('');
    this.refresh();
    this.field.focus();
  }

  tell(text) {
    this.problem.textContent = text;
    this.problem.hidden = !text;
  }

  /** Adds files, as many as a message takes. */
  add(files) {
    this.tell('');
    for (const file of files) {
      if (this.files.length >= this.limits.max_attachments) this.tell(this.t('tooMany', { n: this.limits.max_attachments }));
      else if (file.size > this.limits.max_attachment_bytes) this.tell(this.t('tooLarge', { name: file.name, mb: Math.floor(this.limits.max_attachment_bytes / 1e6) }));
      else this.chip(file);
    }
    this.refresh();
  }

  chip(file) {
    const entry = { file };
    const isImage = file.type.slice(0, 6) === 'image/';
    const shown = h('span', { class: 'thumb' }, icon(file.type.slice(0, 6) === 'audio/' ? 'record' : 'file'));
    const draw = () => isImage && picture(entry.file, '').then((canvas) => { set(canvas, 'aria-hidden', true); shown.replaceChildren(canvas); }).catch(() => {});
    const remove = () => {
      this.files.splice(this.files.indexOf(entry), 1);
      item.remove();
      this.chips.hidden = !this.files.length;
      this.refresh();
      this.field.focus();
    };
    const edit = async () => {
      const part = await import('./editor.js');
      const edited = await part.editScreenshot(this.root, entry.file, this.t);
      if (edited) entry.file = named(edited, file.name.replace(/\.\w+$/, ''));
      draw();
    };
    const item = h('li', null, shown, h('span', { class: 'name' }, file.name),
      isImage && iconButton('edit', this.t('edit', { name: file.name }), () => this.guarded(edit), { class: 'icon small' }),
      iconButton('close', this.t('remove', { name: file.name }), remove, { class: 'icon small' }));
    draw();
    this.files.push(entry);
    this.chips.append(item);
    this.chips.hidden = false;
  }

  async capture() {
    const part = await import('./editor.js');
    const shot = await part.captureScreen(this.t, this.root.host);
    const edited = shot && (await part.editScreenshot(this.root, shot, this.t));
    if (edited) this.add([named(edited, 'screenshot')]);
  }

  async record() {
    const part = await import('./recorder.js');
    const note = await part.recordVoice(this.root, this.t);
    if (note) this.add([named(note, 'voice-note')]);
  }

  async guarded(work) {
    this.tell('');
    try {
      await work();
    } catch (error) {
      this.tell(error.message);
    }
    this.field.focus();
  }
}

const SUFFIXES = { 'image/png': 'png', 'image/jpeg': 'jpg', 'audio/webm': 'webm', 'audio/ogg': 'ogg', 'audio/mp4': 'm4a', 'audio/wav': 'wav' };

function named(blob, name) {
  return new File([blob], `${name}.${SUFFIXES[blob.type.split(';')[0]] || 'bin'}`, { type: blob.type });
}
