"""The OpenAPI document, and a page that shows it without a request to anybody else."""

import html
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from chatbot.web.api.problems import MEDIA_TYPE

TITLE = "Frontdesk"
VERSION = "1"
_VERBS = ("get", "post", "patch", "delete")
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def document(app: FastAPI) -> dict[str, Any]:
    """The application's routes as OpenAPI; every error is a problem (RFC 9457)."""
    made = get_openapi(
        title=TITLE,
        version=VERSION,
        description="A support chatbot that reads text, screenshots and voice, and answers with its sources.",
        routes=app.routes,
    )
    for _, _, operation in _operations(made):
        for status, response in operation["responses"].items():
            if status.isdigit() and int(status) >= HTTPStatus.BAD_REQUEST:
                response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return made


def page(made: Mapping[str, Any]) -> str:
    """The document for people: every request with its parameters, bodies and answers."""
    schemas = made.get("components", {}).get("schemas", {})
    rows = "".join(_section(verb, path, operation, schemas) for path, verb, operation in _operations(made))
    return _PAGE.format(title=html.escape(TITLE), rows=rows)


def _operations(made: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in made["paths"].items():
        for verb in _VERBS:
            if verb in item:
                yield path, verb, item[verb]


def _section(verb: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{html.escape(p['name'])}</code> ({p['in']}{', required' if p.get('required') else ''}) "
        f"{html.escape(p.get('description', ''))}</li>"
        for p in operation.get("parameters", ())
    )
    bodies = "".join(_content("Body", operation.get("requestBody", {}), schemas))
    answers = "".join(
        part
        for status, response in operation["responses"].items()
        for part in _content(f"{status} {response.get('description', '')}", response, schemas)
    )
    return (
        f"<details><summary><b>{verb.upper()}</b> <code>{html.escape(path)}</code> "
        f"{html.escape(operation.get('description', ''))}</summary><ul>{parameters}</ul>{bodies}{answers}</details>"
    )


def _content(title: str, holder: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    if not holder.get("content"):
        yield f"<h4>{html.escape(title)}</h4>" if holder else ""
    for media_type, content in holder.get("content", {}).items():
        shown = json.dumps(_example(content.get("schema", {}), schemas), indent=2, ensure_ascii=False)
        yield f"<h4>{html.escape(title)} <small>{html.escape(media_type)}</small></h4><pre>{html.escape(shown)}</pre>"


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that shows what a schema looks like: its examples where it has some."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth + 1)
    for known in ("examples", "enum"):
        if schema.get(known):
            return schema[known][0]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return _example(choices[0], schemas, depth + 1)
    if "properties" in schema and depth < 8:
        return {name: _example(part, schemas, depth + 1) for name, part in schema["properties"].items()}
    if schema.get("type") == "array" and depth < 8:
        return [_example(schema.get("items", {}), schemas, depth + 1)]
    return schema.get("default", schema.get("const", schema.get("type", "…")))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title} API</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
details {{ border-top: 1px solid #8884; padding: .6rem 0; }}
summary {{ cursor: pointer; overflow-wrap: anywhere; }}
summary b {{ display: inline-block; min-width: 4.5rem; }}
h4 {{ margin: 1rem 0 .3rem; }}
pre {{ overflow: auto; padding: .6rem; background: #8882; border-radius: .4rem; font-size: .85rem; }}
code {{ font-weight: 600; }}
</style></head><body>
<h1>{title} API</h1>
<p>Generated from <a href="openapi.json">openapi.json</a>. What events mean is in docs/api.md.</p>
{rows}
</body></html>
"""
