// The screenshot editor: crops and blacks out before anything leaves the browser. It knows nothing of uploads.

import { openDialog } from './dialog.js';
import { h } from './dom.js';

const MOST_BYTES = 2_000_000;
const MOST_PIXELS = 16_000_000; // what Safari on a phone gives a canvas
const LEAST_PX = 8;
const STEP_CSS_PX = 5;
const EDGES = { l: 'editor.left', t: 'editor.top', r: 'editor.right', b: 'editor.bottom' };
const CORNERS = ['lt', 'rt', 'rb', 'lb'];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LENS = 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l5 5M8 11h6';
const UNDO = 'M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3';
const CORNERED = 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5';

const CSS = `
.editor { width: min(94vw, 1000px); height: 94dvh; }
svg { display: block; width: 20px; height: 20px; margin: auto; fill: none; stroke: currentColor; stroke-width: 2; }
.stage {
  flex: 1; min-height: 120px; overflow: auto; display: grid; place-items: safe center; padding: 24px; direction: ltr;
  border-radius: 10px; background: #6b717a; overscroll-behavior: contain;
}
.stage, .stage * { touch-action: none; }
.sheet { position: relative; user-select: none; -webkit-user-select: none; cursor: crosshair; }
canvas { display: block; width: 100%; height: 100%; }
.clip { position: absolute; inset: 0; overflow: hidden; pointer-events: none; }
.frame, .handle, .black { position: absolute; }
.frame { outline: 2px solid #fff; box-shadow: 0 0 0 9999px rgb(0 0 0 / .6); }
.handle { width: 44px; height: 44px; transform: translate(-50%, -50%); cursor: move; }
.handle::after { content: ''; position: absolute; inset: 14px; border: 2px solid #fff; border-radius: 4px; background: #1b3fae; }
[data-edges=l], [data-edges=r] { width: 28px; }
[data-edges=l]::after, [data-edges=r]::after { inset: 8px 10px; }
[data-edges=t], [data-edges=b] { height: 28px; }
[data-edges=t]::after, [data-edges=b]::after { inset: 10px 8px; }
.black { background: #000; forced-color-adjust: none; }
[data-mode=black] .handle, [data-mode=crop] .adds { display: none; }
[data-mode=black] .black { cursor: move; outline: 1px solid #fff; }
[data-mode=crop] .black { pointer-events: none; }
.handle:focus-visible { outline: none; }
.black:focus-visible, .handle:focus-visible::after { outline: 3px solid #fff; outline-offset: 0; box-shadow: 0 0 0 6px #1b3fae; }
@media (max-width: 640px), (max-height: 480px) {
  .editor { width: 100vw; max-width: none; height: 100dvh; max-height: none; border: 0; border-radius: 0; padding: 10px; gap: 8px; }
  .editor p { font-size: 13px; line-height: 1.35; }
}
`;

/**
 * Lets the customer crop a picture and black parts of it out.
 *
 * Resolves with a new PNG or JPEG below 2 MB, in which what was cropped or blacked out does not exist any more and
 * which holds nothing but pixels; with null when the customer cancels. Throws an Error with a translated message.
 */
export async function editScreenshot(root, blob, t) {
  const bitmap = await read(blob, t);
  try {
    return await new Editor(root, bitmap, t).result;
  } finally {
    bitmap.close();
  }
}

/**
 * One picture of a screen, window or tab that the customer chooses, or null when they choose none. `hidden`, say the
 * panel, is not seen while the picture is taken. Throws an Error with a translated message where it cannot be done.
 */
