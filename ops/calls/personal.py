"""What is known to be personal about a call: so that it can be looked for where it must not be."""

from __future__ import annotations

from collections.abc import Iterator

from domain.order import Address
from domain.restaurant import Restaurant
from stores import orders, restaurants
from stores.ciphers import PiiCipher
from stores.postgres import Connection
from stores.traces import TracedCall

SHORTEST_SENTENCE = 12  # letters


async def personal_texts(connection: Connection, one: TracedCall, pii: PiiCipher | None) -> tuple[str, ...]:
    """Numbers, names and addresses of the caller and the restaurant, and what was said."""
    restaurant = await restaurants.get(connection, one.call.restaurant_id)
    found = [one.call.caller, one.line_number, one.restaurant_name, *_of_restaurant(restaurant)]
    # A short answer such as "yes" tells of nobody, and would be found in half of all words.
    found += [said.text for said in one.call.transcript if len(said.text) >= SHORTEST_SENTENCE]
    if one.call.unconfirmed is not None:
        cart = one.call.unconfirmed.cart
        found += [cart.customer_name, *_of_address(None if cart.fulfilment is None else cart.fulfilment.address)]
    for left in one.call.messages:
        found += [left.text, left.name, left.phone]
    for order in await orders.of_call(connection, one.call.id, pii=pii):
        found += [order.customer_name, *_of_address(order.address)]
    numbers = {form for text in found if text.startswith("+") for form in _spellings(text)}
    return tuple({text.strip() for text in found if text.strip()} | numbers)


def _of_restaurant(restaurant: Restaurant) -> Iterator[str]:
    yield from (restaurant.name, restaurant.street, restaurant.city, restaurant.phone, restaurant.fallback_number)


def _of_address(address: Address | None) -> tuple[str, ...]:
    return () if address is None else (address.street, address.postcode, address.city)


def _spellings(number: str) -> Iterator[str]:
    """An international number, as logs and headers may have it."""
    digits = number.removeprefix("+")
    yield from (number, digits, f"00{digits}", digits[2:], f"0{digits[2:]}")
