"""The widget's files over HTTP: small, cached, readable from every site, and nothing else."""

import gzip
import json
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chatbot.settings import Settings
from chatbot.web.widget.files import FOLDER, WidgetFiles
from chatbot.web.widget.mount import add_widget
from chatbot.web_settings import WebSettings

FILES = WidgetFiles.read()
LATER = ("dialog", "editor", "proof", "recorder", "satisfaction")
PANEL = sorted(path.name for path in FOLDER.glob("parts/*") if path.stem not in LATER)
LANGUAGES = ("ar", "de", "en", "es", "fr", "ja", "zh")


def client(**web: object) -> TestClient:
    app = FastAPI()
    add_widget(app, Settings(web=WebSettings(**web)), "s" * 64)  # type: ignore[arg-type]
    return TestClient(app)


def size(*names: str) -> int:
    return sum(len(FILES.parts[name].zipped) for name in names)


def test_the_loader_is_under_3_kb_the_panel_under_30_and_everything_under_60() -> None:
    assert len(FILES.loader.zipped) < 3000
    assert size(*PANEL, "en.json") < 30_000
    assert len(FILES.loader.zipped) + size(*FILES.parts) < 60_000


def test_what_only_readers_of_the_code_need_is_not_sent() -> None:
    for path in [FOLDER / "widget.js", *FOLDER.glob("parts/*"), *FOLDER.glob("locales/*.json")]:
        kept = path.read_text(encoding="utf-8").replace("__BUILD__", FILES.build)
        file = FILES.loader if path.name == "widget.js" else FILES.parts[path.name]
        sent = file.data.decode()
        if path.suffix == ".json":
            assert json.loads(sent) == json.loads(kept)
            continue
        code, is_comment = [], False
        for line in map(str.strip, kept.splitlines()):
            is_comment = is_comment or line.startswith("/*")
            if line and not is_comment and not line.startswith("//"):
                code.append(line)
            is_comment = is_comment and not line.endswith("*/")
        assert sent.splitlines() == code, path.name


def test_the_loader_is_checked_for_changes_and_readable_everywhere() -> None:
    got = client().get("/widget/widget.js")
    assert got.status_code == 200
    assert got.headers["content-type"] == "text/javascript; charset=utf-8"
    assert got.headers["access-control-allow-origin"] == "*"
    assert got.headers["cross-origin-resource-policy"] == "cross-origin"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert re.search(r"max-age=(\d+)", got.headers["cache-control"])
    assert "immutable" not in got.headers["cache-control"]
    assert FILES.build in got.text
    assert "__BUILD__" not in got.text
    again = client().get("/widget/widget.js", headers={"If-None-Match": got.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", sorted(FILES.parts))
def test_a_part_of_this_build_is_kept_for_ever(name: str) -> None:
    got = client().get(f"/widget/{FILES.build}/{name}")
    assert got.status_code == 200
    assert "immutable" in got.headers["cache-control"]
    assert got.headers["access-control-allow-origin"] == "*"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-encoding"] == "gzip"
    assert got.content == FILES.parts[name].data


def test_a_client_without_gzip_gets_it_plain() -> None:
    for accepted in ("identity", "gzip;q=0", "br"):
        got = client().get(f"/widget/{FILES.build}/panel.js", headers={"Accept-Encoding": accepted})
        assert "content-encoding" not in got.headers
        assert got.content == FILES.parts["panel.js"].data
    assert gzip.decompress(FILES.parts["panel.js"].zipped) == FILES.parts["panel.js"].data


def test_a_page_from_before_an_update_still_finds_its_parts_but_does_not_keep_them() -> None:
    got = client().get("/widget/0123456789abcdef/panel.js")
    assert (got.status_code, got.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/nothing.js", "/mount.py", f"/{FILES.build}/mount.py", f"/{FILES.build}/..%2fmount.py",
        f"/{FILES.build}/%2e%2e/mount.py", f"/{FILES.build}/parts/panel.js",
        f"/{FILES.build}/widget.js", "/zzz/panel.js",
        f"/{FILES.build}/%2fetc%2fpasswd", f"/{FILES.build}/demo.html",
    ],
)  # fmt: skip
def test_nothing_else_is_served(path: str) -> None:
    assert client().get(f"/widget{path}").status_code == 404


def test_every_language_has_every_text_with_the_same_blanks() -> None:
    texts = {name: json.loads(FILES.parts[f"{name}.json"].data) for name in LANGUAGES}
    blanks = {key: set(re.findall(r"{\w+}", text)) for key, text in texts["en"].items()}
    for name in LANGUAGES:
        found = {key: set(re.findall(r"{\w+}", text)) for key, text in texts[name].items()}
        assert found == blanks, name
        assert all(text.strip() for text in texts[name].values()), name


def test_every_text_that_the_code_asks_for_is_there_and_no_other() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("parts/*.js"))
    texts = json.loads(FILES.parts["en.json"].data)
    asked = set(re.findall(r"\bt\('([\w.]+)'", code))
    assert asked <= set(texts)
    stages = {f"stage.{name}" for name in ("answering", "listening", "reading", "searching")}
    literals = set(re.findall(r"'([\w.]+)'", code)) | stages
    assert set(texts) <= literals


def test_no_file_makes_elements_of_text_or_talks_to_anybody_else() -> None:
    markup = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    )
    elsewhere = re.compile(r"https?://(?!www\.w3\.org/2000/svg)\w")
    for path in [FOLDER / "widget.js", *FOLDER.glob("parts/*.js")]:
        code = path.read_text(encoding="utf-8")
        assert not markup.search(code), path.name
        assert not elsewhere.search(code), path.name


def test_the_demo_page_is_only_for_this_machine() -> None:
    page = client().get("/demo")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert client().post("/demo/token").status_code == 200
    assert client().post("/demo/token", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client().get("/demo/demo.html").status_code == 404
    public = client(public_url="https://chat.example.com")
    assert public.get("/demo").status_code == 404
    assert public.post("/demo/token").status_code in (404, 405)
    assert public.get("/widget/widget.js").status_code == 200
