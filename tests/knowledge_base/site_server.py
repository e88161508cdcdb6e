"""A website in this process, whose pages a test writes."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Site:
    """Pages by path; every page that is not redirected has an ETag. `same` are those answered with 304."""

    address: str = ""
    pages: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)

    def page(self, path: str, body: str, *links: str, head: str = "", **headers: str) -> None:
        anchors = "".join(f'<a href="{link}">go</a> ' for link in links)
        html = f"<html><head>{head}</head><body><main><p>{body}</p>{anchors}</main></body></html>"
        self.pages[path] = Answer(
            html.encode(), headers={"Content-Type": "text/html; charset=utf-8", **headers}
        )

    def text(self, path: str, body: str | bytes, content_type: str = "text/plain") -> None:
        data = body.encode() if isinstance(body, str) else body
        self.pages[path] = Answer(data, headers={"Content-Type": content_type})

    def redirect(self, path: str, to: str) -> None:
        self.pages[path] = Answer(status=302, headers={"Location": to})

    def sitemap(self, *paths: str, at: str = "/sitemap.xml") -> None:
        urls = "".join(f"<url><loc>{self.address}{path}</loc></url>" for path in paths)
        self.text(
            at, f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>', "text/xml"
        )


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append(self.path)
            answer = site.pages.get(self.path, Answer(b"nothing", 404))
            etag = f'"{hashlib.sha256(answer.body).hexdigest()[:12]}"'
            is_same = answer.status == 200 and self.headers.get("If-None-Match") == etag
            site.same += [self.path] if is_same else []
            self.send_response(304 if is_same else answer.status)
            for name, value in {"ETag": etag, **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0" if is_same else str(len(answer.body)))
            self.end_headers()
            if not is_same:
                self.wfile.write(answer.body)

        def log_message(self, *given: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
