"""Whatever a model sends, however wrong, is answered; and nothing it sends gets around the rules."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.carts import new_cart
from domain.tool_parameters import TOOLS
from domain.tools import ConfirmOrder, OrderState, ToolOutcome, apply, tool_schemas
from tests.unit.domain.test_menu_depth import MENU

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 19, 2, tzinfo=UTC)
NAMES = [tool.name for tool in TOOLS]
KEYS = sorted({parameter.name for tool in TOOLS for parameter in tool.parameters})

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
PLAUSIBLE = st.sampled_from(
    [
        "Margherita",
        "Large",
        "Coke",
        "Burger",
        "pasta",
        "Oysters",
        "Olives",
        "pickup",
        "delivery",
        "D02",
        "Sam",
        "",
        "2026-11-21",
        "0001-01-01",
        "9999-12-31",
        "19:30",
        "today",
        "{0}",
        "{subject}",
        "%s",
    ]
)
VALUES = PLAUSIBLE | st.integers(-2, 60) | st.lists(PLAUSIBLE, max_size=3) | JSON


def assert_sound(before: OrderState, outcome: ToolOutcome) -> None:
    json.dumps(outcome.result, ensure_ascii=False, allow_nan=False).encode()
    result = outcome.result
    assert result["say"]
    assert {"cart", "missing"} <= result.keys()
    assert result["ok"] is ("error" not in result)
    if not result["ok"]:
        after = outcome.state  # what was not found is waited for, and who was warned stays so
        cart = replace(after.cart, version=before.cart.version)
        assert replace(after, cart=cart, open_wishes=before.open_wishes, warned=before.warned) == before
        assert outcome.effect is None
        assert result["error"].keys() == {"code", "field", "message", "allowed"}


@given(JSON, JSON)
def test_any_json_at_all_gives_a_result(state: OrderState, name: object, arguments: object) -> None:
    assert_sound(state, apply(state, name, arguments, NOW))


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), st.booleans()),
        max_size=12,
    )
)
def test_no_sequence_of_calls_confirms_what_the_caller_did_not_agree_to(
    state: OrderState, calls: list[tuple[str, dict[str, Any], bool]]
) -> None:
    for name, arguments, agrees in calls:
        state = replace(state, agreement=replace(state.agreement, heard=agrees, answered=agrees))
        outcome = apply(state, name, arguments, NOW)
        assert_sound(state, outcome)
        if isinstance(outcome.effect, ConfirmOrder):
            assert name == "confirm_order"
            assert state.confirmed or (agrees and state.agreement.version == state.cart.version)
        state = outcome.state


@settings(max_examples=300)
@given(st.data())
def test_arguments_that_fit_a_tools_schema_are_never_of_a_bad_type(state: OrderState, data: st.DataObject) -> None:
    is_deep = data.draw(st.booleans())
    state = replace(state, menu=MENU, cart=new_cart(MENU, state.cart.order_id)) if is_deep else state
    tool = data.draw(st.sampled_from(tool_schemas(state.restaurant, state.menu)))
    properties = tool["parameters"]["properties"]
    arguments = {}
    for key, schema in properties.items():
        if key in tool["parameters"]["required"] or data.draw(st.booleans()):
            arguments[key] = data.draw(_values(schema))
    jsonschema.validate(arguments, tool["parameters"])

    result = apply(state, tool["name"], arguments, NOW).result

    # Their form is described, not in the schema; and what is left out of a dish that lists nothing goes into its note.
    free = {"day", "date", "time", "name", "allergens", "note"}
    assert result["ok"] or result["error"]["code"] != "bad_argument" or result["error"]["field"] in free


def _values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if schema["type"] == "array":
        return st.lists(_values(schema["items"]), max_size=schema["maxItems"])
    if schema["type"] == "object":
        wanted, properties = set(schema["required"]), schema["properties"]
        return st.fixed_dictionaries(
            {key: _values(one) for key, one in properties.items() if key in wanted},
            optional={key: _values(one) for key, one in properties.items() if key not in wanted},
        )
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    plain = st.characters(categories=["L", "N", "P", "Zs"])
    return st.text(plain, min_size=1, max_size=schema["maxLength"]).filter(lambda text: bool(text.strip()))
