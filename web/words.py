"""What is said in the reader's language: the two functions that translate, and words for the database's codes."""

from functools import cache
from gettext import NullTranslations
from pathlib import Path

from babel.support import Translations
from flask_babel import get_locale  # type: ignore[import-untyped]

from stores.audit import GUEST, SUPPORT

_TRANSLATIONS = Path(__file__).parent / "translations"


def _(message: str, **values: object) -> str:
    """``message`` in the reader's language, with ``%(name)s`` filled in."""
    text = _catalogue().gettext(message)
    return text % values if values else text


def plural(one: str, many: str, number: int) -> str:
    """``%(num)s`` in either is the number."""
    return _catalogue().ngettext(one, many, number) % {"num": number}


def _catalogue() -> NullTranslations:
    # Flask-Babel's own gettext looks for its catalogue anew at each message, and a page has hundreds.
    locale = get_locale()
    return _of_language(locale.language if locale else "en")


@cache
def _of_language(language: str) -> NullTranslations:
    return Translations.load(_TRANSLATIONS, [language])


def who(name: str) -> str:
    """The name of ``stores.audit.Actor``, as the restaurant reads it."""
    return {SUPPORT: _("Support"), GUEST: _("the guest")}.get(name, name)


def roles() -> dict[str, str]:
    return {"staff": _("Staff member"), "manager": _("Manager"), "owner": _("Owner")}


def audited() -> dict[str, str]:
    """What an entry of the log says was done."""
    return {
        "menu.changed": _("Menu changed"),
        "menu.photo_changed": _("Photo changed"),
        "menu.photo_removed": _("Photo removed"),
        "device.added": _("Device added"),
        "device.removed": _("Device removed"),
        "connections.created": _("Connected"),
        "connections.changed": _("Connection changed"),
        "connections.switched": _("Connection turned on or off"),
        "connections.deleted": _("Disconnected"),
        "webhooks.created": _("Webhook added"),
        "webhooks.changed": _("Webhook changed"),
        "webhooks.switched": _("Webhook turned on or off"),
        "webhooks.secret_changed": _("Webhook given a new secret"),
        "webhooks.replayed": _("Webhook sent events again"),
        "webhooks.deleted": _("Webhook deleted"),
        "customers.exported": _("Customer’s data exported"),
        "customers.erased": _("Customer erased"),
        "setup.restaurant_created": _("Restaurant created"),
        "setup.example_menu_taken": _("Example menu taken"),
        "setup.practice_line_made": _("Test line made"),
        "letter.read": _("Undelivered message read"),
        "letter.replayed": _("Undelivered message sent again"),
        "hours.week_changed": _("Opening hours changed"),
        "hours.date_set": _("Date with other hours"),
        "hours.date_removed": _("Date follows the week again"),
        "hours.outside_changed": _("Orders outside the hours changed"),
        "delivery.zones_changed": _("Delivery zones changed"),
        "delivery.offers_changed": _("Ways of ordering changed"),
        "questions.changed": _("Questions changed"),
        "voice.changed": _("Voice changed"),
        "lines.created": _("Phone line added"),
        "lines.changed": _("Phone line changed"),
        "lines.switched": _("Phone line turned on or off"),
        "order.moved": _("Order moved on"),
        "order.changed": _("Order changed"),
        "order.cancelled": _("Order cancelled"),
        "order.reprinted": _("Ticket printed again"),
        "order.refund_asked": _("Refund asked for"),
        "order.allergies_noted": _("Allergies noted"),
        "orders.moved": _("Orders closed"),
        "call.followed_up": _("Call followed up"),
        "reservations.created": _("Booking made"),
        "reservations.changed": _("Booking changed"),
        "reservations.moved": _("Booking moved on"),
        "reservations.waiting": _("Put on the waiting list"),
        "reservations.offered": _("Table held for somebody waiting"),
        "reservations.left_waiting": _("Left the waiting list"),
        "rooms.added": _("Room added"),
        "rooms.changed": _("Room or tables changed"),
        "rooms.removed": _("Room removed"),
        "rooms.rules_changed": _("Rules of reservations changed"),
        "retention.changed": _("What is kept changed"),
        "chain.changed": _("House of the chain changed"),
        "chain.joined": _("House joined the chain"),
        "chain.left": _("House left the chain"),
        "chain.ordered": _("Order of the houses changed"),
        "chain.renamed": _("Chain renamed"),
        "reservations.cancelled": _("Booking cancelled"),
        "restaurant.created": _("Restaurant created"),
        "restaurant.changed": _("Restaurant changed"),
        "tokens.created": _("Token made"),
        "tokens.revoked": _("Token revoked"),
        "team.member_invited": _("Invited to the team"),
        "team.invitation_withdrawn": _("Invitation withdrawn"),
        "team.member_joined": _("Joined the team"),
        "team.role_changed": _("Role changed"),
        "team.member_removed": _("Left the team"),
        "team.second_step_reset": _("Second step taken off"),
        "user.second_step_reset": _("Second step taken off"),
        "support.entered": _("Support looked in"),
        "support.left": _("Support left"),
        "tenant.plan_changed": _("Plan changed"),
        "tenant.disabled": _("Restaurant turned off"),
        "tenant.enabled": _("Restaurant turned on"),
        "tenant.created": _("Restaurant created"),
    }


