"""Which servers others can reach."""

import pytest

from chatbot.settings import Settings
from chatbot.web.loopback import is_loopback, is_reachable_by_others
from chatbot.web_settings import WebSettings


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.2", False), ("shop.example", False), ("", False)],
)  # fmt: skip
def test_which_addresses_are_this_machines_own(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here
    assert is_reachable_by_others(Settings(host=host)) is not is_here


def test_a_server_behind_a_proxy_can_be_reached_wherever_it_listens() -> None:
    for web in (WebSettings(public_url="https://chat.example.com"), WebSettings(trusted_proxies=1)):
        assert is_reachable_by_others(Settings(web=web))
