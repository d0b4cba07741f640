import pytest

from web.language import local_path

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("target", ["/", "/place/1/orders?before=2", "/login"])
def test_a_path_of_this_site_is_followed(target: str) -> None:
    assert local_path(target) == target


@pytest.mark.parametrize(
    "target", ["", "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "r/1"]
)
def test_a_link_never_leads_elsewhere(target: str) -> None:
    assert local_path(target) == "/"