def audited_fields() -> dict[str, str]:
    """What an entry calls what it changed, where its own name for it is none that a restaurateur knows."""
    return {
        "name": _("Name"),
        "description": _("Description"),
        "price_cents": _("Price"),
        "available": _("Available"),
        "off_until": _("Off until"),
        "email": _("Email address"),
        "role": _("Role"),
        "scopes": _("Rights"),
        "url": _("Address"),
        "types": _("Events"),
        "personal": _("Names and numbers"),
        "is_active": _("On"),
        "on": _("On"),
        "number": _("Number"),
        "status": _("Status"),
        "covers": _("Covers"),
        "tables": _("Tables"),
        "starts_at": _("Begins"),
        "greeting": _("Greeting"),
        "language": _("Language"),
        "style": _("Style"),
        "upsell": _("Upsell"),
        "engines": _("Engines"),
        "record_calls": _("Record the calls"),
        "fallback_number": _("Your number"),
        "pickup": _("Pick-up"),
        "delivery": _("Delivery"),
        "dine_in": _("Eat in"),
        "reason": _("Reason"),
        "called": _("Name of the house"),
        "asks": _("Callers are asked which house they want"),
        "serves": _("Callers may choose this house"),
        "offers_closed": _("Offer a sister while this house is closed"),
        "offers_full": _("Offer a sister when there is no table, or the kitchen is full"),
        "offers_outside": _("Offer a sister that delivers where this house does not"),
        "transcript_days": _("What was said"),
        "recording_days": _("Recordings"),
        "customer_days": _("Customers"),
    }


def message_templates() -> dict[str, str]:
    """Of ``domain.messages.Template``, what an order's page may have."""
    return {
        "order_confirmed": _("Confirmation"),
        "order_changed": _("Order changed"),
        "order_ready": _("“Your order is ready”"),
        "order_cancelled": _("Cancellation"),
        "payment_link": _("Payment by link"),
    }


def payment_states() -> dict[str, str]:
    """``domain.payments.State``."""
    return {
        "requested": _("Not paid yet"),
        "expired": _("Not paid; the page has ended"),
        "paid": _("Paid"),
        "refund_due": _("Paid"),
        "refunded": _("Sent back"),
    }


def deposit_states() -> dict[str, str]:
    """``domain.deposits.State``."""
    return {
        "awaited": _("Not paid yet"),
        "closing": _("Not paid; the page is being closed"),
        "paid": _("Paid"),
        "lapsed": _("Not paid in time; the table was let go"),
        "closed": _("Not asked for any more"),
        "waived": _("Done without"),
        "refund_due": _("Goes back"),
        "refunded": _("Sent back"),
    }


def message_fates() -> dict[str, str]:
    return {
        "accepted": _("handed over"),
        "sent": _("sent"),
        "delivered": _("delivered"),
        "failed": _("not delivered"),
    }


def fulfilments() -> dict[str, str]:
    return {"pickup": _("Pick-up"), "delivery": _("Delivery"), "dine_in": _("Eat in")}


def order_statuses() -> dict[str, str]:
    return {
        "confirmed": _("New"),
        "preparing": _("In preparation"),
        "ready": _("Ready"),
        "done": _("Done"),
        "cancelled": _("Cancelled"),
    }


def order_moves() -> dict[str, str]:
    """What the tap says that brings an order to this status."""
    return {
        "confirmed": _("Back to new"),
        "preparing": _("Start"),
        "ready": _("Ready"),
        "done": _("Handed over"),
    }


