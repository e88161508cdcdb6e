"""A page of somebody else's, strict and hostile, that opens one part of the widget at a time."""

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page

from tests.conftest import ROOT

WIDGET = ROOT / "chatbot" / "web" / "widget"
PARTS = WIDGET / "parts"
LOCALES = WIDGET / "locales"
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src *; "
    "require-trusted-types-for 'script'"
)
HOSTILE_CSS = (
    "* { margin: 9px; color: lime !important; display: inline; font: 9px serif; transform: rotate(0.1deg) }"
)

_PAGE = """<!doctype html><html lang="{language}" dir="{direction}" data-theme="{theme}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Help</title>
<link rel="stylesheet" href="/host.css"><script type="module" src="/host.js"></script></head>
<body><main><h1>Help</h1><button id="start">Start</button>
<div id="panel"></div><p id="said"></p></main></body></html>"""

_CSS = """[data-theme=light] #panel { --fd-accent: #7a1f5c; --fd-on-accent: #fff; --fd-surface: #fffdf8;
--fd-text: #222;
--fd-muted: #5d5d5d; --fd-border: #cfc8ba; --fd-radius: 8px; --fd-font: Georgia, serif; color-scheme: light; }
[data-theme=dark] #panel { --fd-accent: #f0b429; --fd-on-accent: #1d1600; --fd-surface: #14171c; --fd-text: #f2f2f2;
--fd-muted: #b5bac2; --fd-border: #444b55; --fd-radius: 8px; --fd-font: sans-serif; color-scheme: dark; }
"""

# The page opens a part as the panel does, from a click, and keeps what came of it.
_SCRIPT = """
import * as editor from "/parts/editor.js";
import * as recorder from "/parts/recorder.js";
const texts = await (await fetch(`/texts/${document.documentElement.lang}.json`)).json();
const t = (key) => texts[key] ?? `MISSING ${key}`;
const root = document.querySelector("#panel").attachShadow({ mode: "open" });
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));
window.streams = [];
for (const name of ["getUserMedia", "getDisplayMedia"]) {
  const ask = navigator.mediaDevices?.[name]?.bind(navigator.mediaDevices);
  if (ask) navigator.mediaDevices[name] = async (...args) => {
    const stream = await ask(...args);
    window.streams.push(stream);
    return stream;
  };
}
window.keysOfPage = [];
document.addEventListener("keydown", (e) => keysOfPage.push(e.key));
const calls = {
  edit: (bytes) => editor.editScreenshot(root, new Blob([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))]), t),
  capture: () => editor.captureScreen(t, document.querySelector("h1")),
  record: (options) => recorder.recordVoice(root, t, options ?? undefined),
};
let next = [];
document.querySelector("#start").addEventListener("click", async () => {
  delete document.documentElement.dataset.outcome;
  const [call, argument] = next;
  try {
    const made = await calls[call](argument);
    window.made = made;
    const { type, size, name } = made ?? {};
    window.outcome = made ? { type, size, name, bytes: await base64(made) } : { none: true };
  } catch (error) {
    window.outcome = { error: error.message, cause: String(error.cause) };
    document.querySelector("#said").textContent = `${error.message} ${error.cause}`; // for whoever reads a failure
  }
  document.documentElement.dataset.outcome = "there";
});
window.prepare = (...call) => { next = call; };
document.documentElement.dataset.ready = "yes";
async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}
"""


class PartHost:
    """Serves the page, the parts and the texts on a free port; the query sets language, theme and policy."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.other_url = self.url.replace("127.0.0.1", "localhost")  # another origin, same page
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        body, media_type = response(address.path, query)
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Security-Policy", STRICT)
        if "policy" in query:
            self.send_header("Permissions-Policy", query["policy"])
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def response(path: str, query: dict[str, str]) -> tuple[bytes | None, str]:
    """Body and media type of what the page asks for."""
    folder, _, name = path.lstrip("/").partition("/")
    if folder == "parts" and (PARTS / name).is_file():
        return (PARTS / name).read_bytes(), "text/javascript"
    if folder == "texts" and (LOCALES / name).is_file():
        return (LOCALES / name).read_bytes(), "application/json"
    if path == "/host.js":
        return _SCRIPT.encode(), "text/javascript"
    if path == "/host.css":
        return (HOSTILE_CSS + _CSS).encode(), "text/css"
    if path == "/":
        language = query.get("language", "en")
        direction = "rtl" if language == "ar" else "ltr"
        page = _PAGE.format(language=language, direction=direction, theme=query.get("theme", "none"))
        return page.encode(), "text/html; charset=utf-8"
    return None, "text/plain"


def texts(language: str = "en") -> dict[str, str]:
    """What the parts say in a language."""
    found: dict[str, str] = json.loads((LOCALES / f"{language}.json").read_text("utf-8"))
    return found


def begin(page: Page, name: str, argument: Any = None) -> Locator:
    """Opens a part by a click, as the panel does; gives its dialog."""
    page.locator("html[data-ready]").wait_for(state="attached")
    page.evaluate("call => window.prepare(...call)", [name, argument])
    page.locator("#start").click()
    return page.get_by_role("dialog")


def outcome(page: Page) -> dict[str, Any]:
    """What the part came to, once it has."""
    page.locator("html[data-outcome]").wait_for(state="attached")
    found: dict[str, Any] = page.evaluate("window.outcome")
    return found


def picture_of(made: dict[str, Any]) -> Image.Image:
    """The picture that a part made."""
    assert "bytes" in made, made
    return Image.open(io.BytesIO(base64.b64decode(made["bytes"])))


def assert_clean(page: Page) -> None:
    """No finding of axe at all, nothing that the page's policy forbids, nothing wider than the window."""
    page.evaluate("document.getAnimations().forEach(a => a.cancel())")
    found = Axe().run(page, "#panel").response["violations"]
    faults = [f"{f['id']}: {n['html'][:200]} {n['failureSummary']}" for f in found for n in f["nodes"]]
    faults += page.evaluate("window.violations")
    assert not faults, "\n".join(faults)
    assert page.evaluate(
        """() => { const host = document.querySelector('#panel').shadowRoot.querySelector('fd-dialog');
            const dialog = host.shadowRoot.querySelector('dialog');
            return dialog.scrollWidth <= dialog.clientWidth && dialog.getBoundingClientRect().right <= innerWidth; }"""
    )
    assert "MISSING" not in page.get_by_role("dialog").inner_text()


def microphones_are_off(page: Page) -> bool:
    """Whether every stream that was ever given has ended."""
    off: bool = page.evaluate("streams.every(s => s.getTracks().every(t => t.readyState === 'ended'))")
    return off