export async function captureScreen(t, hidden = null) {
  const isAllowed = document.featurePolicy?.allowsFeature('display-capture') ?? true;
  if (!isAllowed || !navigator.mediaDevices?.getDisplayMedia) throw new Error(t('editor.no_capture'));
  let stream;
  try {
    stream = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: false, selfBrowserSurface: 'include' });
  } catch (error) {
    if (error.name === 'NotAllowedError' || error.name === 'AbortError') return null;
    throw new Error(t('editor.no_capture'), { cause: error });
  }
  const shown = hidden?.style.visibility;
  try {
    if (hidden) hidden.style.visibility = 'hidden';
    return await frameOf(stream);
  } catch (error) {
    throw new Error(t('editor.no_capture'), { cause: error });
  } finally {
    if (hidden) hidden.style.visibility = shown;
    for (const track of stream.getTracks()) track.stop();
  }
}

async function frameOf(stream) {
  const video = h('video', { playsinline: '' });
  video.muted = true;
  video.srcObject = stream;
  await video.play();
  // The first frame may still show the browser's own question; a screen on which nothing moves has no second one.
  await new Promise((resolve) => {
    setTimeout(resolve, 500);
    video.requestVideoFrameCallback?.(() => video.requestVideoFrameCallback(() => setTimeout(resolve, 100)));
  });
  const canvas = canvasOf(video.videoWidth, video.videoHeight);
  canvas.getContext('2d').drawImage(video, 0, 0);
  video.srcObject = null;
  return encode(canvas);
}

async function read(blob, t) {
  try {
    const bitmap = await createImageBitmap(blob);
    const scale = Math.sqrt(MOST_PIXELS / (bitmap.width * bitmap.height));
    if (scale >= 1) return bitmap;
    const [resizeWidth, resizeHeight] = [bitmap.width, bitmap.height].map((n) => Math.max(1, Math.floor(n * scale)));
    bitmap.close();
    return await createImageBitmap(blob, { resizeWidth, resizeHeight, resizeQuality: 'high' });
  } catch (error) {
    throw new Error(t('editor.unreadable'), { cause: error });
  }
}

class Editor {
  constructor(root, bitmap, t) {
    this.t = t;
    this.bitmap = bitmap;
    this.size = { w: bitmap.width, h: bitmap.height };
    this.state = { crop: { l: 0, t: 0, r: this.size.w, b: this.size.h }, blacks: [] };
    this.past = [];
    this.zoom = 1;
    this.pointers = new Map();
    this.build(root);
    this.setMode('crop');
    this.fit();
    this.handles.l.focus();
  }

  get result() {
    return this.dialog.result.finally(() => this.resized.disconnect());
  }

