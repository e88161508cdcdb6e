// Reads the truth about a drawn screen from its document. `clip` is the part of the window that is in the picture.
(clip) => {
  const view = (r) => ({
    x: (r.left + r.width / 2 - clip.x) / clip.width, y: (r.top + r.height / 2 - clip.y) / clip.height,
    width: r.width / clip.width, height: r.height / clip.height,
  });
  const within = (r) => r.width > 1 && r.height > 1 && r.left >= clip.x - 2 && r.top >= clip.y - 2
    && r.right <= clip.x + clip.width + 2 && r.bottom <= clip.y + clip.height + 2;
  const onTop = (element, x, y) => { const top = document.elementFromPoint(x, y); return !!top && element.contains(top); };
  const uncovered = (element, r) => [0.1, 0.5, 0.9].every((share) => onTop(element, r.left + share * r.width, r.top + r.height / 2));
  const visible = (element) => { const r = element.getBoundingClientRect(); return within(r) && uncovered(element, r); };
  const all = (mark) => [...document.querySelectorAll(`[data-${mark}]`)];
  const colour = (element, property = "backgroundColor") => {
    const parts = getComputedStyle(element)[property].match(/[\d.]+/g).map(Number);
    return parts.slice(0, 3).map(Math.round);
  };
  const probe = document.createElement("i");
  document.body.append(probe);
  const resolved = (variable) => { probe.style.background = `var(--${variable})`; return String(colour(probe)); };
  const accent = resolved("accent"), danger = resolved("danger");
  probe.remove();

  const control = (e) => {
    const painted = e.tagName === "TR" ? e.firstElementChild : e;
    const style = getComputedStyle(e);
    return {
      kind: e.dataset.control, name: e.dataset.name, group: e.dataset.group || "", visible: visible(e),
      on: !!e.checked, active: !e.disabled && Number(style.opacity) > 0.9, filled: String(colour(painted)) === accent,
      wrong: String(colour(e, "borderBottomColor")) === danger && parseFloat(style.borderBottomWidth) > 2,
      rgb: colour(painted), ...view(e.getBoundingClientRect()),
    };
  };
  const filledShare = (e) => {
    const ring = getComputedStyle(e).backgroundImage.match(/([\d.]+)%/);
    if (ring) return Number(ring[1]) / 100;
    return e.firstElementChild.getBoundingClientRect().width / e.getBoundingClientRect().width;
  };
  const bubble = (e) => {
    const r = e.getBoundingClientRect(), around = e.parentElement.getBoundingClientRect();
    const right = r.left + r.width / 2 > around.left + around.width / 2;
    return { right, visible: visible(e), filled: String(colour(e)) === accent, rgb: colour(e), ...view(r) };
  };
  const seenText = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), lines = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!node.data.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const r = range.getClientRects()[0];
      if (r && within({ left: r.left, top: r.top, width: r.width, height: r.height, right: r.left + 4, bottom: r.bottom })
        && onTop(node.parentElement, r.left + Math.min(r.width / 2, 12), r.top + r.height / 2)) lines.push(node.data.trim());
    }
    return lines;
  };
  const heading = all("title").find(visible);
  return {
    title: heading ? heading.textContent : "", lines: seenText(), background: colour(document.body),
    controls: all("control").map(control),
    lights: all("light").map((e) => ({ name: e.dataset.light, rgb: colour(e), visible: visible(e), ...view(e.getBoundingClientRect()) })),
    parts: all("part").map((e) => ({ name: e.dataset.part, filled: String(colour(e)) === accent, rgb: colour(e), ...view(e.getBoundingClientRect()) })),
    facts: all("fact").filter(visible).map((e) => ({ kind: e.dataset.fact, value: e.textContent })),
    signs: all("sign").filter(visible).map((e) => e.dataset.sign),
    progress: all("progress").filter(visible).map(filledShare),
    ports: all("port").map((e) => ({ plugged: !!e.querySelector(".plug"), visible: within(e.getBoundingClientRect()), ...view(e.getBoundingClientRect()) })),
    antennas: all("antenna").filter((e) => onTop(e, e.getBoundingClientRect().left + 2, e.getBoundingClientRect().top + 12)).length,
    bodies: all("body").map((e) => colour(e)),
    displays: all("display").map((e) => ({ cracked: !!e.querySelector("[data-crack]"), lit: !!e.innerText.trim() })),
    consoles: all("console").map((e) => ({ paper: colour(e), ink: colour(e, "color") })),
    bubbles: all("bubble").map(bubble),
  };
}
