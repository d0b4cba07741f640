"""The text models' wire, in this process: what comes in pieces, what breaks, and what says nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from functions.call_handler.engines import text_models
from functions.call_handler.engines.base import Setup, ToolCall
from functions.call_handler.engines.costs import Usage
from functions.call_handler.engines.lean_http import LeanHttp
from functions.call_handler.engines.text_models import (
    ChatModel,
    Entry,
    MessagesModel,
    ModelDownError,
    Piece,
    Server,
    TextModel,
)
from tests.fakes.models import Answer, FakeModels

pytestmark = pytest.mark.integration

TOOL = {"type": "function", "name": "add_item", "description": "Adds.", "parameters": {"type": "object"}}
SETUP = Setup("You answer the phone.", [TOOL], "en", "", "")
CALL = ToolCall("call_0", "add_item", '{"item":"Regina"}')
SAID = [
    Entry("assistant", "Good evening!"),
    Entry("caller", "A Regina."),
    Entry("assistant", "", calls=(CALL,)),
    Entry("caller", "Hello?"),
    Entry("tool", '{"ok":true}', call_id="call_0"),
    Entry("system", "The kitchen closes soon."),
]

Make = Callable[[], TextModel]


@pytest.fixture
async def models() -> AsyncIterator[FakeModels]:
    async with FakeModels() as fake:
        yield fake


@pytest.fixture(params=["chat", "messages"])
async def model(request: pytest.FixtureRequest, models: FakeModels) -> AsyncIterator[TextModel]:
    with contextlib.closing(LeanHttp()) as http:
        if request.param == "chat":
            yield ChatModel(http, Server(models.url, "sk", "m"))
        else:
            yield MessagesModel(http, Server(models.url.removesuffix("/v1"), "sk", "m"))


async def all_of(model: TextModel, entries: list[Entry]) -> list[Piece]:
    return [piece async for piece in model.answer(SETUP, entries)]


async def test_how_long_it_may_think_is_told_in_each_services_own_words(models: FakeModels) -> None:
    with contextlib.closing(LeanHttp()) as http:
        await all_of(ChatModel(http, Server(models.url, "sk", "m", "none")), SAID)
        await all_of(MessagesModel(http, Server(models.url.removesuffix("/v1"), "sk", "m", "low")), SAID)

    assert models.requests[0]["reasoning_effort"] == "none"
    assert models.requests[1]["output_config"] == {"effort": "low"}


async def test_text_calls_and_tokens_come_out_as_they_went_in(model: TextModel, models: FakeModels) -> None:
    models.answers = [Answer("Sure thing.", calls=[("add_item", {"item": "Regina"}), ("read_cart", {})])]

    pieces = await all_of(model, SAID)

    assert "".join(piece for piece in pieces if isinstance(piece, str)) == "Sure thing. "
    calls = [piece for piece in pieces if isinstance(piece, ToolCall)]
    assert [(call.name, call.arguments) for call in calls] == [("add_item", '{"item": "Regina"}'), ("read_cart", "{}")]
    assert len({call.call_id for call in calls}) == 2
    usage = pieces[-1]
    assert isinstance(usage, Usage)
    assert usage.text_in + usage.text_cached == 1000
    assert usage.text_out == 100


async def test_each_call_is_followed_by_its_output_whatever_was_said_in_between(
    model: TextModel, models: FakeModels
) -> None:
    await all_of(model, SAID)

    messages = models.requests[0]["messages"]
    if isinstance(model, ChatModel):
        assert [message["role"] for message in messages] == [
            *("system", "assistant", "user", "assistant", "tool", "user", "system")
        ]
        assert messages[4] == {"role": "tool", "tool_call_id": "call_0", "content": '{"ok":true}'}
    else:
        roles = [message["role"] for message in messages]
        assert roles == ["user", "assistant"] * 2 + ["user"]
        assert messages[3]["content"][0]["input"] == {"item": "Regina"}
        assert messages[4]["content"][0] == {
            "type": "tool_result",
            "tool_use_id": "call_0",
            "content": '{"ok":true}',
        }


@pytest.mark.parametrize(
    ("answers", "words", "for_good"),
    [
        ([Answer(status=429), Answer(status=529)], "529", False),
        ([Answer(status=500), Answer(status=500)], "500", False),
        ([Answer(status=404)], "404", True),
        ([Answer("Half a", cut=True)], "broke off", False),
        ([Answer("Half a", stops=True)], "broke off", False),
    ],
)
async def test_what_fails_says_how_and_whether_to_ask_again(
    answers: list[Answer], words: str, for_good: bool, model: TextModel, models: FakeModels
) -> None:
    models.answers = list(answers)

    with pytest.raises(ModelDownError, match=words) as down:
        await all_of(model, SAID)

    assert down.value.for_good is for_good
    assert models.answers == []


async def test_a_slow_first_word_and_a_stall_are_failures(
    model: TextModel, models: FakeModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_models, "FIRST_WITHIN_S", 0.2)
    monkeypatch.setattr(text_models, "STALL_S", 0.2)
    never = asyncio.Event()
    models.answers = [Answer("One two three.", after_first=never)]

    with pytest.raises(ModelDownError, match="said nothing"):
        await all_of(model, SAID)

    never.set()


async def test_a_server_that_is_not_there_is_a_failure(models: FakeModels) -> None:
    with contextlib.closing(LeanHttp()) as http, pytest.raises(ModelDownError, match="away"):
        await all_of(ChatModel(http, Server("http://127.0.0.1:9/v1", "", "m")), SAID)
