"""Threads enter in the order in which they came, one at a time."""

import threading
import time

import pytest

from chatbot.turnstile import Turnstile

PATIENCE_S = 30.0


def waiting(turnstile: Turnstile, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while len(turnstile._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_threads_enter_in_the_order_in_which_they_came() -> None:
    turnstile, entered = Turnstile(), list[int]()

    def enter(number: int) -> None:
        with turnstile:
            entered.append(number)

    threads = [threading.Thread(target=enter, args=(n,), daemon=True) for n in range(8)]
    with turnstile:
        for number, thread in enumerate(threads, 1):
            thread.start()
            waiting(turnstile, number)
        assert entered == []
    for thread in threads:
        thread.join(PATIENCE_S)
    assert entered == list(range(8))


def test_who_has_just_left_waits_for_those_who_came_before() -> None:
    turnstile, entered = Turnstile(), list[str]()

    def other() -> None:
        with turnstile:
            entered.append("other")

    with turnstile:
        thread = threading.Thread(target=other, daemon=True)
        thread.start()
        waiting(turnstile, 1)
    with turnstile:
        entered.append("again")
    thread.join(PATIENCE_S)
    assert entered == ["other", "again"]


def test_a_thread_that_is_inside_may_enter_again_and_an_error_lets_the_next_in() -> None:
    turnstile = Turnstile()
    with pytest.raises(ValueError, match="broken"), turnstile, turnstile:
        raise ValueError("broken")
    done = threading.Event()

    def other() -> None:
        with turnstile:
            done.set()

    threading.Thread(target=other, daemon=True).start()
    assert done.wait(PATIENCE_S)


def test_never_two_are_inside() -> None:
    turnstile, inside, most = Turnstile(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(200):
            with turnstile:
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (most, inside) == (1, 0)