  build(root) {
    const { t } = this;
    this.dialog = openDialog(root, {
      title: t('editor.title'),
      css: CSS,
      className: 'editor',
      onescape: (dialog) => (this.drag ? this.dropDrag() : dialog.close(null)),
    });
    const button = (text, onclick, className = '') => h('button', { type: 'button', class: className, onclick }, text);
    this.modes = {
      crop: button(t('editor.crop'), () => this.setMode('crop')),
      black: button(t('editor.black_out'), () => this.setMode('black')),
    };
    this.add = button(t('editor.add'), () => this.addBlack(), 'adds');
    this.undoButton = drawnButton(t('editor.undo'), UNDO, () => this.undo());
    const views = h('div', { class: 'row' }, this.undoButton,
      drawnButton(t('editor.zoom_out'), LENS, () => this.setZoom(this.zoom / 1.5)),
      drawnButton(t('editor.zoom_in'), `${LENS}M11 8v6`, () => this.setZoom(this.zoom * 1.5)),
      drawnButton(t('editor.fit'), CORNERED, () => this.setZoom(1)));
    const tools = h('div', { class: 'row' }, this.modes.crop, this.modes.black, this.add, h('span', { class: 'space' }), views);
    this.hint = h('p', { id: 'hint' });
    this.status = h('p', { role: 'status' });
    this.doneButton = button(t('editor.done'), () => this.finish(), 'main');
    const actions = h('div', { class: 'row' }, this.status, h('span', { class: 'space' }),
      button(t('editor.cancel'), () => this.dialog.close(null)), this.doneButton);
    this.dialog.element.append(tools, this.hint, this.buildStage(), actions);
    this.dialog.shadow.addEventListener('keydown', (event) => this.onKey(event));
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.stage);
  }

  buildStage() {
    const canvas = canvasOf(this.size.w, this.size.h);
    canvas.getContext('2d').drawImage(this.bitmap, 0, 0);
    this.frame = h('div', { class: 'frame' });
    this.handles = {};
    for (const [edge, name] of Object.entries(EDGES)) {
      const isAcross = edge === 'l' || edge === 'r';
      this.handles[edge] = h('div', { class: 'handle', 'data-edges': edge, role: 'slider', tabindex: 0, 'aria-label': this.t(name),
        'aria-orientation': isAcross ? 'horizontal' : 'vertical', 'aria-valuemin': 0, 'aria-valuemax': isAcross ? this.size.w : this.size.h, 'aria-describedby': 'hint' });
    }
    for (const edges of CORNERS) this.handles[edges] = h('div', { class: 'handle', 'data-edges': edges });
    this.blacks = h('div');
    this.sheet = h('div', { class: 'sheet' }, canvas, this.blacks, h('div', { class: 'clip' }, this.frame));
    this.sheet.append(...[...CORNERS, ...Object.keys(EDGES)].map((edges) => this.handles[edges]));
    this.stage = h('div', { class: 'stage' }, this.sheet);
    this.stage.addEventListener('pointerdown', (event) => this.onDown(event));
    this.stage.addEventListener('pointermove', (event) => this.onMove(event));
    this.stage.addEventListener('pointerup', (event) => this.onUp(event));
    this.stage.addEventListener('pointercancel', (event) => this.onUp(event, true));
    return this.stage;
  }

  // -- what is seen

  setMode(mode) {
    this.mode = mode;
    this.dialog.element.dataset.mode = mode;
    for (const [name, button] of Object.entries(this.modes)) button.setAttribute('aria-pressed', name === mode);
    this.hint.textContent = this.t(mode === 'crop' ? 'editor.hint_crop' : 'editor.hint_black');
    this.render();
  }

  fit() {
    const style = getComputedStyle(this.stage);
    const width = this.stage.clientWidth - parseFloat(style.paddingLeft) * 2;
    const height = this.stage.clientHeight - parseFloat(style.paddingTop) * 2;
    if (this.zoom === 1) this.fitted = Math.max(0.01, Math.min(width / this.size.w, height / this.size.h, 2));
    this.scale = this.fitted * this.zoom;
    this.sheet.style.width = `${this.size.w * this.scale}px`;
    this.sheet.style.height = `${this.size.h * this.scale}px`;
  }

  setZoom(zoom, at = null) {
    const box = this.stage.getBoundingClientRect();
    const x = at?.x ?? box.left + box.width / 2;
    const y = at?.y ?? box.top + box.height / 2;
    const before = this.point({ clientX: x, clientY: y });
    this.zoom = clamp(zoom, 1, 8);
    this.fit();
    const after = this.sheet.getBoundingClientRect();
    this.stage.scrollBy(after.left + before.x * this.scale - x, after.top + before.y * this.scale - y);
  }

  render() {
    const { crop, blacks } = this.state;
    this.place(this.frame, crop);
    const [middleX, middleY] = [(crop.l + crop.r) / 2, (crop.t + crop.b) / 2];
    for (const [edges, handle] of Object.entries(this.handles)) {
      const x = edges.includes('l') ? crop.l : edges.includes('r') ? crop.r : middleX;
      const y = edges.includes('t') ? crop.t : edges.includes('b') ? crop.b : middleY;
      handle.style.left = `${(x / this.size.w) * 100}%`;
      handle.style.top = `${(y / this.size.h) * 100}%`;
      if (!EDGES[edges]) continue;
      handle.setAttribute('aria-valuenow', Math.round(crop[edges]));
      handle.setAttribute('aria-valuetext', `${Math.round(crop[edges])} px: ${sizeOf(crop)}`);
    }
    while (this.blacks.children.length > blacks.length) this.blacks.lastChild.remove();
    while (this.blacks.children.length < blacks.length) this.blacks.append(h('div', { class: 'black', role: 'application', 'aria-describedby': 'hint' }));
    blacks.forEach((box, i) => {
      const element = this.blacks.children[i];
      this.place(element, box);
      element.tabIndex = this.mode === 'black' ? 0 : -1;
      element.setAttribute('aria-label', `${this.t('editor.black_out')} ${i + 1}: ${sizeOf(box)}`);
    });
    this.undoButton.setAttribute('aria-disabled', !this.past.length);
  }

  place(element, { l, t, r, b }) {
    const percent = (n, of) => `${(n / of) * 100}%`;
    element.style.left = percent(l, this.size.w);
    element.style.top = percent(t, this.size.h);
    element.style.width = percent(r - l, this.size.w);
    element.style.height = percent(b - t, this.size.h);
  }

  say(text) {
    this.status.textContent = text;
  }

  // -- what changes

  get least() {
    return Math.min(LEAST_PX, this.size.w, this.size.h);
  }

  show(state) {
    this.state = state;
    this.render();
  }

  /** Keeps the state from before a change; the presses of a key on one thing are undone together. */
  keep(before, tag = '') {
    if (!tag || tag !== this.lastTag) this.past.push(before);
    this.lastTag = tag;
    this.render();
  }

  change(state, tag = '') {
    const before = this.state;
    this.state = state;
    this.keep(before, tag);
  }

  undo() {
    if (!this.past.length) return;
    this.lastTag = '';
    const focused = this.focusedBlack();
    this.show(this.past.pop());
    if (focused >= 0 && !this.dialog.shadow.activeElement) this.focusBlack(focused);
    this.say(sizeOf(this.state.crop));
  }

  withBox(state, target, box) {
    if (target === 'crop') return { ...state, crop: box };
    return { ...state, blacks: state.blacks.map((old, i) => (i === target ? box : old)) };
  }

  addBlack() {
    const { l, t, r, b } = this.state.crop;
    const [w, h] = [Math.max(this.least, (r - l) / 4), Math.max(this.least, (b - t) / 8)];
    const [x, y] = [(l + r - w) / 2, (t + b - h) / 2];
    this.change({ ...this.state, blacks: [...this.state.blacks, { l: x, t: y, r: x + w, b: y + h }] });
    this.focusBlack(this.state.blacks.length - 1);
  }

  removeBlack(index) {
    this.change({ ...this.state, blacks: this.state.blacks.filter((_, i) => i !== index) });
    this.focusBlack(index);
  }

  focusedBlack() {
    return [...this.blacks.children].indexOf(this.dialog.shadow.activeElement);
  }

  focusBlack(index) {
    (this.blacks.children[Math.min(index, this.blacks.children.length - 1)] ?? this.add).focus();
  }

  // -- keyboard

  onKey(event) {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === 'z') {
      event.preventDefault();
      this.undo();
      return;
    }
    const edge = event.target.dataset?.edges;
    const black = this.focusedBlack();
    const did = edge ? this.nudgeEdge(event, edge) : black >= 0 && this.nudgeBlack(event, black);
    if (did) event.preventDefault();
  }

  nudgeEdge(event, edge) {
    const far = Math.max(this.size.w, this.size.h);
    const step = event.shiftKey ? 1 : this.step;
    const [x, y] = { Home: [-far, -far], End: [far, far] }[event.key] ?? (ARROWS[event.key] ?? [0, 0]).map((n) => n * step);
    if (!x && !y) return false;
    const crop = moved(this.state.crop, edge, x, y, this.size, this.least);
    this.change({ ...this.state, crop }, `crop ${edge}`);
    return true;
  }

  nudgeBlack(event, index) {
    if (event.key === 'Delete' || event.key === 'Backspace') {
      this.removeBlack(index);
      return true;
    }
    if (!ARROWS[event.key]) return false;
    const [x, y] = ARROWS[event.key].map((n) => n * this.step);
    const box = moved(this.state.blacks[index], event.shiftKey ? 'rb' : 'ltrb', x, y, this.size, this.least);
    this.change(this.withBox(this.state, index, box), `black ${index} ${event.shiftKey}`);
    this.say(sizeOf(box));
    return true;
  }

  get step() {
    return Math.max(1, Math.round(STEP_CSS_PX / this.scale));
  }

  // -- pointers: one changes a box or draws one, two move and zoom the picture

  point(event) {
    const box = this.sheet.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * this.size.w, y: ((event.clientY - box.top) / box.height) * this.size.h };
  }

  onDown(event) {
    if (event.button) return;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.pointers.size > 1) {
      this.dropDrag();
      return;
    }
    const at = this.point(event);
    const black = [...this.blacks.children].indexOf(event.target);
    const start = { from: at, before: this.state, id: event.pointerId };
    if (event.target.dataset.edges) this.drag = { ...start, target: 'crop', edges: event.target.dataset.edges };
    else if (black >= 0) this.drag = { ...start, target: black, edges: this.edgesAt(at, this.state.blacks[black], event) };
    else if (this.sheet.contains(event.target)) this.drag = { ...start, target: this.mode === 'crop' ? 'crop' : this.state.blacks.length, edges: '' };
    else return;
    this.stage.setPointerCapture(event.pointerId);
    event.preventDefault();
    if (event.target.tabIndex >= 0) event.target.focus();
  }

  /** Which edges of a black box are held; all of them, in its middle, move it. */
  edgesAt({ x, y }, box, event) {
    const reach = (event.pointerType === 'mouse' ? 8 : 16) / this.scale;
    const [atX, atY] = [Math.min(reach, (box.r - box.l) / 4), Math.min(reach, (box.b - box.t) / 4)];
    const across = x - box.l < atX ? 'l' : box.r - x < atX ? 'r' : '';
    const down = y - box.t < atY ? 't' : box.b - y < atY ? 'b' : '';
    return across + down || 'ltrb';
  }

  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    if (this.pointers.size > 1) this.pinch(event, before);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.drag?.id !== event.pointerId) return;
    const { from, before: state, target, edges } = this.drag;
    const to = this.point(event);
    if (edges) {
      const old = target === 'crop' ? state.crop : state.blacks[target];
      this.show(this.withBox(state, target, moved(old, edges, to.x - from.x, to.y - from.y, this.size, this.least)));
      return;
    }
    const box = drawn(from, to, this.size);
    if (box.r - box.l < this.least || box.b - box.t < this.least) this.show(state);
    else if (target === 'crop') this.show({ ...state, crop: box });
    else this.show({ ...state, blacks: [...state.blacks, box] });
  }

  pinch(event, before) {
    const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    const now = { x: event.clientX, y: event.clientY };
    const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
    this.stage.scrollBy((before.x - now.x) / 2, (before.y - now.y) / 2);
    const ratio = apart(now, other) / Math.max(1, apart(before, other));
    this.setZoom(this.zoom * ratio, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  }

  onUp(event, isCancelled = false) {
    this.pointers.delete(event.pointerId);
    if (this.drag?.id !== event.pointerId) return;
    if (isCancelled) {
      this.dropDrag();
      return;
    }
    const { before, target, edges } = this.drag;
    this.drag = null;
    if (this.state === before) return;
    this.keep(before);
    if (target !== 'crop' && !edges) this.focusBlack(target);
  }

  dropDrag() {
    if (this.drag) this.show(this.drag.before);
    this.drag = null;
  }

  // -- the new picture

  async finish() {
    if (this.isBusy) return;
    this.isBusy = true;
    this.doneButton.setAttribute('aria-disabled', 'true');
    try {
      this.dialog.close(await encode(drawResult(this.bitmap, this.state)));
    } catch (error) {
      this.dialog.fail(new Error(this.t('editor.failed'), { cause: error }));
    }
  }
}

