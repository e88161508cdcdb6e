"""What the widget's launcher costs the page around it: the main thread's CPU time of a load with and without it."""

import shutil
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from chatbot.bench import Result, bench_result
from chatbot.errors import SettingsError
from chatbot.settings import Settings
from chatbot.web.widget.files import WidgetFiles

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_LOADS = 21
_PARAGRAPHS = 60
_SCRIPT = '<script src="/widget/widget.js" async></script>'
_NAMES = {"TaskDuration": "task", "ScriptDuration": "script", "LayoutDuration": "layout"}
_SETTLED = """() => new Promise((resolve) => {
  let shifted = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) shifted += entry.value; })
    .observe({ type: 'layout-shift', buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => requestIdleCallback(() => resolve(shifted))));
})"""


def measure_launcher(_settings: Settings) -> Result:
    """Medians of loads of one page with and without the launcher, in turns; times are CPU time of its main thread.

    Raises:
        SettingsError: There is no Chromium, or no Playwright to drive it.
    """
    with _chromium() as browser, _site() as url:
        loads: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
        for turn in range(_LOADS + 1):
            for name in loads:
                cost = _load(browser, f"{url}/{name}")
                if turn:  # the first of each warms up
                    loads[name].append(cost)
    median = {
        name: {key: statistics.median(cost[key] for cost in costs) for key in costs[0]}
        for name, costs in loads.items()
    }
    metrics = {f"{key}_{name}_ms": median[name][key] for name in loads for key in _NAMES.values()}
    metrics |= {f"{key}_extra_ms": median["with"][key] - median["without"][key] for key in _NAMES.values()}
    metrics["layout_shift"] = max(cost["shift"] for cost in loads["with"])
    metrics["loads"] = _LOADS
    return bench_result("launcher", metrics, {"task": median["with"]["task"] / median["without"]["task"]})


def _load(browser: "Browser", url: str) -> dict[str, float]:
    """Milliseconds of a fresh page's load until it is idle, and its layout shift."""
    page = browser.new_page()
    try:
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})  # what it works, not what it waits
        before = {m["name"]: m["value"] for m in devtools.send("Performance.getMetrics")["metrics"]}
        page.goto(url, wait_until="load")
        shift = float(page.evaluate(_SETTLED))
        after = {m["name"]: m["value"] for m in devtools.send("Performance.getMetrics")["metrics"]}
    finally:
        page.close()
    return {ours: 1000 * (after[name] - before[name]) for name, ours in _NAMES.items()} | {"shift": shift}


@contextmanager
def _chromium() -> Iterator["Browser"]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        raise SettingsError("There is no Chromium on the path.", "Install one, such as Debian's `chromium`.")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise SettingsError(
            "Playwright is not installed.", "Install it: `pip install -c constraints.txt '.[bench]'`."
        ) from error
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _site() -> Iterator[str]:
    """A page of some text, with the launcher and without."""
    loader = WidgetFiles.read().loader
    text = "".join(f"<h2>Part {n}</h2><p>{'Words of a help page. ' * 20}</p>" for n in range(_PARAGRAPHS))
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Help</title><body>{text}'
    files = {
        "/with": (f"{page}{_SCRIPT}".encode(), "text/html"),
        "/without": (page.encode(), "text/html"),
        "/widget/widget.js": (loader.data, loader.media_type),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data, media_type = files.get(self.path, (b"", "text/plain"))
            self.send_response(200 if data else 404)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
