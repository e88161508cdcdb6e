"""The pages of accounts: plain HTML without a script, an image or a request to anybody."""

import base64
import hashlib
import html
from dataclasses import dataclass

from starlette.responses import HTMLResponse

from chatbot.web.accounts.texts import TEXTS, language_of

_CSS = """
:root{color-scheme:light dark;--bg:#f4f5f7;--card:#fff;--text:#1b1f24;--quiet:#545d68;--line:#868e99;--main:#1f5fbf;
--on:#fff;--bad:#a4161a;--good:#1a6334}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1e2328;--text:#eceff2;--quiet:#aab3bd;--line:#7b8590;
--main:#8ab8ff;--on:#10151c;--bad:#ff9a9a;--good:#8fdca8}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--bg);color:var(--text);
font:1rem/1.5 system-ui,sans-serif}
main{width:100%;max-width:24rem;background:var(--card);padding:1.5rem;border-radius:.75rem}
h1{font-size:1.4rem;line-height:1.25;margin:0 0 .5rem}h2{font-size:1.1rem;margin:1.5rem 0 .25rem}
p{margin:.5rem 0;color:var(--quiet);overflow-wrap:anywhere}
p[role]{color:var(--bad)}p[role=status]{color:var(--good)}
label{display:block;margin-top:.9rem;font-weight:600}
input{width:100%;margin-top:.25rem;padding:.65rem;font:inherit;color:inherit;background:transparent;
border:1px solid var(--line);border-radius:.4rem}
button,.button{display:block;width:100%;margin-top:1.25rem;padding:.7rem;font:inherit;font-weight:600;text-align:center;
text-decoration:none;color:var(--on);background:var(--main);border:0;border-radius:.4rem;cursor:pointer}
.other{color:var(--main);background:transparent;border:1px solid var(--main)}
:focus-visible{outline:3px solid var(--main);outline-offset:2px}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with `no-referrer`, forms would send `Origin: null`
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Form:
    """What every form of a page has.

    Attributes:
        token: Sent along as a hidden field.
        error: What is said about the last attempt.
    """

    token: str
    accepted_languages: str
    error: str = ""

    @property
    def words(self) -> dict[str, str]:
        """The texts in the reader's language."""
        return TEXTS[language_of(self.accepted_languages)]


def login_page(
    form: Form, name: str = "", told: str = "", provider: str = "", status: int = 200
) -> HTMLResponse:
    """Name and password.

    Args:
        told: Key of a text to be shown.
        provider: Who else can say who somebody is; none when empty.
    """
    words = form.words
    fields = _field("name", words["name"], "text", "username", name) + _field(
        "password", words["password"], "password", "current-password"
    )
    status_text = f'<p role="status">{html.escape(words[told])}</p>' if told else ""
    other = html.escape(words["with_provider"].format(provider=provider))
    link = f'<a class="button other" href="/login/provider">{other}</a>' if provider else ""
    body = f"{status_text}{_form('/login', form, fields, words['sign_in'])}{link}"
    return _page(form, words["sign_in"], body, status)


def welcome_page(form: Form, path: str, name: str, min_chars: int, status: int = 200) -> HTMLResponse:
    """Choosing a password.

    Args:
        name: The account's; when empty, the first administrator's name is asked for too.
    """
    words = form.words
    title, info = ("welcome", "welcome_info") if name else ("welcome_first", "welcome_first_info")
    known = f'<input type="hidden" name="name" autocomplete="username" value="{html.escape(name)}">'
    fields = known if name else _field("name", words["name"], "text", "username")
    fields += _new_password(words, min_chars)
    body = f"<p>{html.escape(words[info].format(name=name))}</p>{_form(path, form, fields, words['save'])}"
    return _page(form, words[title], body, status)