function drawnButton(label, path, onclick) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.append(document.createElementNS(svg.namespaceURI, 'path'));
  svg.firstChild.setAttribute('d', path);
  return h('button', { type: 'button', 'aria-label': label, title: label, onclick }, svg);
}

function moved(box, edges, x, y, size, least) {
  if (edges === 'ltrb') {
    const [dx, dy] = [clamp(x, -box.l, size.w - box.r), clamp(y, -box.t, size.h - box.b)];
    return { l: box.l + dx, t: box.t + dy, r: box.r + dx, b: box.b + dy };
  }
  return {
    l: edges.includes('l') ? clamp(box.l + x, 0, box.r - least) : box.l,
    t: edges.includes('t') ? clamp(box.t + y, 0, box.b - least) : box.t,
    r: edges.includes('r') ? clamp(box.r + x, box.l + least, size.w) : box.r,
    b: edges.includes('b') ? clamp(box.b + y, box.t + least, size.h) : box.b,
  };
}

function drawn(from, to, { w, h: height }) {
  const [x1, x2, y1, y2] = [clamp(from.x, 0, w), clamp(to.x, 0, w), clamp(from.y, 0, height), clamp(to.y, 0, height)];
  return { l: Math.min(x1, x2), t: Math.min(y1, y2), r: Math.max(x1, x2), b: Math.max(y1, y2) };
}

