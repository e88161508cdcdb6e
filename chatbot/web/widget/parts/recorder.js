// The voice recorder: a take that can be heard before it is used. It knows nothing of uploads and transcripts.

import { openDialog } from './dialog.js';
import { h } from './dom.js';

const LIMIT_S = 300;
const LAST_S = 30;
const BARS = 40;
const TICK_MS = 60;
const PIECE_MS = 250;
const BITS_PER_SECOND = 32_000;
const PLAYED_HZ = 24_000; // what five minutes are decoded to: 29 MB
const QUIETEST_DB = -60;
const UNHEARD = 0.15; // a level that no voice stays below: -51 dB
const TYPES = ['audio/webm;codecs=opus', 'audio/mp4;codecs=mp4a.40.2', 'audio/mp4', 'audio/ogg;codecs=opus', 'audio/webm'];

const CSS = `
.recorder { width: 440px; overflow-y: auto; }
.bars { display: flex; gap: 3px; height: 72px; direction: ltr; }
.bars span { flex: 1; border-radius: 3px; background: var(--muted); transform: scaleY(.05); }
.bars .on { background: var(--accent); }
.time { font-variant-numeric: tabular-nums; font-size: 20px; text-align: center; direction: ltr; }
.recording .time::before { content: '●'; margin-inline-end: .4em; color: #d3222a; }
input { flex: 1; min-width: 100px; height: 44px; margin: 0; accent-color: var(--accent); direction: ltr; }
.problem { color: var(--text); font-weight: 600; }
@media (prefers-reduced-motion: no-preference) {
  .bars span { transition: transform 60ms linear; }
  .recording .time::before { animation: pulse 1.6s infinite; }
  @keyframes pulse { 50% { opacity: .25; } }
}
@media (forced-colors: active) { .bars span { background: GrayText; } .bars .on { background: Highlight; } }
`;

/**
 * Lets the customer record a voice note, hear it and record it again.
 *
 * Resolves with the sound, or with null when the customer discards it. Throws an Error with a translated reason where
 * there is no microphone to be had. The microphone is open only while a take runs.
 */
export async function recordVoice(root, t, { limit_s = LIMIT_S } = {}) {
  const reason = whyImpossible();
  if (reason) throw new Error(t(reason));
  return new Recorder(root, t, limit_s).run();
}

function whyImpossible() {
  if (!window.isSecureContext) return 'recorder.insecure';
  if (!navigator.mediaDevices?.getUserMedia || typeof MediaRecorder === 'undefined') return 'recorder.unsupported';
  if (document.featurePolicy?.allowsFeature('microphone') === false) return 'recorder.embed';
  return '';
}

async function openMicrophone(t) {
  try {
    const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const reason = { NotAllowedError: 'recorder.denied', SecurityError: 'recorder.denied', NotFoundError: 'recorder.no_device' }[error.name] ?? 'recorder.busy';
    // A browser that does not tell an embed what its page allows refuses for either reason with the same error.
    const isUnsure = reason === 'recorder.denied' && window.top !== window && !document.featurePolicy;
    throw new Error(isUnsure ? `${t(reason)} ${t('recorder.embed')}` : t(reason), { cause: error });
  }
}

/**
 * One recording while it runs. `began` resolves when sound comes in: some microphones need a second to wake up.
 * `ended` resolves with the sound however it ends, after the microphone is let go.
 */
class Take {
  constructor(stream) {
    this.stream = stream;
    this.startedAt = performance.now();
    this.levels = [];
    const type = TYPES.find((known) => MediaRecorder.isTypeSupported(known));
    this.recorder = new MediaRecorder(stream, { mimeType: type, audioBitsPerSecond: BITS_PER_SECOND });
    const pieces = [];
    this.recorder.addEventListener('dataavailable', ({ data }) => data.size && pieces.push(data));
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.release();
        resolve(asFile(pieces, this.recorder.mimeType || type));
      };
      this.recorder.addEventListener('stop', end);
      this.recorder.addEventListener('error', end);
    });
    stream.getTracks().forEach((track) => track.addEventListener('ended', () => this.stop()));
    this.context = new AudioContext();
    this.analyser = this.context.createAnalyser();
    this.samples = new Float32Array(this.analyser.fftSize);
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    this.context.resume();
    this.recorder.start(PIECE_MS);
    this.began = this.begin(pieces);
  }

  /** Most are heard at once; one that is muted gives pieces of silence a little later. */
  async begin(pieces) {
    while (!pieces.length && !this.measure() && this.recorder.state !== 'inactive') await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    this.levels = [];
    this.startedAt = performance.now();
  }

  get elapsed_s() {
    return (performance.now() - this.startedAt) / 1000;
  }

  /** How loud it is now, from 0 to 1. */
  measure() {
    this.analyser.getFloatTimeDomainData(this.samples);
    this.levels.push(levelOf(this.samples));
    return this.levels.at(-1);
  }

  stop() {
    if (this.recorder.state !== 'inactive') this.recorder.stop();
  }

  release() {
    this.stream.getTracks().forEach((track) => track.stop());
    if (this.context.state !== 'closed') this.context.close().catch(() => {}); // it may be closing
  }
}

