import pytest

from cluster.kinds import Kind
from cluster.states import revision_state, service_state
from tests.fakes.knative_objects import revision, service
from tests.fakes.kubernetes_resources import RESOURCES

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("api_version", "plural", "kind", "namespaced"),
    [(api_version, *row) for api_version, rows in RESOURCES.items() for row in rows],
)
def test_a_kinds_place_in_the_api_follows_from_its_name(
    api_version: str, plural: str, kind: str, namespaced: bool
) -> None:
    asked = Kind(api_version, kind)

    assert (asked.plural, asked.namespaced) == (plural, namespaced)


def test_kinds_are_named_as_kubectl_does() -> None:
    assert str(Kind("v1", "Pod")) == "pods"
    assert str(Kind("eventing.knative.dev/v1alpha1", "EventPolicy")) == "eventpolicies.eventing.knative.dev"


def test_a_service_that_was_just_applied_is_not_ready_and_has_no_revision() -> None:
    new = service("call-handler")
    del new["status"]

    state = service_state(new)

    assert (state.ready, state.reason, state.latest_revision, state.url) == (False, "NoStatus", "", "")


def test_a_service_that_rolls_out_has_a_newer_revision_than_the_ready_one() -> None:
    rolling = service("call-handler")
    rolling["status"]["latestCreatedRevisionName"] = "call-handler-00002"
    rolling["status"]["conditions"] = [
        {"type": "ConfigurationsReady", "status": "Unknown"},
        {"type": "Ready", "status": "Unknown", "reason": "Deploying", "message": "waiting"},
    ]

    state = service_state(rolling)

    assert (state.ready, state.reason, state.message) == (False, "Deploying", "waiting")
    assert (state.latest_revision, state.latest_created) == ("call-handler-00001", "call-handler-00002")


def test_a_revision_that_is_scaled_to_zero_has_no_numbers_in_its_status() -> None:
    state = revision_state(revision("call-handler-00001", "call-handler"))

    assert (state.ready, state.desired, state.actual, state.min_scale) == (True, 0, 0, None)


def test_the_minimum_is_told_even_where_it_is_0() -> None:
    kept = revision("call-handler-00001", "call-handler", annotations={"autoscaling.knative.dev/min-scale": "0"})

    assert revision_state(kept).min_scale == 0
