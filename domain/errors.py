"""The one way the domain says no: a code, what is allowed instead, and which argument to put right."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "unknown_tool",
    "bad_argument",
    "unknown_item",
    "ambiguous_item",
    "unavailable_item",
    "size_needed",
    "unknown_size",
    "unavailable_size",
    "modifier_needed",
    "unknown_modifier",
    "ambiguous_modifier",
    "unavailable_modifier",
    "duplicate_modifier",
    "too_many_modifiers",
    "modifier_not_on_line",
    "bad_quantity",
    "cart_full",
    "unknown_line",
    "nothing_to_change",
    "fulfilment_not_offered",
    "outside_zone",
    "empty_cart",
    "below_minimum",
    "fulfilment_needed",
    "address_needed",
    "name_needed",
    "not_read_back",
    "not_heard",
    "not_answered",
    "caller_speaking",
    "not_agreed",
    "menu_changed",
    "closed",
    "already_confirmed",
    "no_answer",
    "no_transfer",
    "no_tables",
    "too_many_covers",
    "bad_booking_time",
    "closed_at_booking_time",
    "no_table_free",
    "over_limit",
    "kitchen_full",
    "after_last_order",
    "too_soon",
    "not_at_that_time",
    "amount_not_offered",
    "ingredient_stays",
    "not_in_dish",
    "not_served_now",
    "note_claims",
    "halves_not_offered",
    "line_of_parts",
    "warn_first",
    "dish_open",
    "not_asked",
    "total_needed",
    "order_not_found",
    "not_identified",
    "find_first",
    "cart_open",
    "too_late",
    "which_house",
    "unknown_house",
    "no_house_there",
    "house_away",
    "number_needed",
    "bad_number",
    "emergency",
]


MAX_ALLOWED = 30  # names that a refusal lists


class Refused(Exception):  # noqa: N818 - the rules say no; nothing is broken
    """A request that the rules do not allow; nothing was changed.

    ``message`` is English and written for the model or a log. ``field`` names the argument to put right and
    ``allowed`` what it may be. ``subject`` is the thing refused in the restaurant's own words (an item, an
    amount, a time), for the sentence that the caller hears: see ``domain.phrases``. ``wish`` is the option that was
    asked for, as it is said, where that was refused and the dish was not.
    """

    def __init__(
        self, code: Code, message: str, allowed: tuple[str, ...] = (), field: str = "", *, subject: str = ""
    ) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.allowed = allowed
        self.field = field
        self.subject = subject
        self.wish = ""