/** The cut picture at its full size; a black box covers every pixel that it touches. */
function drawResult(bitmap, { crop, blacks }) {
  const [l, t] = [Math.floor(crop.l), Math.floor(crop.t)];
  const canvas = canvasOf(Math.ceil(crop.r) - l, Math.ceil(crop.b) - t);
  const context = canvas.getContext('2d');
  context.drawImage(bitmap, -l, -t);
  context.fillStyle = '#000';
  for (const box of blacks) {
    const [x, y] = [Math.floor(box.l), Math.floor(box.t)];
    context.fillRect(x - l, y - t, Math.ceil(box.r) - x, Math.ceil(box.b) - y);
  }
  return canvas;
}

/** PNG where that is small enough, else JPEG, else a smaller JPEG. */
async function encode(canvas) {
  checkReadable();
  const png = await toBlob(canvas, 'image/png');
  if (png.size <= MOST_BYTES) return new File([png], 'screenshot.png', { type: 'image/png' });
  let [jpeg, quality] = [await toBlob(canvas, 'image/jpeg', 0.9), 0.9];
  while (jpeg.size > MOST_BYTES) {
    if (quality > 0.6) quality -= 0.15;
    else {
      const smaller = canvasOf(Math.round(canvas.width * 0.75), Math.round(canvas.height * 0.75));
      smaller.getContext('2d').drawImage(canvas, 0, 0, smaller.width, smaller.height);
      canvas = smaller;
    }
    jpeg = await toBlob(canvas, 'image/jpeg', quality);
  }
  return new File([jpeg], 'screenshot.jpg', { type: 'image/jpeg' });
}

/** Browsers that resist fingerprinting give noise in place of a canvas; that must not be sent for a screenshot. */
function checkReadable() {
  const context = canvasOf(8, 8).getContext('2d');
  context.fillStyle = '#c00';
  context.fillRect(0, 0, 8, 8);
  const { data } = context.getImageData(0, 0, 8, 8);
  for (let i = 0; i < data.length; i += 4) {
    if (Math.abs(data[i] - 204) + data[i + 1] + data[i + 2] > 12) throw new Error('the canvas is not readable');
  }
}

function toBlob(canvas, type, quality) {
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(`no ${type}`))), type, quality),
  );
}

/** White below: where a picture is transparent, JPEG would turn it black. */
function canvasOf(width, height) {
  const canvas = h('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  return canvas;
}

function clamp(n, low, high) {
  return Math.max(low, Math.min(n, high));
}

/** Width and height, in this order also between words that are written from the right. */
function sizeOf({ l, t, r, b }) {
  return `\u2066${Math.round(r - l)} × ${Math.round(b - t)} px\u2069`;
}
