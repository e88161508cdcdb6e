// The demo page: who is signed in, and what the widget tells the page.
const isCustomer = new URLSearchParams(location.search).has('customer');
const log = document.querySelector('#log');
for (const link of document.querySelectorAll('[data-mode]')) {
  if ((link.dataset.mode === 'customer') === isCustomer) link.setAttribute('aria-current', 'page');
}
document.querySelector('#who').textContent = isCustomer
  ? 'You are signed in as Ann. Her conversations follow her to every browser.'
  : 'You are a visitor. Your conversations stay with this browser.';

(window.frontdesk ||= []).push((frontdesk) => {
  const getToken = () => fetch('/demo/token', { method: 'POST' }).then((response) => response.text());
  if (isCustomer) frontdesk.identify(getToken);
  for (const name of ['open', 'close', 'sent', 'message', 'unread', 'person', 'error']) {
    frontdesk.on(name, (detail) => {
      log.textContent += `${name} ${detail instanceof Error ? detail.message : JSON.stringify(detail) || ''}\n`;
      log.scrollTop = log.scrollHeight;
    });
  }
  const actions = { open: () => frontdesk.open(), close: () => frontdesk.close(), send: () => frontdesk.send('How long is the warranty on the Wren Out?') };
  for (const button of document.querySelectorAll('[data-do]')) button.addEventListener('click', actions[button.dataset.do]);
});
