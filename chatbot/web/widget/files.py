"""The widget's files as they go over the wire: read once, named by a hash of all of them, compressed once.

It knows nothing of HTTP.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
LOADER = "widget.js"
_BUILD_MARK = b"__BUILD__"
_HASH_CHARS = 16
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
        named = {path.name: path.read_bytes() for path in sorted(paths) if path.suffix in _MEDIA_TYPES}
        loader = (folder / LOADER).read_bytes()
        build = _build_of({LOADER: loader, **named})
        parts = {name: WidgetFile.of(name, data) for name, data in named.items()}
        return cls(build, WidgetFile.of(LOADER, loader.replace(_BUILD_MARK, build.encode())), parts)


def _build_of(named: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in named.items():
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:_HASH_CHARS]
