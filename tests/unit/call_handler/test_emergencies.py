"""A caller in danger is put through by rule, whatever the model does."""

from dataclasses import replace

import pytest

from domain.emergencies import EMERGENCY
from domain.tools import Transfer
from tests.unit.call_handler.scene import Scene

pytestmark = pytest.mark.unit

REACTION = "My daughter is having an allergic reaction!"


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_a_caller_in_danger_is_told_whom_to_call_and_put_through_at_once(scene: Scene) -> None:
    scene.caller_says(REACTION)
    told = scene.engine.done[-1]
    await scene.replies("This sounds like an emergency …", spoken_ms=100)
    scene.passes(0.2)

    assert told[0] == "speak" and "emergency services on 112" in told[1]
    assert scene.media.done[-1] == ("transfer", "+331", "auto")


async def test_without_a_number_of_the_team_the_caller_is_told_to_call_the_emergency_services(scene: Scene) -> None:
    restaurant = replace(scene.tools.state.restaurant, fallback_number="")
    scene.tools.state = replace(scene.tools.state, restaurant=restaurant)

    scene.caller_says(REACTION)

    assert "hang up and call the emergency services on 112" in scene.engine.done[-1][1]
    assert scene.tools.closing is None


async def test_it_is_said_once_and_an_order_is_no_emergency(scene: Scene) -> None:
    scene.caller_says("I'm allergic to nuts, one regina please")
    calm = scene.tools.closing
    scene.caller_says(REACTION)
    scene.caller_says(REACTION)

    assert calm is None
    assert sum("emergency" in act[1] for act in scene.engine.done if act[0] == "speak") == 1


async def test_a_model_that_ends_the_call_of_somebody_in_danger_does_not_keep_the_team_from_them(scene: Scene) -> None:
    scene.caller_says(REACTION)

    await scene.uses("end_call")

    assert scene.tools.closing == Transfer("+331", EMERGENCY)
