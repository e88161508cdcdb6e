"""Puts pages into a web application."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI, Request
from gradio.route_utils import FnIndexInferError
from gradio.utils import get_upload_folder
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chatbot.web.api.problems import problem
from chatbot.web.ui.page import CSS, I18N, JS, PageParts, build_page
from chatbot.web.ui.theme import make_theme

_GRADIO_ROUTES = ("gradio.routes", "gradio.route_utils")
_COMMON: dict[str, Any] = {
    "footer_links": [],
    "ssr_mode": False,
    "show_error": True,
    "enable_monitoring": False,
    "pwa": False,
    "mcp_server": False,
}


def mount_page(app: FastAPI, parts: PageParts, max_file_bytes: int) -> FastAPI:
    """The application with the page at `/`; uploads above the limit are refused before they are read."""
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build_page(parts),
        path="",
        i18n=I18N,
        theme=make_theme(),
        css_paths=CSS,
        js=JS.read_text(encoding="utf-8"),
        max_file_size=max_file_bytes,
        blocked_paths=[str(private_uploads())],
        **_COMMON,
    )
    _refuse_unknown_steps(_inner(mounted, ""))
    return mounted


def private_uploads() -> Path:
    """Where Gradio keeps the files of pages that are not for customers; the chat page serves nothing of it.

    Gradio refuses files outside of its one upload folder, so this lies inside of it.
    """
    return Path(get_upload_folder()).resolve() / "private"


def mount_private_page(
    app: FastAPI,
    blocks: gr.Blocks,
    path: str,
    *,
    who: Callable[[Request], str | None],
    i18n: gr.I18n,
    css: Path,
    js: Path,
    max_file_bytes: int,
    folder: Path | None = None,
) -> FastAPI:
    """The application with a page for the company's people, whose files are kept apart from those of customers.

    Args:
        who: Who asks, for every request to the page, its API and its files; None is refused.
        folder: Below `private_uploads()`, the only one whose files the page serves; all of them when None.
    """
    folder = folder or private_uploads()
    for place in (private_uploads(), folder):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.chmod(0o700)
    for block in blocks.blocks.values():
        block.GRADIO_CACHE = str(folder)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        blocks,
        path=path,
        auth_dependency=who,
        i18n=i18n,
        theme=make_theme(),
        css_paths=css,
        js=js.read_text(encoding="utf-8"),
        max_file_size=max_file_bytes,
        **_COMMON,
    )
    mounted.router.routes.insert(-1, Route(path, lambda request: RedirectResponse(f"{path}/")))
    inner = _inner(mounted, path)
    inner.uploaded_file_dir = str(folder)
    _refuse_unknown_steps(inner)
    return mounted


def _inner(mounted: FastAPI, path: str) -> Any:
    """Gradio's own application below a path."""
    found = next(
        r for r in reversed(mounted.routes) if getattr(r, "path", None) == path and hasattr(r, "app")
    )
    return found.app


def _refuse_unknown_steps(inner: FastAPI) -> None:
    """A step that a page does not have is not found: Gradio fails when it looks for one."""

    async def refused(_request: Request, error: Exception) -> Response:
        if not isinstance(error, FnIndexInferError) and not _was_looked_up_by_gradio(error):
            raise error
        return problem(404, "not-found", "The page has no such step.", "Reload it.")

    inner.add_exception_handler(KeyError, refused)
    inner.add_exception_handler(FnIndexInferError, refused)


def _was_looked_up_by_gradio(error: Exception) -> bool:
    """Whether its routes themselves raised it: what a page's own code raises comes from deeper."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") in _GRADIO_ROUTES
