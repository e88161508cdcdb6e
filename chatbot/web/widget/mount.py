"""Puts the widget's files, and on this machine the demo page, into a web application."""

import re

from fastapi import FastAPI, Request, Response

from chatbot.settings import Settings
from chatbot.web.widget.demo import add_demo
from chatbot.web.widget.files import WidgetFile, WidgetFiles

_EVERYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
_LOADER_CACHE = "public, max-age=300, stale-while-revalidate=86400"
_FOREVER = "public, max-age=31536000, immutable"
_UNSURE = "no-cache"
_BUILD = re.compile(r"[0-9a-f]{16}")
_GZIP = re.compile(r"(?:^|,)\s*gzip\s*(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))(?:[;,]|$)", re.IGNORECASE)


def add_widget(app: FastAPI, settings: Settings, secret: str) -> None:
    """Adds the widget; anything else below `/widget/` is not found.

    Args:
        secret: The server's own, from which the demo page's signing key is made.
    """
    files = WidgetFiles.read()

    @app.api_route("/widget/widget.js", methods=["GET", "HEAD"], include_in_schema=False)
    def loader(request: Request) -> Response:
        return _answer(request, files.loader, _LOADER_CACHE)

    @app.api_route("/widget/{build}/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    def part(build: str, name: str, request: Request) -> Response:
        file = files.parts.get(name)
        if file is None or not _BUILD.fullmatch(build):
            return _nothing()
        # A page that was open before an update still asks for the parts of its own loader: all parts fit together.
        return _answer(request, file, _FOREVER if build == files.build else _UNSURE)

    app.add_api_route("/widget", lambda: _nothing(), include_in_schema=False)
    app.add_api_route("/widget/{rest:path}", lambda: _nothing(), include_in_schema=False)
    if not settings.web.public_url:
        add_demo(app, settings, secret)


def _answer(request: Request, file: WidgetFile, cache: str) -> Response:
    headers = {**_EVERYWHERE, "Cache-Control": cache, "ETag": file.etag}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if _GZIP.search(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        return Response(file.zipped, headers=headers, media_type=file.media_type)
    return Response(file.data, headers=headers, media_type=file.media_type)


def _nothing() -> Response:
    return Response("There is no such file.", 404, _EVERYWHERE, "text/plain")
