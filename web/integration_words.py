"""Rights, events and states of integrations in the reader's language."""

from web.words import _


def scopes() -> dict[str, str]:
    """``web.api.scopes``, but for the platform's."""
    return {
        "restaurant:read": _("Read the restaurant’s address, hours and rules"),
        "restaurant:write": _("Change the restaurant’s address and rules"),
        "menu:read": _("Read the menu"),
        "menu:availability": _("Take dishes off and put them back"),
        "menu:write": _("Change the menu and its prices"),
        "orders:read": _("Read orders"),
        "orders:write": _("Move orders on"),
        "reservations:read": _("Read reservations"),
        "reservations:write": _("Make and cancel reservations"),
        "calls:read": _("Read calls"),
        "calls:transcript": _("Read what was said in calls"),
        "lines:read": _("Read phone lines"),
        "lines:write": _("Add phone lines, switch them on and off"),
        "events:read": _("Read events"),
        "personal": _("See callers’ names, numbers and addresses"),
    }


def platform_scopes() -> dict[str, str]:
    """``web.api.scopes.OF_THE_PLATFORM``."""
    return {"restaurants:create": _("Create restaurants with their phone lines")}


def event_types() -> dict[str, str]:
    """``eventing.integrators``."""
    return {
        "com.alloresto.order.confirmed": _("Order confirmed"),
        "com.alloresto.order.moved": _("Order moved on in the kitchen"),
        "com.alloresto.order.cancelled": _("Order cancelled"),
        "com.alloresto.order.refused": _("Order not taken by the till"),
        "com.alloresto.payment.settled": _("Payment by link settled"),
        "com.alloresto.cart.abandoned": _("Cart left unconfirmed"),
        "com.alloresto.reservation.made": _("Reservation made"),
        "com.alloresto.reservation.changed": _("Reservation changed"),
        "com.alloresto.reservation.cancelled": _("Reservation cancelled"),
        "com.alloresto.deposit.changed": _("Deposit changed"),
        "com.alloresto.call.started": _("Call started"),
        "com.alloresto.call.ended": _("Call ended"),
        "com.alloresto.call.missed": _("Call missed"),
        "com.alloresto.call.transferred": _("Call put through"),
        "com.alloresto.call.rerouted": _("Call went on in another house"),
        "com.alloresto.menu.changed": _("Menu changed"),
        "com.alloresto.restaurant.changed": _("Restaurant changed"),
        "com.alloresto.faq.changed": _("Questions changed"),
        "com.alloresto.line.changed": _("Phone line changed"),
        "com.alloresto.webhook.tested": _("Test"),
    }


def lifetimes() -> dict[str, str]:
    return {"30": _("30 days"), "365": _("One year"), "never": _("Until it is revoked")}


def replayed() -> dict[str, str]:
    """How far back, in hours: as far as events are kept."""
    return {"1": _("the last hour"), "24": _("the last 24 hours"), "336": _("the last two weeks")}


def delivery_states() -> dict[str, str]:
    return {"waiting": _("Waiting"), "delivered": _("Delivered"), "failed": _("Given up")}


def url_problems() -> dict[str, str]:
    """``domain.webhooks.BadUrlError``."""
    return {
        "url": _("Address: this is not a web address. Type one like %(example)s.", example="https://till.example/hook"),
        "https": _("Address: it begins with https://, so that nobody can read along."),
        "userinfo": _("Address: leave the name and the password out; the signature says who we are."),
        "fragment": _("Address: leave out what follows the #."),
        "address": _("Address: it has to be reachable from the internet."),
        "length": _("Address: it is too long."),
    }