/** Plays a take from anywhere in it. Web Audio needs nothing from the page's Content-Security-Policy; `<audio>` would. */
class Player {
  constructor(buffer, onend) {
    this.buffer = buffer;
    this.onend = onend;
    this.from_s = 0;
  }

  static async of(blob, onend) {
    const decoder = new OfflineAudioContext(1, 1, PLAYED_HZ);
    return new Player(await decoder.decodeAudioData(await blob.arrayBuffer()), onend);
  }

  get isPlaying() {
    return Boolean(this.source);
  }

  get at_s() {
    const moved = this.isPlaying ? this.context.currentTime - this.startedAt : 0;
    return Math.min(this.from_s + moved, this.buffer.duration);
  }

  play() {
    this.context ??= new AudioContext();
    this.context.resume();
    if (this.from_s >= this.buffer.duration - 0.05) this.from_s = 0;
    this.source = this.context.createBufferSource();
    this.source.buffer = this.buffer;
    this.source.connect(this.context.destination);
    this.source.addEventListener('ended', ({ target }) => {
      if (target !== this.source) return;
      this.pause();
      this.from_s = this.buffer.duration;
      this.onend();
    });
    this.startedAt = this.context.currentTime;
    this.source.start(0, this.from_s);
  }

  pause() {
    const [source, at_s] = [this.source, this.at_s];
    this.source = null;
    source?.stop();
    this.from_s = at_s;
  }

  seek(at_s) {
    const wasPlaying = this.isPlaying;
    this.pause();
    this.from_s = at_s;
    if (wasPlaying) this.play();
  }

  close() {
    this.pause();
    this.context?.close();
  }
}

class Recorder {
  constructor(root, t, limit_s) {
    this.t = t;
    this.limit_s = limit_s;
    this.isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.dialog = openDialog(root, {
      title: t('record'),
      css: CSS,
      className: 'recorder',
      onescape: (dialog) => (this.phase === 'recording' ? this.take.stop() : dialog.close(null)),
    });
    this.build();
  }

  /** The whole visit: until the dialog is closed, whichever way. */
  async run() {
    const leave = () => this.dialog.close(null);
    window.addEventListener('pagehide', leave);
    this.start().catch((error) => this.dialog.fail(error));
    try {
      return await this.dialog.result;
    } finally {
      this.isOver = true;
      window.removeEventListener('pagehide', leave);
      clearInterval(this.ticking);
      this.take?.release();
      this.player?.close();
    }
  }

  build() {
    this.bars = h('div', { class: 'bars' }, ...Array.from({ length: BARS }, () => h('span')));
    this.time = h('div', { class: 'time' });
    this.seeker = h('input', { type: 'range', min: 0, step: 'any', 'aria-label': this.t('recorder.position') });
    this.seeker.addEventListener('input', () => {
      this.player.seek(Number(this.seeker.value));
      this.showPosition();
    });
    this.playButton = this.button('play', () => this.togglePlay());
    this.playRow = h('div', { class: 'row' }, this.playButton, this.seeker);
    this.status = h('p', { role: 'status' });
    this.actions = h('div', { class: 'row end' });
    this.dialog.element.append(this.bars, this.time, this.playRow, this.status, this.actions);
  }

  button(key, onclick, className = '') {
    return h('button', { type: 'button', class: className, onclick }, this.t(key));
  }

  /** What can be done now; the last is what one wants most, and has the focus. */
  offer(phase, ...buttons) {
    this.phase = phase;
    this.dialog.element.classList.toggle('recording', phase === 'recording');
    this.playRow.hidden = phase !== 'review' || !this.player;
    const meter = { role: 'meter', 'aria-label': this.t('recorder.level'), 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 0 };
    for (const [name, value] of Object.entries(meter)) {
      if (phase === 'recording') this.bars.setAttribute(name, value);
      else this.bars.removeAttribute(name);
    }
    this.bars.hidden = this.time.hidden = phase === 'asking';
    this.actions.replaceChildren(...buttons);
    buttons.at(-1).focus();
  }

  say(key, isProblem = false) {
    this.status.textContent = key && this.t(key);
    this.status.classList.toggle('problem', isProblem);
  }

  async start() {
    this.player?.pause();
    this.say('recorder.asking');
    this.offer('asking', this.button('editor.cancel', () => this.dialog.close(null)));
    const stream = await openMicrophone(this.t);
    if (this.isOver) {
      stream.getTracks().forEach((track) => track.stop());
      return;
    }
    try {
      this.take = new Take(stream);
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      throw new Error(this.t('recorder.unsupported'), { cause: error });
    }
    await this.take.began;
    if (!this.isOver) this.record(this.take);
  }

