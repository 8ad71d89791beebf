"""The FairSemaphore, attacked: many threads, short patience, tokens lost to exceptions."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from client_harness import in_threads
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdb.clients.local.fair_semaphore import FairSemaphore


@pytest.fixture(autouse=True)
def threads_change_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def free_tokens(semaphore: FairSemaphore) -> int:
    assert not semaphore._waiting
    return len(semaphore._tokens)


#: What one thread does, visit by visit: how long it is patient, and how many times it lets go of the GIL inside.
VISITS = st.lists(st.tuples(st.sampled_from([0.0, 0.0001, 0.001, 5.0]), st.integers(0, 3)), max_size=8)


@settings(deadline=None, max_examples=60)
@given(capacity=st.integers(1, 3), plans=st.lists(VISITS, min_size=2, max_size=5))
def test_never_more_inside_than_it_holds_and_every_token_comes_back(
    capacity: int, plans: list[list[tuple[float, int]]]
) -> None:
    semaphore = FairSemaphore(capacity)
    inside: list[None] = []
    most = 0

    def visit(plan: list[tuple[float, int]]) -> None:
        nonlocal most
        for patience, stay in plan:
            token = semaphore.enter(patience)
            if token is None:
                assert patience < 5.0, "a patient one was turned away"
                continue
            inside.append(None)
            most = max(most, len(inside))
            for _ in range(stay):
                time.sleep(0)
            inside.pop()
            semaphore.leave(token)

    in_threads(*[lambda plan=plan: visit(plan) for plan in plans])  # type: ignore[misc]
    assert most <= capacity
    assert free_tokens(semaphore) == capacity


def test_those_who_wait_pass_in_the_order_in_which_they_came() -> None:
    semaphore = FairSemaphore(1)
    token = semaphore.enter(0)
    assert token is not None
    order: list[int] = []

    def wait(number: int) -> None:
        mine = semaphore.enter(5)
        assert mine is not None
        order.append(number)
        semaphore.leave(mine)

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        while len(semaphore._waiting) <= number:
            time.sleep(0)
    semaphore.leave(token)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_one_who_leaves_and_comes_again_at_once_does_not_overtake() -> None:
    semaphore = FairSemaphore(1)
    token = semaphore.enter(0)
    passed = threading.Event()

    def wait() -> None:
        semaphore.leave(semaphore.enter(5))  # type: ignore[arg-type]
        passed.set()

    thread = threading.Thread(target=wait)
    thread.start()
    while not semaphore._waiting:
        time.sleep(0)
    assert token is not None
    semaphore.leave(token)
    again = semaphore.enter(5)
    assert passed.wait(5)
    semaphore.leave(again)  # type: ignore[arg-type]
    thread.join()
    assert free_tokens(semaphore) == 1


def test_patience_ends() -> None:
    semaphore = FairSemaphore(1)
    token = semaphore.enter(0)
    began = time.monotonic()
    assert semaphore.enter(0.15) is None
    assert 0.14 < time.monotonic() - began < 2
    semaphore.leave(token)  # type: ignore[arg-type]
    assert free_tokens(semaphore) == 1


def test_a_token_that_is_dropped_goes_back() -> None:
    semaphore = FairSemaphore(1)
    token = semaphore.enter(0)
    assert semaphore.enter(0) is None
    del token
    assert free_tokens(semaphore) == 1


def test_a_token_that_is_dropped_goes_to_the_first_who_waits() -> None:
    semaphore = FairSemaphore(1)
    tokens = [semaphore.enter(0)]
    passed: list[Any] = []
    thread = threading.Thread(target=lambda: passed.append(semaphore.enter(5)))
    thread.start()
    while not semaphore._waiting:
        time.sleep(0)
    tokens.clear()
    thread.join()
    assert passed[0] is not None


def test_a_waker_that_is_struck_before_it_wakes_anybody_costs_the_one_who_waits_a_moment_only() -> None:
    semaphore = FairSemaphore(1)
    token = semaphore.enter(0)
    passed: list[Any] = []
    thread = threading.Thread(target=lambda: passed.append(semaphore.enter(30)))
    began = time.monotonic()
    thread.start()
    while not semaphore._waiting:
        time.sleep(0)
    semaphore._tokens.append(token)  # type: ignore[arg-type]  # what leave() does first; then a KeyboardInterrupt strikes
    thread.join()
    assert passed[0] is not None
    assert time.monotonic() - began < 5


def test_an_interrupted_wait_leaves_nothing_behind() -> None:
    semaphore = FairSemaphore(1)
    token = semaphore.enter(0)
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            semaphore.enter(30)
        except KeyboardInterrupt as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not semaphore._waiting:
        time.sleep(0)
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt))
    thread.join()
    assert caught
    semaphore.leave(token)  # type: ignore[arg-type]
    caught.clear()
    assert free_tokens(semaphore) == 1
