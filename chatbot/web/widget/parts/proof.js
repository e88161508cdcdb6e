// Proof of work: a nonce whose SHA-256 after the challenge begins with zero bits. Loaded where the server asks for it.

const BATCH = 20000;
const SLICE_MS = 12;
const SILENT_MS = 3000;
const MOST_STEPS = 4;

/** Makes a search that tries so many nonces and gives the right one, or ''. Also a worker's text: it uses nothing of this file. */
function searcher(challenge, bits) {
  const NINE = 57;
  const DIGITS = 12;
  const rounds = new Int32Array(64);
  const begin = new Int32Array(8);
  const words = new Int32Array(64);
  for (let n = 0, number = 2; n < 64; number += 1) {
    let isPrime = true;
    for (let by = 2; by * by <= number; by += 1) if (number % by === 0) isPrime = false;
    if (isPrime) {
      if (n < 8) begin[n] = (Math.sqrt(number) % 1) * 2 ** 32;
      rounds[n] = (Math.cbrt(number) % 1) * 2 ** 32;
      n += 1;
    }
  }
  const turn = (x, by) => (x >>> by) | (x << (32 - by));
  /** Takes the 64 bytes from `at` into the state. */
  const compress = (state, data, at) => {
    for (let i = 0; i < 16; i += 1) {
      const from = at + 4 * i;
      words[i] = (data[from] << 24) | (data[from + 1] << 16) | (data[from + 2] << 8) | data[from + 3];
    }
    for (let i = 16; i < 64; i += 1) {
      const a = words[i - 15];
      const b = words[i - 2];
      words[i] = words[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + words[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
    }
    let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (let i = 0; i < 64; i += 1) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + rounds[i] + words[i]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
    }
    state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e; state[5] += f; state[6] += g; state[7] += h;
  };
  // The challenge and its colon, then digits that count up, then what every message ends with: a one, zeros, its length.
  const first = challenge.length + 1;
  const length = first + DIGITS;
  const size = Math.ceil((length + 9) / 64) * 64;
  const data = new Uint8Array(size);
  for (let i = 0; i < challenge.length; i += 1) data[i] = challenge.charCodeAt(i);
  data[first - 1] = 58;
  data.fill(48, first, length);
  data[length] = 128;
  new DataView(data.buffer).setUint32(size - 4, length * 8);
  const same = Math.floor(first / 64) * 64;
  for (let at = 0; at < same; at += 64) compress(begin, data, at);
  const state = new Int32Array(8);
  return (tries) => {
    for (let left = tries; left > 0; left -= 1) {
      state.set(begin);
      for (let at = same; at < size; at += 64) compress(state, data, at);
      let nonce = '';
      if (Math.clz32(state[0]) >= bits) for (let i = first; i < length; i += 1) nonce += data[i] - 48;
      let at = length - 1;
      for (; data[at] === NINE; at -= 1) data[at] = 48;
      data[at] += 1;
      if (nonce) return nonce;
    }
    return '';
  };
}

/** Beside the page, where its policy lets workers be; else this fails. */
function inWorker(challenge, bits, tell) {
  const text = `const search = (${searcher})(${JSON.stringify(challenge)}, ${bits});
for (let nonce = ''; !nonce;) { nonce = search(${BATCH}); postMessage(nonce); }`;
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  let worker, silent;
  return new Promise((resolve, reject) => {
    worker = new Worker(url);
    silent = setTimeout(reject, SILENT_MS); // some policies are told of by nothing
    worker.onerror = (event) => { event.preventDefault(); reject(event); };
    worker.onmessage = ({ data }) => {
      clearTimeout(silent);
      tell(BATCH);
      if (data) resolve(data);
    };
  }).finally(() => {
    clearTimeout(silent);
    worker?.terminate();
    URL.revokeObjectURL(url);
  });
}

/** On the page's own thread, which is left free after each short slice. */
async function inSlices(challenge, bits, tell) {
  const search = searcher(challenge, bits);
  for (;;) {
    for (const ends = performance.now() + SLICE_MS; performance.now() < ends;) {
      const nonce = search(BATCH / 100);
      if (nonce) return nonce;
      tell(BATCH / 100);
    }
    await new Promise((resolve) => { setTimeout(resolve); });
  }
}

/** Finds a nonce; `told` hears how likely it is, in whole steps of percent, that it had been found by now. */
export async function solve(challenge, bits, told) {
  let tried = 0;
  let step = 0;
  const tell = (more) => {
    tried += more;
    const likely = Math.floor(MOST_STEPS * (1 - Math.exp(-tried / 2 ** bits)));
    if (likely > step) told((100 * (step = likely)) / MOST_STEPS);
  };
  told(0);
  return inWorker(challenge, bits, tell).catch(() => inSlices(challenge, bits, tell));
}
