"""The widget's files as they go over the wire: read once, without comments, named by a hash of all, compressed once.

It knows nothing of HTTP.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
LOADER = "widget.js"
_BUILD_MARK = b"__BUILD__"
_HASH_CHARS = 16
_UNSENT = re.compile(r"^\s*(?:(?://.*|/\*[\s\S]*?\*/)\n)?", re.MULTILINE)
_MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class WidgetFile:
    """One file; `etag` names its content."""

    name: str
    data: bytes
    zipped: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, name: str, data: bytes) -> "WidgetFile":
        """A file with this content."""
        return cls(
            name=name,
            data=data,
            zipped=gzip.compress(data, 9, mtime=0),
            media_type=_MEDIA_TYPES[Path(name).suffix],
            etag=f'"{hashlib.sha256(data).hexdigest()[:_HASH_CHARS]}"',
        )


@dataclass(frozen=True, slots=True)
class WidgetFiles:
    """The loader, and the parts that it and its parts load by name; `build` changes with any of them."""

    build: str
    loader: WidgetFile
    parts: Mapping[str, WidgetFile]

    @classmethod
    def read(cls, folder: Path = FOLDER) -> "WidgetFiles":
        """Everything in `parts/` and `locales/`; the loader is told the build."""
        paths = [*folder.glob("parts/*"), *folder.glob("locales/*.json")]
        named = {path.name: _slim(path) for path in sorted(paths) if path.suffix in _MEDIA_TYPES}
        loader = _slim(folder / LOADER)
        build = _build_of({LOADER: loader, **named})
        parts = {name: WidgetFile.of(name, data) for name, data in named.items()}
        return cls(build, WidgetFile.of(LOADER, loader.replace(_BUILD_MARK, build.encode())), parts)


def _slim(path: Path) -> bytes:
    """A file without what only its readers need: lines of comments, indentation, empty lines.

    Strings that span lines lose their indentation too; there are none but style sheets.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        text = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    return _UNSENT.sub("", text).encode()


def _build_of(named: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in named.items():
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:_HASH_CHARS]
