"""Render the article images from the HTML pages beside this file, in Chromium.

Every page becomes one PNG with a palette of at most 256 colours, so that each stays small. The same
Chromium and fonts give the same bytes.
"""

import argparse
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parent / "articles" / "images"
DESKTOP = (1100, 700)
PHONE = (426, 820)
PHONES = ("app-home", "add-dot", "dot-too-far", "family-schedule")
PAGES = (
    "signin", "two-step", "account-locked", "billing-invoices", "payment-declined", "subscription",
    "app-home", "add-dot", "dot-too-far", "admin-login", "admin-internet", "admin-wifi", "guest-network",
    "firmware-update", "firmware-failed", "family-schedule", "port-forwarding", "vpn-home",
)  # fmt: skip
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb", "--disable-lcd-text",
    "--font-render-hinting=none",
)  # fmt: skip


def find_chromium() -> str | None:
    """The installed Chromium, or nothing for the one that Playwright brings."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def chromium(path: str | None) -> Iterator[Browser]:
    """A headless Chromium for as long as the block runs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def open_page(
    browser: Browser, name: str, size: tuple[int, int], scale: float = 1, theme: str = "light"
) -> Page:
    """Open one of the HTML pages in a window of its own."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, device_scale_factor=scale)
    page.goto((HERE / f"{name}.html").as_uri())
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    return page


def picture(page: Page) -> Image.Image:
    """The visible part of a page."""
    return Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")


def save_png(image: Image.Image, path: Path) -> None:
    """Save with a palette: interfaces have few colours, and the file gets several times smaller."""
    colours = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colours.save(path, optimize=True)


def main() -> None:
    """Render the chosen pages, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="names without .html (default: all)")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for the images")
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help="default: light")
    parser.add_argument("--scale", type=float, default=1, help="pixels per CSS pixel (default: 1)")
    parser.add_argument("--chromium", default=find_chromium(), help="path of the Chromium to use")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with chromium(args.chromium) as browser:
        for name in args.pages or PAGES:
            size = PHONE if name in PHONES else DESKTOP
            page = open_page(browser, name, size, args.scale, args.theme)
            target = args.out / f"{name}.png"
            save_png(picture(page), target)
            overflow = page.evaluate("document.documentElement.scrollHeight - innerHeight")
            page.close()
            note = f", {overflow} px below the edge" if overflow > 0 else ""
            print(f"{target.name}: {target.stat().st_size // 1024} KB{note}")


if __name__ == "__main__":
    main()
