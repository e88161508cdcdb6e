"""The images that a website's pages show, on the same host. Knows nothing of documents and of the index.

Each is asked for once in a run, and conditionally where a version of it is known.
"""

import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from knowledge_base.embedded_images import MIN_SIDE_PX, path_inside
from knowledge_base.errors import DocumentError
from knowledge_base.image_files import ImageFiles, ImageNotNowError
from knowledge_base.website.crawl import (
    GONE,
    CrawlOptions,
    Validators,
    conditions,
    read_robots,
    validators_of,
)
from knowledge_base.website.fetch import Fetcher, OtherHostError, Response
from knowledge_base.website.pages import Robots, normalised

_ACCEPT = "image/*"
_DRAWING = "image/svg"


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """A version of an image that is stored, and its file."""

    path: Path
    validators: Validators


class SiteImages:
    """Fetches the images of one site.

    Args:
        folder: Where they are put until the run ends.
        robots: The site's rules; read with the first image when None.
    """

    def __init__(
        self, fetcher: Fetcher, folder: Path, options: CrawlOptions, robots: Robots | None = None
    ) -> None:
        self._fetcher = fetcher
        self._folder = folder
        self._options = options
        self._robots = robots
        self._found: dict[str, HeldVersion | ImageNotNowError | None] = {}

    def fetch(self, address: str, held: Callable[[], HeldVersion | None]) -> bytes | None:
        """The bytes of an image; None when it is on another host, forbidden, gone, a drawing, an icon or no image.

        Args:
            held: The version that is stored, for asking whether there is another.

        Raises:
            ImageNotNowError: The site does not give it now.
        """
        if address not in self._found:
            self._found[address] = self._asked(address, held())
        found = self._found[address]
        if isinstance(found, ImageNotNowError):
            raise found
        return found.path.read_bytes() if found else None

    def validators(self, address: str) -> Validators:
        """What the server said of the version that `fetch` gave."""
        found = self._found.get(address)
        return found.validators if isinstance(found, HeldVersion) else Validators()

    def _asked(self, address: str, held: HeldVersion | None) -> HeldVersion | ImageNotNowError | None:
        try:
            self._robots = self._robots or read_robots(self._fetcher, address)
            if not self._robots.allows(address):
                return None
            self._options.pause(self._robots)
            asked = {"Accept": _ACCEPT, **conditions(held.validators if held else None)}
            response = self._fetcher.get(address, asked)
        except OtherHostError:
            return None
        except DocumentError as error:
            return ImageNotNowError(error.message, error.hint)
        if response.status == 304 and held:
            return held
        if response.status in GONE:
            return None
        if response.status != 200:
            return ImageNotNowError(f"{address} answers with status {response.status}.")
        return self._kept(address, response) if _is_picture(response) else None

    def _kept(self, address: str, response: Response) -> HeldVersion:
        path = self._folder / f"image-{hashlib.sha256(address.encode()).hexdigest()[:32]}"
        path.write_bytes(response.body)
        return HeldVersion(path, validators_of(response))


def _is_picture(response: Response) -> bool:
    """Whether it is an image that is no drawing and no icon; a damaged one is, for whoever reads it tells."""
    kind = response.headers.get("content-type", "").strip().lower()
    if not kind.startswith("image/") or kind.startswith(_DRAWING):
        return False
    with (
        suppress(OSError, ValueError, Image.DecompressionBombError),
        Image.open(io.BytesIO(response.body)) as image,
    ):
        return min(image.size) >= MIN_SIDE_PX
    return True


class PageImages:
    """Reads the images of one page.

    Args:
        url: The page's address, which its text's sources stand beside.
        inside: Reads what lies inside of the page itself, a PDF for instance.
        held: The stored version of an image, by its source.
    """

    def __init__(
        self, site: SiteImages, url: str, inside: ImageFiles, held: Callable[[str], HeldVersion | None]
    ) -> None:
        self._site = site
        self._url = url
        self._inside = inside
        self._held = held

    def read(self, source: str, document_source: str) -> bytes | None:
        """The bytes of an image; as `SiteImages.fetch` and, for one inside of the page, `ImageFiles.read`."""
        if path_inside(source):
            return self._inside.read(source, document_source)
        address = normalised(source, self._url)
        return self._site.fetch(address, lambda: self._held(source)) if address else None

    def validators(self, source: str) -> tuple[str, str]:
        """ETag and time of change of what was read."""
        said = self._site.validators(normalised(source, self._url))
        return said.etag, said.last_modified
