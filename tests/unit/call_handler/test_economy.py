"""Which engines a call has while there is more to do than can be done."""

import msgspec
import pytest

from functions.call_handler.remembering.breakers import wished_order
from functions.call_handler.settings import EngineSettings, RealtimeEndpoint
from process.settings import SettingsError

pytestmark = pytest.mark.unit

FURTHER = [RealtimeEndpoint(name=name, url="http://127.0.0.1:1/v1", model=name) for name in ("second", "small")]


def settings(overload_engines: str) -> EngineSettings:
    engines = msgspec.json.encode(FURTHER).decode()
    return EngineSettings(openai_api_key="k", engines=engines, overload_engines=overload_engines)


def test_the_engines_named_for_it_go_first_in_their_order_and_the_others_after_them() -> None:
    chosen = settings("small, main")
    names = [one.name for one in chosen.cheaper_first(chosen.endpoints())]
    assert names == ["small", "main", "second"]
    none_named = settings("")
    assert none_named.cheaper_first(none_named.endpoints()) == none_named.endpoints()


def test_an_engine_that_the_restaurant_leaves_out_is_not_given_its_callers_for_that() -> None:
    chosen = settings("small")
    wished = wished_order(chosen.endpoints(), ("second", "main"))
    assert [one.name for one in chosen.cheaper_first(wished)] == ["second", "main"]


def test_a_name_that_is_no_engines_is_an_error_at_start() -> None:
    with pytest.raises(SettingsError, match="OVERLOAD_ENGINES: no engine is called 'smal'; there is main, second"):
        settings("smal")