def waits() -> dict[str, str]:
    """How urgent an open order is; the colour beside it says the same."""
    return {"calm": "", "soon": _("Over 15 min"), "late": _("Over 20 min"), "overdue": _("Promise passed")}


def cancel_reasons() -> dict[str, str]:
    return {
        "customer": _("The guest cancelled"),
        "sold_out": _("Something is sold out"),
        "closed": _("The kitchen is closed"),
        "unreachable": _("Nobody came, or nobody was there"),
        "mistake": _("Taken by mistake"),
        "other": _("Something else"),
    }


def changes_until() -> dict[str, str]:
    """Until when guests may change or cancel an order: ``domain.kitchen.may_be_changed``."""
    return {
        "never": _("never"),
        "started": _("until the kitchen starts"),
        "ready": _("until it is ready"),
    }


def follow_ups() -> dict[str, str]:
    """What the restaurant has done about a missed caller or an unconfirmed cart."""
    return {"called_back": _("Called back"), "settled": _("Settled")}


def tools() -> dict[str, str]:
    """What the assistant does in a call: ``domain.tool_parameters.TOOLS``."""
    return {
        "add_item": _("Added a dish"),
        "add_halves": _("Added a dish of two halves"),
        "change_item": _("Changed a dish"),
        "remove_item": _("Took a dish out"),
        "missing_dish": _("Asked about what the menu doesn’t have"),
        "set_allergies": _("Noted allergies"),
        "set_fulfilment": _("Noted pick-up, delivery or eating in"),
        "set_time": _("Noted the time"),
        "set_customer": _("Noted the name"),
        "offer_extra": _("Offered one thing more"),
        "read_cart": _("Read the order back"),
        "confirm_order": _("Sent the order to the kitchen"),
        "describe_item": _("Looked up a dish"),
        "search_menu": _("Searched the menu"),
        "look_up_faq": _("Looked up an answer"),
        "opening_hours": _("Looked up the hours"),
        "find_order": _("Looked for an order placed before"),
        "change_order": _("Took an order out to change it"),
        "cancel_order": _("Cancelled an order for the caller"),
        "check_table": _("Looked for a table"),
        "book_table": _("Booked a table"),
        "leave_message": _("Took a message for the team"),
        "choose_house": _("Went on in a house of the chain"),
        "transfer_to_human": _("Put the caller through"),
        "end_call": _("Hung up"),
        "other": _("Something that it can't do"),
    }


def booking_statuses() -> dict[str, str]:
    return {
        "requested": _("Requested"),
        "held": _("Held"),
        "confirmed": _("Booked"),
        "seated": _("Came"),
        "finished": _("Came and left"),
        "no_show": _("Did not come"),
        "cancelled": _("Cancelled"),
    }


def reservation_statuses() -> dict[str, str]:
    """Of one reservation; ``booking_statuses`` are of many."""
    return {
        "requested": _("Request"),
        "held": _("Table held"),
        "confirmed": _("Confirmed"),
        "seated": _("At the table"),
        "finished": _("Gone"),
        "no_show": _("No-show"),
        "cancelled": _("Cancelled"),
    }


def booking_moves() -> dict[str, str]:
    """What the button says that brings a booking to this status; ``back`` is for one that goes back to booked."""
    return {
        "confirmed": _("Confirm"),
        "seated": _("They are here"),
        "finished": _("Table free"),
        "no_show": _("No-show"),
        "back": _("Back to booked"),
        "seated_again": _("Back at the table"),
    }


def booking_cancel_reasons() -> dict[str, str]:
    return {
        "guest": _("The guest cancelled"),
        "restaurant": _("We can’t take them"),
        "mistake": _("Taken by mistake"),
        "other": _("Something else"),
    }


def outcomes() -> dict[str, str]:
    return {
        "in_progress": _("In progress"),
        "order_confirmed": _("Order"),
        "reservation_made": _("Booking"),
        "answered": _("Answered"),
        "abandoned": _("Hung up"),
        "transferred": _("Transferred"),
        "message_taken": _("Message"),
        "busy": _("Busy"),
        "superseded": _("Taken over"),
        "failed": _("Failed"),
        "lost": _("Lost"),
    }


def message_kinds() -> dict[str, str]:
    """``domain.left_messages.KINDS``."""
    return {
        "lost_property": _("Something lost or found"),
        "complaint": _("A complaint"),
        "supplier": _("A supplier"),
        "group": _("A group"),
        "other": _("A message"),
    }


