"""What no engine should send, and some do: an answer in the caller's language and a line in the log, nothing else."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from domain.restaurant import DeliveryZone
from functions.call_handler.engines.base import (
    CallerSaid,
    CallerSpeaks,
    CaptionFailed,
    EngineComplains,
    EngineGone,
    ReplyAudio,
    ReplyEnds,
    ReplyStarts,
    ToolCall,
)
from functions.call_handler.engines.costs import Usage
from functions.call_handler.talking.patience import TURN_SILENT_S
from process.logs import fields_of
from tests.unit.call_handler.scene import QUIET, Scene

pytestmark = pytest.mark.unit

ZONE = DeliveryZone("Centre", ("75011",), 0, 0, 10)
ID = "0b5c3f0e-7c58-4f0e-9b0a-6f5f7e6a1c11"
SQL = '\'; drop table "order"; --'
YESTERYEAR: dict[str, Any] = {"date": "2020-01-01", "time": "19:30", "covers": 2}
# A tool, its arguments, the code of the refusal, and words of what is said in English and in French.
BAD: list[tuple[str, Any, str, str, str]] = [
    ("add_item", '{"item":', "bad_arguments", "did not work", "pas fonctionné"),
    ("add_item", "[1]", "bad_arguments", "did not work", "pas fonctionné"),
    ("add_item", '"\\ud800"', "bad_arguments", "did not work", "pas fonctionné"),
    ("add_item", '{"item": "Regina", "quantity": NaN}', "bad_arguments", "did not work", "pas fonctionné"),
    ("add_item", '{"item": ' + "[" * 100_000, "bad_arguments", "did not work", "pas fonctionné"),
    ("add_item", {"item": ID}, "unknown_item", "isn't on our menu", "pas cela à la carte"),
    ("describe_item", {"item": ID}, "unknown_item", "isn't on our menu", "pas cela à la carte"),
    ("change_item", {"line": 77, "quantity": 2}, "unknown_line", "which item", "quel plat"),
    ("remove_item", {"line": 77}, "unknown_line", "which item", "quel plat"),
    ("add_item", {"item": "Regina", "quantity": -3}, "bad_quantity", "how many", "combien"),
    ("change_item", {"line": 1, "quantity": -3}, "bad_quantity", "how many", "combien"),
    ("add_item", {"item": "Regina", "quantity": 10**30}, "bad_quantity", "how many", "combien"),
    ("set_time", {"time": "12:00", "day": "2020-01-01"}, "too_soon", "a little longer", "plus de temps"),
    ("set_time", {"time": "12:00", "day": "2020-02-30"}, "bad_argument", "didn't get that", "pas compris"),
    ("check_table", YESTERYEAR, "bad_booking_time", "short notice", "court terme"),
    (
        "set_fulfilment",
        {"kind": "delivery", "street": "1 rue Loin", "postcode": "99999"},
        "outside_zone",
        "deliver to 99999",
        "livrons pas à 99999",
    ),
    ("set_fulfilment", {"kind": "teleport"}, "fulfilment_not_offered", "we only offer", "proposons seulement"),
    ("add_item", {"item": "🍕🍕"}, "unknown_item", "isn't on our menu", "pas cela à la carte"),
    ("add_item", {"item": SQL}, "unknown_item", "isn't on our menu", "pas cela à la carte"),
    ("set_customer", {"name": "🍕"}, "bad_argument", "didn't get that", "pas compris"),
    ("set_customer", {"name": SQL}, "bad_argument", "didn't get that", "pas compris"),
    ("set_customer", {"name": "Ada\x00"}, "bad_argument", "didn't get that", "pas compris"),
    ("book_table", YESTERYEAR | {"name": SQL}, "bad_argument", "didn't get that", "pas compris"),
    ("set_allergies", {"allergens": ["🥜"]}, "bad_argument", "didn't get that", "pas compris"),
    (f"call_{ID}", {}, "unknown_tool", "didn't get that", "pas compris"),
]


def logged(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    return [fields_of(record) or {} for record in caplog.records if record.getMessage() == message]


async def scene_in(language: str) -> Scene:
    """One Regina is in the cart."""
    scene = Scene()
    state = scene.tools.state
    restaurant = replace(state.restaurant, language=language, delivery=True, dine_in=True, delivery_zones=(ZONE,))
    scene.tools.state = replace(state, restaurant=restaurant)
    await scene.uses("add_item", '{"item": "Regina"}')
    return scene


@pytest.mark.parametrize(("name", "arguments", "code", "english", "french"), BAD, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("language", ["en", "fr"])
async def test_a_bad_tool_call_has_an_answer_in_words_and_changes_nothing(
    language: str, name: str, arguments: Any, code: str, english: str, french: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene = await scene_in(language)
    before, checkpoints = scene.tools.state.cart, scene.keeper.checkpoints
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)

    scene.engine_says(ReplyStarts("bad"), ReplyEnds("bad", "completed", "", (ToolCall("x", name, text),), Usage()))
    await scene.conversation.settle_tools()

    after = scene.tools.state.cart
    assert replace(after, version=before.version) == before
    assert (french if language == "fr" else english) in scene.tools.last_sentence
    assert not [words for words in (ID, "🍕", "drop table") if words in scene.tools.last_sentence]
    assert scene.engine.done[-2:] == [("answer", "x"), ("speak", "")]  # the model has the answer, and is to say it
    assert scene.keeper.checkpoints == checkpoints + 1
    told = logged(caplog, "tool")[-1]
    assert (told["ok"], told["code"]) == (False, code)
    assert ID not in str(told)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_two_hundred_lines_end_at_what_a_restaurant_takes(
    language: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene = await scene_in(language)

    tools = tuple(("add_item", {"item": "Regina", "note": f"guest {n}"}) for n in range(200))
    await scene.replies(tools=tools)

    assert len(scene.tools.state.cart.lines) <= 40
    assert ("team" if language == "en" else "équipe") in scene.tools.last_sentence
    answers = [act for act in scene.engine.done if act[0] == "answer"]
    assert len(answers) == 201
    assert {told["code"] for told in logged(caplog, "tool") if not told["ok"]} <= {"over_limit", "cart_full"}


async def test_errors_of_every_kind_leave_the_conversation_where_it_was(caplog: pytest.LogCaptureFixture) -> None:
    scene = await scene_in("en")
    before = scene.tools.state

    for code in ("server_error", "rate_limit_exceeded", "invalid_value", "session_expired", ""):
        scene.engine_says(EngineComplains(code, "Ada Lovelace said no"))
    scene.engine_says(
        CaptionFailed("u1", "model_not_found"),
        CallerSaid("nobody", "", Usage()),
        ReplyAudio("no such reply", "i9", 0, b"\xff"),
        ReplyEnds("no such reply", "incomplete", "max_output_tokens", (), Usage()),
    )

    assert scene.tools.state == before
    assert not scene.conversation.over.done() and not scene.keeper.lost
    assert len(logged(caplog, "the engine complains")) == 5
    assert "Lovelace" not in "".join(
        str({key: value for key, value in told.items() if "pii" not in key})
        for told in logged(caplog, "the engine complains")
    )


async def test_audio_that_stops_in_the_middle_of_a_turn_ends_the_turn_and_asks_for_an_answer() -> None:
    scene = Scene()
    scene.engine_says(CallerSpeaks())
    scene.conversation.caller_audio(QUIET)
    before = len(scene.engine.done)

    scene.passes(TURN_SILENT_S)  # no frame at all: the line is gone for as long

    assert scene.engine.done[before:] == [("end_turn",), ("speak", "")]


async def test_an_engine_that_goes_is_lost_once_and_its_late_words_mean_nothing() -> None:
    scene = await scene_in("en")
    cart = scene.tools.state.cart

    scene.engine_says(EngineGone("closed"), EngineGone("closed"), ReplyStarts("late"))

    assert scene.keeper.lost == [EngineGone("closed")]
    assert scene.tools.state.cart == cart
    assert ("prompt", "one_moment") in scene.media.done
