"""What may be connected, its forms' fields, and what it was told, in the reader's language."""

from domain.errands import Service
from web.words import _


def services() -> dict[Service, str]:
    return {
        "till": _("Till"),
        "printer": _("Kitchen printers"),
        "messages": _("Messages to guests"),
        "mail": _("E-mail to guests"),
        "payments": _("Payments"),
        "calendar": _("Calendar"),
        "crm": _("Customer files"),
    }


def why() -> dict[Service, str]:
    """What a restaurant has of it."""
    return {
        "till": _("Orders of the phone stand in your till, once each."),
        "printer": _("Each order is printed where it is cooked."),
        "messages": _("Guests get their order, their booking and the menu in writing."),
        "mail": _("Guests who leave an address on their order’s page are told by e-mail instead of by text."),
        "payments": _("Guests pay by a link. Nobody says a card number aloud."),
        "calendar": _("Bookings stand in your calendar."),
        "crm": _("Who books is in your customer files."),
    }


def fields() -> dict[str, str]:
    """``integrations.catalogue.Field``, by its name."""
    return {
        "url": _("Address"),
        "token": _("Token"),
        "account": _("Account SID"),
        "sender": _("Sender: number or name"),
        "service": _("SMS account"),
        "application_key": _("Application key"),
        "application_secret": _("Application secret"),
        "consumer_key": _("Consumer key"),
        "host": _("SMTP server"),
        "port": _("Port (587 if empty)"),
        "security": _("starttls (if empty) or tls"),
        "from_address": _("Address that mails are from"),
        "user": _("User name"),
        "password": _("Password"),
        "menu_link": _("Address of your menu, sent to callers who were missed"),
        "channel": _("Channel’s name"),
        "channel_link": _("Channel link"),
        "client_id": _("Client ID"),
        "location": _("Location ID"),
        "signature_key": _("Signature key of the webhook"),
        "restaurant": _("Restaurant’s GUID"),
        "client_secret": _("Client secret"),
        "hmac_secret": _("Webhook secret"),
        "address": _("Printer’s address"),
        "key": _("Restricted key"),
        "event_type": _("Event type’s number"),
        "email": _("E-mail address that is told of bookings"),
        "webhook_secret": _("Signing secret of the webhook"),
        "categories": _("Categories made there (with commas; empty for all)"),
        "width": _("Letters in a row (42 if empty)"),
        "code_page": _("Code page (cp858 if empty)"),
    }


def kinds() -> dict[str, str]:
    """The kinds of ``domain.errands``."""
    return {
        "order.place": _("Order"),
        "order.cancel": _("Order cancelled"),
        "till.read": _("Menu read"),
        "message.send": _("Text message"),
        "mail.send": _("E-mail"),
        "payment.request": _("Payment page"),
        "payment.cancel": _("Payment page closed"),
        "payment.refund": _("Refund"),
        "ticket.print": _("Kitchen ticket"),
        "calendar.keep": _("Booking in the calendar"),
        "calendar.release": _("Booking taken out of the calendar"),
        "calendar.forget": _("Name taken out of the calendar"),
        "customer.note": _("Customer’s file"),
        "customer.forget": _("Customer’s file erased"),
    }


def states() -> dict[str, str]:
    return {"waiting": _("Waiting"), "done": _("Arrived"), "refused": _("Refused"), "failed": _("Given up")}
