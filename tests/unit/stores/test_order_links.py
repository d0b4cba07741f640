"""The address of an order's page."""

from datetime import UTC, datetime, timedelta

import pytest

from stores.order_links import OrderLink, OrderLinks

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
RESTAURANT, ORDER = "c32ff170-d006-53b3-a185-cfbcb13bdfd9", "55b8429c-2ece-4c72-b32b-232d0c66224b"


def test_a_token_names_the_order_until_it_ends(master_key: str) -> None:
    links = OrderLinks(master_key, "https://admin.example.com/")
    token = links.token(RESTAURANT, ORDER, NOW)

    assert len(token) == 64
    assert links.url(RESTAURANT, ORDER, NOW) == f"https://admin.example.com/o/{token}"
    assert links.read(token, NOW) == OrderLink(RESTAURANT, ORDER)
    assert links.read(token, NOW + timedelta(seconds=1)) is None


def test_what_was_changed_in_any_place_is_nothing(master_key: str) -> None:
    links = OrderLinks(master_key, "")
    token = links.token(RESTAURANT, ORDER, NOW)

    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        assert links.read(token[:place] + other + token[place + 1 :], NOW) is None


@pytest.mark.parametrize("token", ["", "é" * 64, "A" * 64, "A" * 63, "=" * 64, "A" * 400])
def test_what_is_no_token_is_nothing(token: str, master_key: str) -> None:
    assert OrderLinks(master_key, "").read(token, NOW) is None


def test_without_an_address_there_are_no_links(master_key: str) -> None:
    assert OrderLinks(master_key, "").url(RESTAURANT, ORDER, NOW) == ""
