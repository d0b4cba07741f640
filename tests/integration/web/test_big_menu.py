"""A menu of 500 items stays one light and quick page."""

import gzip
import statistics
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from flask.testing import FlaskClient

from tests.integration.web.admin import OWNER, Admin, execute

pytestmark = pytest.mark.integration

ITEMS = 500
MOST_BYTES = 150_000
MOST_QUERIES = 8  # of the menu's own: who is looking and at which restaurant is asked by every page


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is sent with parameters, or read from."""
    statements: list[str] = []
    original = getattr(asyncpg.Connection, "_execute")  # noqa: B009 - the stubs have only what is public

    async def counted(self: Any, query: str, *arguments: Any, **options: Any) -> Any:
        statements.append(query)
        return await original(self, query, *arguments, **options)

    monkeypatch.setattr(asyncpg.Connection, "_execute", counted)
    return statements


def fill(admin: Admin) -> None:
    owner = admin.pizza.id
    execute(
        admin,
        "insert into menu_category (restaurant_id, name, position) select $1, 'Shelf ' || n, 100 + n"
        " from generate_series(1, 20) n",
        owner,
    )
    execute(
        admin,
        "insert into menu_item (restaurant_id, category_id, name, description, vat_rate_bp, vat_dine_in_bp, allergens,"
        " position) select $1, c.id, c.name || ' dish ' || n, 'Tomato, mozzarella, ham and ' || n || ' other things.',"
        " 1000, 1000, '{gluten,milk}', n from menu_category c, generate_series(1, $2::integer / 20) n"
        " where c.restaurant_id = $1 and c.name like 'Shelf %'",
        owner,
        ITEMS,
    )
    execute(
        admin,
        "insert into item_size (restaurant_id, item_id, name, price_cents, position)"
        " select restaurant_id, id, size, 900 + 10 * position, 0 from menu_item, unnest(array['Small', 'Large']) size"
        " where restaurant_id = $1 and name like 'Shelf %'",
        owner,
    )


def test_a_menu_of_500_items_is_light_and_asks_little_of_the_database(
    admin: Admin, log_in: Callable[[str], FlaskClient], asked: list[str], record_property: Callable[[str, object], None]
) -> None:
    fill(admin)
    client = log_in(OWNER)
    url = f"/place/{admin.pizza.id}/menu"
    client.get(url)
    asked.clear()

    page = client.get(url)
    statements = list(asked)
    took = []
    for _ in range(7):
        start = time.perf_counter()
        client.get(url)
        took.append(time.perf_counter() - start)

    compressed = len(gzip.compress(page.data, 6))
    record_property("milliseconds", round(statistics.median(took) * 1000))
    record_property("bytes", compressed)
    assert page.text.count('class="dish') >= ITEMS
    assert compressed <= MOST_BYTES
    assert sum("menu" in statement for statement in statements) <= 3
    assert len(statements) <= 2 * MOST_QUERIES
