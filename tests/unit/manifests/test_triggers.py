"""Each event reaches those who do something with it: a Trigger for each type that a function takes."""

import pytest

from eventing import integrators
from eventing.catalogue import Payload
from functions.errand_runner import planning
from tests.unit.manifests.rendered import of_kind

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("function", "kinds"), [("webhook-sender", integrators.KINDS), ("errand-runner", planning.KINDS)]
)
def test_a_function_is_brought_each_event_that_it_takes_and_no_other(
    function: str, kinds: tuple[type[Payload], ...]
) -> None:
    brought = [
        trigger["spec"]["filter"]["attributes"]["type"]
        for trigger in of_kind("dev", "Trigger")
        if trigger["spec"]["subscriber"]["ref"]["name"] == function
    ]
    assert sorted(brought) == sorted(kind.TYPE for kind in kinds)
