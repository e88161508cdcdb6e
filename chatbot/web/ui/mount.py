"""Puts the page into a web application."""

import gradio as gr
from fastapi import FastAPI

from chatbot.web.ui.page import CSS, I18N, JS, PageParts, build_page
from chatbot.web.ui.theme import make_theme


def mount_page(app: FastAPI, parts: PageParts, max_file_bytes: int) -> FastAPI:
    """The application with the page at `/`; uploads above the limit are refused before they are read."""
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build_page(parts),
        path="",
        footer_links=[],
        i18n=I18N,
        theme=make_theme(),
        css_paths=CSS,
        js=JS.read_text(encoding="utf-8"),
        ssr_mode=False,
        show_error=True,
        max_file_size=max_file_bytes,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
    )
    return mounted