def went_because() -> dict[str, str]:
    """Why a call went on in another house: ``domain.chains.Because``."""
    return {
        "asked": _("the caller asked for that house"),
        "place": _("that house is the one for where the caller is"),
        "closed": _("this house was closed"),
        "full": _("this house was full"),
        "outside": _("this house does not deliver there"),
    }


def unconfirmed_reasons() -> dict[str, str]:
    """Why nobody agreed to a cart."""
    return {
        "caller_hung_up": _("The caller hung up"),
        "transferred": _("The caller was transferred"),
        "engine_failed": _("The assistant failed"),
        "handler_lost": _("The call was lost"),
        "not_saved": _("The order could not be saved"),
    }


def call_states() -> dict[str, str]:
    """The states of a call that is going on, as the live feed names them."""
    return {
        "ringing": _("Ringing"),
        "answered": _("Answered"),
        "greeting": _("Greeting"),
        "waiting": _("Waiting for the assistant"),
        "joined": _("In conversation"),
        "lost": _("Reconnecting"),
        "resumed": _("In conversation"),
    }


def price_problems() -> dict[str, str]:
    example = _("12.50")
    return {
        "empty": _("Price: nothing was entered. Type an amount like %(example)s.", example=example),
        "negative": _("Price: it cannot be negative. Type an amount like %(example)s.", example=example),
        "not_a_price": _("Price: this is not an amount. Type one like %(example)s.", example=example),
        "decimals": _("Price: two decimals at most, no thousands mark. Type one like %(example)s.", example=example),
        "too_large": _("Price: at most %(limit)s. Check the decimal mark.", limit=_("1,000.00")),
    }


def when_closed() -> dict[str, str]:
    """What callers get outside of the hours."""
    return {
        "answer": _("The assistant answers"),
        "forward": _("They are forwarded to your number"),
        "take_message": _("They may leave a message"),
        "busy": _("They hear a goodbye"),
    }


def holidays() -> dict[str, str]:
    """``domain.holidays.NAMES``."""
    return {
        "new_year": _("New Year’s Day"),
        "st_brigid": _("Saint Brigid’s Day"),
        "st_patrick": _("Saint Patrick’s Day"),
        "good_friday": _("Good Friday"),
        "easter_monday": _("Easter Monday"),
        "labour_day": _("Labour Day"),
        "may_holiday": _("May bank holiday"),
        "spring_holiday": _("Spring bank holiday"),
        "victory_day": _("Victory in Europe Day"),
        "ascension": _("Ascension Day"),
        "whit_monday": _("Whit Monday"),
        "june_holiday": _("June bank holiday"),
        "national_day": _("National day"),
        "august_holiday": _("August bank holiday"),
        "assumption": _("Assumption Day"),
        "october_holiday": _("October bank holiday"),
        "all_saints": _("All Saints’ Day"),
        "armistice": _("Armistice Day"),
        "christmas": _("Christmas Day"),
        "st_stephen": _("Saint Stephen’s Day"),
        "boxing_day": _("Boxing Day"),
        "bank_holiday": _("Bank holiday in lieu"),
    }


def providers() -> dict[str, str]:
    return {"sip": "SIP", "twilio": "Twilio", "audiosocket": "Asterisk"}


def transfers() -> dict[str, str]:
    """How a line's callers are put through to a human."""
    return {
        "auto": _("By whichever way works"),
        "refer": _("By the trunk (REFER)"),
        "second_leg": _("By a second call of ours"),
        "attended": _("By a second call that begins with a word to you"),
    }


def srtp() -> dict[str, str]:
    return {"off": _("Off"), "optional": _("Where the trunk offers it"), "required": _("Always (SRTP)")}


def fallbacks() -> dict[str, str]:
    """What callers get whom nobody can serve."""
    return {
        "forward": _("They are forwarded to your number"),
        "take_message": _("They may leave a message"),
        "busy": _("They hear that all lines are busy"),
    }


def styles() -> dict[str, str]:
    return {"warm": _("Warm"), "brief": _("Brief"), "formal": _("Formal")}


def spoken_languages() -> dict[str, str]:
    return {"fr": "Français", "en": "English"}


def countries() -> dict[str, str]:
    """Where a restaurant can be set up by its owner."""
    return {
        "FR": _("France"),
        "BE": _("Belgium"),
        "CH": _("Switzerland"),
        "LU": _("Luxembourg"),
        "IE": _("Ireland"),
        "GB": _("United Kingdom"),
    }
