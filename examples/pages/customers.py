"""Make the customers' screenshots: the same interface with other values, themes and windows, then mishandled.

Writes ``examples/screenshots`` with its ``screenshots.jsonl``. The same seed, Chromium and fonts give the
same pictures.
"""

import argparse
import io
import json
from pathlib import Path

import numpy as np
from effects import Effect
from PIL import Image
from playwright.sync_api import Browser
from render import HERE, chromium, find_chromium, open_page, save_png
from shots import SHOTS, Shot

OUT = HERE.parent / "screenshots"
FILL = """({fill, html, hide, bar}) => {
  const slots = (name) => document.querySelectorAll(`[data-v="${name}"]`);
  for (const [name, text] of Object.entries(fill))
    for (const slot of slots(name)) { slot.textContent = text; slot.classList.remove("hidden"); }
  for (const [name, markup] of Object.entries(html))
    for (const slot of slots(name)) slot.innerHTML = markup;
  for (const name of hide)
    for (const slot of slots(name)) slot.classList.add("hidden");
  for (const slot of slots("bar"))
    slot.style.width = bar || slot.style.width;
}"""


def photograph(
    browser: Browser, name: str, shot: Shot, size: tuple[int, int], fill: dict[str, str], element: str = ""
) -> Image.Image:
    """A page, or one element of it, with the shot's values filled in."""
    page = open_page(browser, name, size, shot.scale, shot.theme)
    values = {"fill": fill, "html": shot.html, "hide": shot.hide, "bar": shot.bar}
    page.evaluate(FILL, values)
    if element:
        data = page.locator(element).screenshot(omit_background=name == "notification")
    else:
        data = page.screenshot(animations="disabled", caret="hide")
    page.close()
    return Image.open(io.BytesIO(data))


def take(browser: Browser, shot: Shot) -> Image.Image:
    """Photograph the page and put the browser window and the notification around it."""
    screen = photograph(browser, shot.page, shot, shot.size, shot.fill, shot.element).convert("RGB")
    if shot.address:
        fill = {"url": shot.address, "tab": shot.tab, "other": shot.other_tab}
        chrome = photograph(browser, "browser", shot, (shot.size[0], 82), fill).convert("RGB")
        window = Image.new("RGB", (screen.width, screen.height + chrome.height))
        window.paste(chrome, (0, 0))
        window.paste(screen, (0, chrome.height))
        screen = window
    if shot.message:
        fill = {"from": shot.sender, "message": shot.message}
        width = min(shot.size[0], 370)
        note = photograph(browser, "notification", shot, (width, 120), fill, "body").convert("RGBA")
        left = (screen.width - note.width) // 2 if shot.size[0] < 500 else screen.width - note.width
        screen.paste(note, (left, round(shot.message_top * shot.scale)), note)
    return screen


def mishandle(image: Image.Image, effects: tuple[Effect, ...], rng: np.random.Generator) -> Image.Image:
    """Apply the effects in order."""
    for effect in effects:
        image = effect(image, rng)
    return image


def save(image: Image.Image, path: Path, quality: int) -> None:
    """Write the picture in the format that its name asks for."""
    if path.suffix == ".png":
        save_png(image, path)
    elif path.suffix == ".webp":
        image.save(path, quality=quality, method=6)
    else:
        image.save(path, quality=quality, optimize=True)


def main() -> None:
    """Make every customer screenshot and the list of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the pictures")
    parser.add_argument("--seed", type=int, default=7, help="seed of grain and noise (default: 7)")
    parser.add_argument("--chromium", default=find_chromium(), help="path of the Chromium to use")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with chromium(args.chromium) as browser:
        for number, shot in enumerate(SHOTS):
            rng = np.random.default_rng(args.seed + number)
            target = args.out / shot.image
            save(mishandle(take(browser, shot), shot.effects, rng), target, shot.quality)
            row = {"image": shot.image, "relevant": shot.relevant, "text": shot.text, "visible": shot.visible}
            lines.append(json.dumps(row, ensure_ascii=False))
            print(f"{shot.image}: {target.stat().st_size // 1024} KB")
    (args.out / "screenshots.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
