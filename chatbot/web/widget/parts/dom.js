// Elements without markup: text is always text, so nothing that anybody wrote can become an element.

/** Makes an element. Properties beginning with "on" are listeners, the others attributes; false and null are left out. */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  const given = properties || {};
  for (const name in given) if (Object.hasOwn(given, name)) set(element, name, given[name]);
  put(element, children);
  return element;
}

/** Sets one attribute or listener. */
export function set(element, name, value) {
  if (name.slice(0, 2) === 'on') element.addEventListener(name.slice(2), value);
  else if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? '' : value);
}

/** Appends texts and elements, nested lists too; false and null are left out. */
export function put(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) put(element, child);
    else if (child !== false && child !== null && child !== undefined) element.append(child);
  }
}

const ICONS = {
  close: 'M6 6l12 12M18 6 6 18',
  down: 'm6 9 6 6 6-6',
  back: 'm14 6-6 6 6 6',
  menu: 'M5 12h.01M12 12h.01M19 12h.01',
  send: 'M12 19V6m-6 6 6-6 6 6',
  stop: 'M8 8h8v8H8z',
  attach: 'm20 11-8.6 8.6a5 5 0 0 1-7-7L13 4a3.4 3.4 0 0 1 4.8 4.800l-8.5 8.500a1.8 1.8 0 0 1-2.5-2.500L14.5 7',
  capture: 'M4 8V5a1 1 0 0 1 1-1h3m8 0h3a1 1 0 0 1 1 1v3m0 8v3a1 1 0 0 1-1 1h-3m-8 0H5a1 1 0 0 1-1-1v-3m5-4h6m-3-3v6',
  record: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3Zm-6.5 8a6.5 6.5 0 0 0 13 0M12 18v3',
  good: 'M7 11v9H4v-9h3Zm0 0 4-8a2.2 2.2 0 0 1 2.2 2.600L12.6 9H18a2 2 0 0 1 2 2.400l-1.3 7a2 2 0 0 1-2 1.600H7',
  bad: 'M17 13V4h3v9h-3Zm0 0-4 8a2.2 2.2 0 0 1-2.2-2.600l.6-3.400H6a2 2 0 0 1-2-2.400l1.3-7A2 2 0 0 1 7.3 4H17',
  copy: 'M9 9V5a1 1 0 0 1 1-1h9a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-4M5 9h9a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1Z',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-8 9a8 8 0 0 1 16 0',
  file: 'M14 3H7a1 1 0 0 0-1 1v16a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V7l-4-4Zm0 0v4h4',
  edit: 'm4 20 .9-4L16 4.900l3.1 3.100L8 19.1 4 20Z',
  play: 'M8 5v14l11-7L8 5Z',
  chats: 'M4 5h16v11H9l-5 4V5Z',
  add: 'M12 5v14M5 12h14',
  save: 'M12 4v11m-5-4.5 5 5 5-5M5 20h14',
  star: 'm12 4 2.4 5.300 5.600.600-4.200 3.800 1.200 5.600-5-2.900-5 2.900 1.200-5.600L4 9.900l5.600-.600L12 4Z',
  bin: 'M5 7h14M10 7V4h4v3m-7 0 1 13h8l1-13',
};

/** A picture that says nothing to a screen reader. */
export function icon(name, size = 20) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  const drawn = { viewBox: '0 0 24 24', width: size, height: size, fill: 'none', stroke: 'currentColor', 'stroke-width': name === 'menu' ? 3 : 1.8,
    'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' };
  for (const part in drawn) svg.setAttribute(part, drawn[part]);
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows only a picture. */
export function iconButton(name, label, onclick, more) {
  return h('button', { type: 'button', class: 'icon', 'aria-label': label, title: label, onclick, ...more }, icon(name));
}

/** A picture drawn from bytes: no address, so that no Content-Security-Policy of the page forbids it. */
export async function picture(blob, alt) {
  const bitmap = await createImageBitmap(blob);
  const scale = Math.min(1, 640 / Math.max(bitmap.width, bitmap.height));
  const canvas = h('canvas', { role: 'img', 'aria-label': alt, class: 'picture' });
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

/** Saves bytes as a file of the customer's. */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  h('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
