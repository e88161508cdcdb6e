"""Whatever a remote server does wrong becomes a sentence for people, without the key."""

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chatbot.errors import GenerationError
from chatbot.generators.base import ChatTurn
from chatbot.generators.openai import OpenAIGenerator

KEY = "sk-very-secret"
PROMPT = [ChatTurn("user", "Hello?")]
Reply = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A tiny chat-completions server that misbehaves as told."""

    def __init__(self) -> None:
        self.reply: Reply = lambda _: None
        self.requests: list[dict[str, object]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                owner.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                owner.reply(self)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(scope="module")
def _running() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(_running: Server) -> Server:
    _running.requests.clear()
    return _running


def generator(url: str, timeout_s: float = 5.0) -> OpenAIGenerator:
    return OpenAIGenerator("wren-chat", base_url=url, api_key=KEY, timeout_s=timeout_s)


def status(code: int, body: object) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        data = json.dumps(body).encode() if not isinstance(body, bytes) else body
        handler.send_response(code)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return reply


def stream(*events: str, then: Callable[[], None] = lambda: None, length: int | None = None) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Length", str(length or sum(len(e.encode()) for e in events)))
        handler.end_headers()
        for event in events:
            handler.wfile.write(event.encode())
        handler.wfile.flush()
        then()

    return reply


def delta(text: str) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return f"data: {json.dumps({'id': 'x', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"


def failure(engine: OpenAIGenerator) -> str:
    with pytest.raises(GenerationError) as caught:
        list(engine.stream(PROMPT))
    assert KEY not in str(caught.value)
    return str(caught.value)


def test_a_good_stream_is_given_piece_by_piece(server: Server) -> None:
    server.reply = stream(delta("Hel"), delta("lo"), "data: [DONE]\n\n")
    assert list(generator(server.url).stream(PROMPT, adapter="shop-1", stop=["\n"])) == ["Hel", "lo"]
    assert server.requests[0]["model"] == "shop-1"
    assert server.requests[0]["stop"] == ["\n"]


@pytest.mark.parametrize(
    ("code", "body", "message"),
    [
        (401, {"error": {"message": f"Incorrect key {KEY}"}}, "refused the key. Check `openai_api_key`"),
        (403, {"error": {"message": f"Key {KEY} may not"}}, "refused the key"),
        (404, {"error": {"message": "no such model"}}, "does not know the model 'wren-chat'. Check `llm`"),
        (400, {"error": {"message": "too many tokens"}}, "refused the prompt: too many tokens"),
        (400, {"error": {"message": f"key {KEY} has no quota"}}, "refused the prompt"),
        (400, b"<html>bad</html>", "refused the prompt: no reason given"),
        (429, {"error": {"message": "slow down"}}, "failed with status 429. Please try again"),
        (500, {"error": {"message": f"Traceback … {KEY}"}}, "failed with status 500. Please try again"),
        (502, b"<html>Bad gateway</html>", "failed with status 502"),
    ],
)
def test_a_refusal_says_what_to_do(server: Server, code: int, body: object, message: str) -> None:
    server.reply = status(code, body)
    assert message in failure(generator(server.url))


def completion(*likely: tuple[str, float]) -> dict[str, object]:
    top = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in likely]
    told = {"content": [{**top[0], "top_logprobs": top}]} if top else None
    message = {"role": "assistant", "content": "1"}
    choice = {"index": 0, "message": message, "finish_reason": "length", "logprobs": told}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def test_a_begun_answer_is_sent_as_the_last_turn_to_go_on_from(server: Server) -> None:
    server.reply = stream(delta("1] Yes."), "data: [DONE]\n\n")
    assert list(generator(server.url).stream(PROMPT, prefix="[")) == ["1] Yes."]
    sent = server.requests[0]
    assert sent["messages"] == [
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "["},
    ]
    assert sent["continue_final_message"] is True
    assert sent["add_generation_prompt"] is False


def test_nothing_unusual_is_sent_without_a_prefix(server: Server) -> None:
    server.reply = stream(delta("Hi"), "data: [DONE]\n\n")
    list(generator(server.url).stream(PROMPT))
    assert not {"continue_final_message", "add_generation_prompt"} & server.requests[0].keys()


def test_choices_have_the_probabilities_the_server_tells(server: Server) -> None:
    server.reply = status(200, completion(("1", 0.5), ("0", 0.25), ("1", 0.125)))
    likely = generator(server.url).choose(PROMPT, ["0", "1", "2"], prefix="[", adapter="shop-1")
    assert likely == pytest.approx((0.25, 0.625, 0.0))
    assert server.requests[0]["max_tokens"] == 1
    assert server.requests[0]["model"] == "shop-1"


@pytest.mark.parametrize("body", [completion(), {"choices": []}, {"id": "x"}, "nothing"])
def test_a_server_that_tells_no_probabilities_is_named_as_such(server: Server, body: object) -> None:
    server.reply = status(200, body)
    with pytest.raises(GenerationError, match="does not tell how likely"):
        generator(server.url).choose(PROMPT, ["0", "1"])


@pytest.mark.parametrize("code", [400, 422])
@pytest.mark.parametrize(
    ("complaint", "hint"),
    [
        ("Unrecognized request argument supplied: continue_final_message", "cannot go on"),
        ("logprobs are not supported", "does not tell how likely"),
    ],
)
def test_a_server_that_lacks_a_feature_is_named_as_such(
    server: Server, code: int, complaint: str, hint: str
) -> None:
    server.reply = status(code, {"error": {"message": complaint}})
    with pytest.raises(GenerationError, match=f"{complaint}.*{hint}"):
        generator(server.url).choose(PROMPT, ["0", "1"], prefix="[")


@pytest.mark.parametrize(
    "broken",
    [
        stream(delta("Half an"), length=10_000),
        stream(delta("Half an"), 'data: {"id": "x", "choi\n\n'),
        stream(delta("Half an"), 'data: {"error": {"message": "out of memory"}}\n\n'),
    ],
    ids=["the connection ends early", "an event is cut", "the server says so itself"],
)
def test_a_stream_that_breaks_keeps_what_came_and_then_says_so(server: Server, broken: Reply) -> None:
    server.reply = broken
    pieces = generator(server.url).stream(PROMPT)
    assert next(pieces) == "Half an"
    with pytest.raises(GenerationError, match=r"broke off\. Please try again"):
        next(pieces)


def test_an_answer_that_is_no_stream_is_an_error(server: Server) -> None:
    server.reply = stream("data: <html>\n\n")
    assert "broke off" in failure(generator(server.url))


def test_a_server_that_hangs_is_given_up_on(server: Server) -> None:
    done = threading.Event()
    server.reply = lambda _: done.wait(5) and None
    assert "took too long" in failure(generator(server.url, timeout_s=0.2))
    done.set()


def test_a_stream_that_hangs_is_given_up_on(server: Server) -> None:
    done = threading.Event()
    server.reply = stream(delta("Half"), then=lambda: done.wait(5) and None, length=10_000)
    assert "took too long" in failure(generator(server.url, timeout_s=0.2))
    done.set()


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    message = failure(generator(f"http://user:{KEY}@127.0.0.1:{port}/v1"))
    assert f"127.0.0.1:{port}/v1 cannot be reached" in message
    assert "`openai_base_url`" in message


@pytest.mark.parametrize("key", ["sk-schlüssel", "sk-line\nbreak"])
def test_a_key_that_cannot_be_sent_is_readable_too(server: Server, key: str) -> None:
    engine = OpenAIGenerator("m", base_url=server.url, api_key=key)
    with pytest.raises(GenerationError) as caught:
        list(engine.stream(PROMPT))
    assert "sk-" not in str(caught.value)


def test_closing_the_stream_hangs_up(server: Server) -> None:
    hung_up = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        stream(delta("more"), length=10**9)(handler)
        try:
            while True:
                handler.wfile.write(delta("more").encode())
        except OSError:
            hung_up.set()

    server.reply = endless
    pieces = generator(server.url).stream(PROMPT)
    assert next(pieces) == "more"
    pieces.close()  # type: ignore[attr-defined]
    assert hung_up.wait(5)


def test_chinese_is_not_counted_short() -> None:
    engine = generator("http://127.0.0.1:1/v1")
    assert engine.count_tokens([ChatTurn("user", "退货" * 30)]) >= 60