  record(take) {
    this.say('recorder.recording');
    this.offer('recording', this.button('editor.cancel', () => this.dialog.close(null)), this.button('stop', () => take.stop(), 'main'));
    this.ticking = setInterval(() => this.tick(take), TICK_MS);
    this.tick(take);
    take.ended.then((sound) => this.review(take, sound));
  }

  tick(take) {
    const level = take.measure();
    const elapsed_s = take.elapsed_s;
    this.drawBars(this.isCalm ? Array(Math.round(level * BARS)).fill(0.5) : take.levels.slice(-BARS), !this.isCalm);
    this.bars.setAttribute('aria-valuenow', Math.round(level * 100));
    this.time.textContent = `${clock(elapsed_s)} / ${clock(this.limit_s)}`;
    if (this.limit_s > 2 * LAST_S && elapsed_s > this.limit_s - LAST_S && !take.isWarned) {
      take.isWarned = true;
      this.say('recorder.ending');
    }
    if (elapsed_s >= this.limit_s) take.stop();
  }

  async review(take, sound) {
    clearInterval(this.ticking);
    this.take = null;
    if (this.isOver) return;
    this.player?.close();
    this.player = null;
    if (sound.size) this.player = await Player.of(sound, () => this.showPosition()).catch(() => null); // it can be used unheard
    if (this.isOver) {
      this.player?.close();
      return;
    }
    this.sound = sound;
    this.levels = this.player ? shape(this.player.buffer.getChannelData(0)) : [];
    this.length_s = this.player?.buffer.duration ?? take.elapsed_s;
    this.seeker.max = this.length_s;
    this.offerReview();
    const isUnheard = !sound.size || (this.player && Math.max(...this.levels) < UNHEARD);
    this.say(isUnheard ? 'recorder.unheard' : 'recorder.recorded', isUnheard);
  }

  offerReview() {
    this.offer(
      'review',
      this.button('recorder.discard', () => this.dialog.close(null)),
      this.button('recorder.again', () => this.again()),
      ...(this.sound.size ? [this.button('recorder.use', () => this.dialog.close(this.sound), 'main')] : []),
    );
    this.showPosition();
  }

  /** The take before is kept until the microphone is open again. */
  again() {
    clearInterval(this.ticking);
    this.start().catch((error) => {
      if (this.isOver) return;
      this.offerReview();
      this.say('');
      this.status.textContent = error.message;
      this.status.classList.add('problem');
    });
  }

  togglePlay() {
    if (this.player.isPlaying) this.player.pause();
    else this.player.play();
    this.showPosition();
  }

  showPosition() {
    const at_s = this.player?.at_s ?? this.length_s;
    const isPlaying = Boolean(this.player?.isPlaying);
    this.time.textContent = `${clock(at_s)} / ${clock(this.length_s)}`;
    this.seeker.value = at_s;
    this.seeker.setAttribute('aria-valuetext', this.time.textContent);
    this.playButton.textContent = this.t(isPlaying ? 'stop' : 'play');
    this.drawBars(this.levels, true, (at_s / this.length_s) * BARS);
    clearInterval(this.ticking);
    if (isPlaying) this.ticking = setInterval(() => this.showPosition(), TICK_MS);
  }

  /** Bars in the order of time, the latest on the right; those before `lit` in the accent's colour. */
  drawBars(levels, isRight, lit = BARS) {
    const before = isRight ? BARS - levels.length : 0;
    [...this.bars.children].forEach((bar, i) => {
      const level = levels[i - before] ?? 0;
      bar.style.transform = `scaleY(${Math.max(0.05, level)})`;
      bar.classList.toggle('on', level > 0 && i < lit);
    });
  }
}

/** The loudest moments of a whole take, in as many bars as there are. */
function shape(samples) {
  const moment = Math.ceil(PLAYED_HZ / 20);
  const levels = Array(BARS).fill(0);
  for (let from = 0; from < samples.length; from += moment) {
    const bar = Math.floor((from / samples.length) * BARS);
    levels[bar] = Math.max(levels[bar], levelOf(samples.subarray(from, from + moment)));
  }
  return levels;
}

/** How loud samples are, from 0 to 1, as ears count. */
function levelOf(samples) {
  const power = samples.reduce((sum, s) => sum + s * s, 0) / samples.length;
  return clamp(1 - (10 * Math.log10(power + 1e-12)) / QUIETEST_DB);
}

function asFile(pieces, mimeType) {
  const type = mimeType.split(';')[0];
  const ending = { 'audio/mp4': 'm4a', 'audio/ogg': 'ogg' }[type] ?? 'webm';
  return new File(pieces, `voice.${ending}`, { type });
}

function clock(seconds) {
  const whole = Math.floor(seconds + 0.001);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

function clamp(n) {
  return Math.max(0, Math.min(1, n));
}
