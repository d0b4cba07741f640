import asyncio

import asyncpg
import pytest

from eventing import ticks
from eventing.catalogue import FaqChanged
from eventing.cloudevents import Event, to_binary, to_structured
from eventing.refusals import TryAgain
from eventing.ticks import on_tick
from process.asgi import App
from process.health import Health
from stores.errors import NotFoundError
from stores.redis import RedisError
from tests.integration.eventing.conftest import Client

pytestmark = pytest.mark.integration

SOURCE = "/apis/v1/namespaces/alloresto/pingsources/greetings-due"
TICK = Event(id="t-1", source=SOURCE, type="dev.knative.sources.ping", data={})


class Effect:
    def __init__(self, failure: Exception | None = None, pause_s: float = 0.0) -> None:
        self.calls = 0
        self._failure = failure
        self._pause_s = pause_s

    async def __call__(self) -> None:
        self.calls += 1
        await asyncio.sleep(self._pause_s)
        if self._failure is not None:
            raise self._failure


def client(effect: Effect) -> Client:
    app = App(Health("tester"))
    on_tick(app, "/due", effect)
    return Client(app)


async def test_each_tick_has_its_effect_and_an_empty_answer() -> None:
    effect = Effect()
    without_data = {name: value for name, value in to_binary(TICK)[0].items() if name != "content-type"}

    answers = [
        await client(effect).post(*request, path="/due")
        for request in (to_binary(TICK), to_binary(TICK), to_structured(TICK), (without_data, b""))
    ]

    assert [(answer.status, answer.body) for answer in answers] == [(204, b"")] * 4
    assert effect.calls == 4


async def test_what_is_no_tick_is_refused_with_the_reason() -> None:
    effect = Effect()
    headers, body = to_binary(TICK)
    another = Event.of(FaqChanged(restaurant_id="0b6e8a1e-7b1c-4c0e-9a53-4a40d9a3f001"), source="/web")
    wrong = {
        "/due takes dev.knative.sources.ping, not com.alloresto.faq.changed": to_binary(another),
        "id: missing": ({name: value for name, value in headers.items() if name != "ce-id"}, body),
        "no ce-* headers": ({}, b"{}"),
        "data: ": (headers, b"{"),
    }
    for reason, request in wrong.items():
        answer = await client(effect).post(*request, path="/due")
        assert (answer.status, reason in answer.body.decode()) == (400, True), answer.body

    assert effect.calls == 0


@pytest.mark.parametrize(
    ("failure", "status", "says"),
    [
        (TryAgain("the speech service is away"), 503, "the speech service is away"),
        (asyncpg.LockNotAvailableError("x"), 503, "Postgres is away or busy (LockNotAvailableError)"),
        (RedisError("x"), 503, "Redis is away (RedisError)"),
        (NotFoundError("restaurant", "r-1"), 400, "no restaurant r-1"),
        (RuntimeError("pulled the plug"), 500, "internal error"),
    ],
)
async def test_each_failure_has_its_answer(failure: Exception, status: int, says: str) -> None:
    answer = await client(Effect(failure)).post(*to_binary(TICK), path="/due")

    assert (answer.status, says in answer.body.decode()) == (status, True)
    assert b"plug" not in answer.body


async def test_an_effect_ends_before_knative_would_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "TIMEOUT_S", 0.05)

    async with asyncio.timeout(3):
        answer = await client(Effect(pause_s=60)).post(*to_binary(TICK), path="/due")

    assert answer.status == 503
