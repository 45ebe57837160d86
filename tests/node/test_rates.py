"""One person's many requests: a 429 that says how long to wait, to them alone, and an SDK that waits."""

import time
from typing import Any

import httpx2
import pytest

from jali import errors
from jali.transport import Transport
from jali.wire.person import Me
from jali.wire.problem import MEDIA_TYPE
from jali_node.errors import TooManyRequests
from jali_node.rates import KEPT_MAX, Rates


class Hand:
    """A clock moved by hand."""

    at = 100.0

    def now(self) -> float:
        return self.at


def passed(rates: Rates, key: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            rates.take(key)
            count += 1
        except TooManyRequests:
            pass
    return count


def test_a_burst_passes_and_then_so_many_a_second_for_each_key_alone() -> None:
    clock = Hand()
    rates = Rates(2.0, 5, clock.now)
    assert passed(rates, "a", 9) == 5
    assert passed(rates, "b", 9) == 5
    clock.at += 1
    assert passed(rates, "a", 9) == 2
    clock.at += 3600
    assert passed(rates, "a", 9) == 5, "waiting longer saves up no more than a burst"


def test_waiting_as_long_as_was_said_is_enough() -> None:
    clock = Hand()
    rates = Rates(0.3, 1, clock.now)
    rates.take("a")
    with pytest.raises(TooManyRequests) as refused:
        rates.take("a")
    clock.at += refused.value.facts["wait_s"]
    rates.take("a")


def test_what_is_free_again_is_forgotten() -> None:
    clock = Hand()
    rates = Rates(1.0, 5, clock.now)
    for number in range(KEPT_MAX):
        rates.take(str(number))
    clock.at += 10
    rates.take("one more")
    assert len(rates._free_at) == 1


def test_too_many_of_one_person_are_429_and_others_are_served(build_bureau: Any) -> None:
    bureau = build_bureau(requests_per_s=0.1, requests_at_once=3)
    replies = [bureau.get("/v1/me") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    refused = replies[-1]
    assert refused.headers["content-type"] == MEDIA_TYPE
    assert refused.json()["code"] == "too_many_requests"
    assert int(refused.headers["retry-after"]) == refused.json()["facts"]["wait_s"] in (10, 11)
    assert bureau.get("/v1/me", bureau.owner).status_code == 200


def test_strangers_are_counted_by_address_and_do_not_shut_out_their_neighbours(build_bureau: Any) -> None:
    bureau = build_bureau(requests_per_s=0.1, requests_at_once=3)
    assert [bureau.get("/v1/me", f"jali_{n}").status_code for n in range(5)] == [401, 401, 401, 429, 429]
    assert bureau.get("/v1/me").status_code == 200


def test_the_sdk_waits_and_asks_again_within_its_time(build_bureau: Any) -> None:
    bureau = build_bureau(requests_per_s=2, requests_at_once=1)
    client = httpx2.Client(base_url="http://testserver", transport=bureau.client._transport)
    way = Transport("http://testserver", bureau.scientist, client=client)
    begun = time.monotonic()
    for _ in range(2):
        assert way.get("/v1/me", Me).name == "Dana Scientist"
    assert 0.4 < time.monotonic() - begun < 10
    with pytest.raises(errors.TooManyRequests):
        way.get("/v1/me", Me, timeout_s=0.2)
    client.close()
