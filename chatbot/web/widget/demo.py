"""A help-desk page that shows the widget, with and without a customer who is signed in.

It is there only while the server serves this machine: it signs whoever opens it in as a made-up customer.
"""

import hashlib
import hmac
import time
from html import escape
from pathlib import Path

import jwt
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import SecretStr

from chatbot.settings import Settings
from chatbot.web_settings import SiteSettings
from chatbot.widget_settings import WidgetSettings

SITE = "demo"
_KEY_ID = "demo"
_LIFE_S = 3600
_FOLDER = Path(__file__).parent / "demo"
_NAMES = {"demo.css": "text/css", "demo.js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_WIDGET = WidgetSettings(
    suggestions=(
        "How do I cancel Wrenfield Plus before the trial ends?",
        "My router shows a solid amber light. What does it mean?",
        "How long is the warranty on the Wren Out?",
    ),
    email="help@wrenfield.example",
)


def with_demo_site(settings: Settings, secret: str) -> Settings:
    """The settings with a site for the demo page, unless there is one or others than this machine are served."""
    if settings.web.public_url or SITE in settings.web.sites:
        return settings
    widget = _WIDGET if settings.example_company else WidgetSettings()
    site = SiteSettings(customer_secrets={_KEY_ID: SecretStr(_signing_key(secret))}, widget=widget)
    web = settings.web.model_copy(update={"sites": {**settings.web.sites, SITE: site}})
    return settings.model_copy(update={"web": web})


def add_demo(app: FastAPI, settings: Settings, secret: str) -> None:
    """Adds `/demo`, its two files, and `/demo/token`, where the page gets its customer's token as from a help desk."""
    page = (
        (_FOLDER / "demo.html")
        .read_text(encoding="utf-8")
        .replace("{company}", escape(settings.company_name))
    )

    @app.get("/demo", include_in_schema=False)
    def demo() -> HTMLResponse:
        return HTMLResponse(page, headers=_HEADERS)

    @app.post("/demo/token", include_in_schema=False)
    def token(request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return Response("Only the demo page may ask.", 403, media_type="text/plain")
        claims = {"sub": "ann-the-demo-customer", "exp": int(time.time()) + _LIFE_S}
        signed = jwt.encode(claims, _signing_key(secret), algorithm="HS256", headers={"kid": _KEY_ID})
        return Response(signed, headers={"Cache-Control": "no-store"}, media_type="text/plain")

    @app.get("/demo/{name}", include_in_schema=False)
    def file(name: str) -> Response:
        if name not in _NAMES:
            return Response("There is no such file.", 404, media_type="text/plain")
        return Response((_FOLDER / name).read_bytes(), headers=_HEADERS, media_type=_NAMES[name])


def _signing_key(secret: str) -> str:
    return hmac.new(secret.encode(), b"frontdesk demo customers", hashlib.sha256).hexdigest()
