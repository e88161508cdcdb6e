// A modal dialog in a shadow root of its own. Of the page and the panel around it, it knows only their colours.

import { h } from './dom.js';

const NAME = 'fd-dialog';
const COLOURS = ['accent', 'on-accent', 'surface', 'text', 'muted', 'border'];

// Kept from the page and the panel: shortcuts, closing by a click outside, paste and drop into the message.
const OWN_EVENTS = ['keydown', 'keyup', 'keypress', 'pointerdown', 'mousedown', 'click', 'paste', 'dragenter', 'dragover', 'drop'];

const CSS = `
:host { all: initial !important; display: contents !important; }
*, ::before, ::after { box-sizing: border-box; }
dialog {
  --accent: var(--fd-accent, #047857); --on-accent: var(--fd-on-accent, #fff); --surface: var(--fd-surface, #fff);
  --text: var(--fd-text, #18181b); --muted: var(--fd-muted, #52525b); --border: var(--fd-border, #e0e0e4);
  display: flex; flex-direction: column; gap: 12px; margin: auto; padding: 16px; border: 1px solid var(--border);
  border-radius: var(--fd-radius, 18px); background: var(--surface); color: var(--text); text-align: start;
  font: 15px/1.5 var(--fd-font, system-ui, sans-serif); overscroll-behavior: contain; max-width: 94vw; max-height: 94dvh;
}
dialog:not([open]), [hidden] { display: none !important; }
dialog::backdrop { background: rgb(0 0 0 / .6); }
h2 { margin: 0; font-size: 17px; }
p { margin: 0; color: var(--muted); font-size: 14px; overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.end { justify-content: flex-end; }
.space { flex: 1; }
button {
  min-height: 44px; min-width: 44px; padding: 8px 14px; border: 1px solid var(--border); border-radius: 10px;
  background: none; color: inherit; font: inherit; cursor: pointer; touch-action: manipulation;
}
button:hover { border-color: currentColor; }
button[aria-disabled=true] { opacity: .5; cursor: default; }
button[aria-pressed=true], .main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
:focus-visible { outline: 3px solid var(--text); outline-offset: 2px; }
@media (forced-colors: active) { button[aria-pressed=true], .main { border: 3px solid Highlight; } }
`;

/**
 * Opens an empty dialog inside `root`. `result` settles when it is closed, with null also when the panel around it
 * goes away. `onescape` may keep it open.
 */
export function openDialog(root, { title, css, className = '', onescape = (dialog) => dialog.close(null) }) {
  defineElement();
  const focused = deepestFocus();
  const host = document.createElement(NAME);
  const shadow = host.attachShadow({ mode: 'open' });
  shadow.adoptedStyleSheets = [CSS, css].map(sheet);
  const element = h('dialog', { class: className, 'aria-labelledby': 'title' }, h('h2', { id: 'title' }, title));
  dress(element, root.querySelector('[dir]') ?? root.host ?? root);
  shadow.append(element);

  let settle;
  const result = new Promise((resolve, reject) => (settle = { resolve, reject }));
  const end = (how, value) => {
    settle[how](value);
    if (!host.isConnected) return;
    element.close();
    host.remove();
    focused?.focus?.();
  };
  const dialog = {
    shadow,
    element,
    result,
    close: (value) => end('resolve', value),
    fail: (error) => end('reject', error),
  };
  host.gone = () => {
    settle.resolve(null);
    host.remove();
  };
  element.addEventListener('close', () => dialog.close(null));
  element.addEventListener('cancel', (event) => {
    event.preventDefault();
    onescape(dialog);
  });
  shadow.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      event.preventDefault();
      onescape(dialog);
    } else if (event.key === 'Tab') keepFocus(shadow, event);
  });
  for (const name of OWN_EVENTS) shadow.addEventListener(name, (event) => event.stopPropagation(), { passive: true });
  root.append(host);
  element.showModal();
  return dialog;
}

/** Theme, language and direction of the panel. */
function dress(element, panel) {
  const { style } = element;
  const look = getComputedStyle(panel);
  for (const name of COLOURS) {
    const colour = look.getPropertyValue(`--${name}`);
    if (colour) style.setProperty(`--${name}`, colour);
  }
  style.colorScheme = look.colorScheme;
  element.dir = look.direction;
  element.lang = panel.closest('[lang]')?.lang ?? '';
}

function sheet(css) {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}

function defineElement() {
  if (customElements.get(NAME)) return;
  const Dialog = class extends HTMLElement {
    disconnectedCallback() {
      this.gone();
    }
  };
  customElements.define(NAME, Dialog);
}

function deepestFocus() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}

function keepFocus(shadow, event) {
  const stops = [...shadow.querySelectorAll("button, input, [tabindex='0']")].filter(
    (e) => e.tabIndex >= 0 && e.getClientRects().length,
  );
  const [first, last] = [stops[0], stops.at(-1)];
  if (shadow.activeElement !== (event.shiftKey ? first : last)) return;
  event.preventDefault();
  (event.shiftKey ? last : first).focus();
}