def account_page(
    form: Form, name: str, role: str, *, has_password: bool, min_chars: int, told: str = "", status: int = 200
) -> HTMLResponse:
    """Who is signed in, changing the password, signing out."""
    words = form.words
    body = f"<p>{html.escape(words['account_info'].format(name=name, role=words[role]))}</p>"
    body += f'<p role="status">{html.escape(words[told])}</p>' if told else ""
    path, said = ("/admin/", "to_admin") if role == "admin" else ("/inbox/", "to_inbox")
    body += f'<a class="button" href="{path}">{words[said]}</a>'
    if has_password:
        fields = _field("old", words["old_password"], "password", "current-password")
        fields += _new_password(words, min_chars)
        body += f"<h2>{words['change']}</h2>{_form('/account', form, fields, words['save'])}"
    body += _form("/logout", form, "", words["sign_out"], is_other=True, is_quiet=True)
    return _page(form, words["account"], body, status)


def logout_page(form: Form, name: str) -> HTMLResponse:
    """A button, so that no other page's link or picture can sign anybody out."""
    words = form.words
    body = f"<p>{html.escape(words['sign_out_sure'].format(name=name))}</p>"
    return _page(form, words["sign_out"], body + _form("/logout", form, "", words["sign_out"]))


def message_page(form: Form, title: str, text: str, status: int) -> HTMLResponse:
    """Something to be read, and the way to sign in."""
    words = form.words
    body = (
        f'<p role="alert">{html.escape(text)}</p><a class="button other" href="/login">{words["sign_in"]}</a>'
    )
    return _page(form, title, body, status)


def onward_page(form: Form, path: str) -> HTMLResponse:
    """Goes on by itself: a redirection from another site would not send the new, strict cookie."""
    words, address = form.words, html.escape(path)
    onward = f'<meta http-equiv="refresh" content="0;url={address}">'
    return _page(form, words["sign_in"], f'{onward}<a class="button" href="{address}">{words["go_on"]}</a>')


def refusal_page(accepted_languages: str) -> HTMLResponse:
    """For an agent who opens a page for administrators."""
    form = Form("", accepted_languages)
    words = form.words
    body = f'<p>{words["not_admin_info"]}</p><a class="button" href="/inbox/">{words["to_inbox"]}</a>'
    body += f'<a class="button other" href="/account">{words["account"]}</a>'
    return _page(form, words["not_admin"], body, 403)


def _new_password(words: dict[str, str], min_chars: int) -> str:
    rule = html.escape(words["rule"].format(chars=min_chars))
    first = _field("new", words["new_password"], "password", "new-password", more='aria-describedby="rule"')
    again = _field("again", words["again"], "password", "new-password")
    return f'{first}<p id="rule">{rule}</p>{again}'


def _field(name: str, label: str, kind: str, complete: str, value: str = "", more: str = "") -> str:
    shown = f' value="{html.escape(value)}"' if value else ""
    return (
        f'<label for="{name}">{html.escape(label)}</label><input id="{name}" name="{name}" type="{kind}" '
        f'autocomplete="{complete}" autocapitalize="none" spellcheck="false" required maxlength="256"{shown} {more}>'
    )


def _form(
    path: str, form: Form, fields: str, button: str, *, is_other: bool = False, is_quiet: bool = False
) -> str:
    error = "" if is_quiet or not form.error else f'<p role="alert">{html.escape(form.error)}</p>'
    look = ' class="other"' if is_other else ""
    return (
        f'<form method="post" action="{html.escape(path)}">{error}'
        f'<input type="hidden" name="form_token" value="{form.token}">{fields}<button{look}>{html.escape(button)}'
        "</button></form>"
    )


def _page(form: Form, title: str, body: str, status: int = 200) -> HTMLResponse:
    language = language_of(form.accepted_languages)
    text = (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{html.escape(title)} · Frontdesk</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{_CSS}</style><main><h1>{html.escape(title)}</h1>{body}</main></html>"
    )
    return HTMLResponse(text, status, {**HEADERS, "Vary": "Accept-Language, Cookie"})
