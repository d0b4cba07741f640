"""Who can be connected: each provider with the fields that its form asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from domain.errands import Service
from integrations.calendars import calcom, caldav
from integrations.crm import hubspot
from integrations.messages import ovh, smtp, twilio
from integrations.payments import stripe
from integrations.printers import escpos
from integrations.tasks import Adapter
from integrations.tills import deliverect, square, store_api, toast

if TYPE_CHECKING:
    from integrations.network import Network

FieldKind = Literal["text", "url", "secret"]


@dataclass(frozen=True, slots=True)
class Field:
    """``name`` names it in settings, or among the secrets; ``web.integration_words`` has its label."""

    name: str
    kind: FieldKind = "text"
    required: bool = True

    @property
    def is_secret(self) -> bool:
        return self.kind == "secret"


@dataclass(frozen=True, slots=True)
class Provider:
    """``open`` takes the settings and the secrets by their fields' names; what is not required may be absent.

    ``reads_menu``: it can be asked what it sells (``domain.errands.ReadTill``).
    """

    name: str
    label: str
    service: Service
    fields: tuple[Field, ...]
    open: Callable[[Network, Mapping[str, str], Mapping[str, str]], Adapter]
    reads_menu: bool = False


PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider(
            "store_api",
            "Store API",
            "till",
            (Field("url", "url"), Field("token", "secret")),
            store_api.StoreApi.open,
        ),
        Provider(
            "twilio",
            "Twilio",
            "messages",
            (
                Field("account"),
                Field("sender"),
                Field("token", "secret"),
                Field("menu_link", "url", required=False),
                Field("url", "url", required=False),
            ),
            twilio.Twilio.open,
        ),
        Provider(
            "ovh",
            "OVHcloud SMS",
            "messages",
            (
                Field("service"),
                Field("sender", required=False),
                Field("application_key"),
                Field("application_secret", "secret"),
                Field("consumer_key", "secret"),
                Field("menu_link", "url", required=False),
                Field("url", "url", required=False),
            ),
            ovh.Ovh.open,
        ),
        Provider(
            "smtp",
            "SMTP",
            "mail",
            (
                Field("host"),
                Field("port", required=False),
                Field("security", required=False),
                Field("from_address"),
                Field("user", required=False),
                Field("password", "secret", required=False),
            ),
            smtp.Smtp,
        ),
        Provider(
            "deliverect",
            "Deliverect",
            "till",
            (
                Field("channel"),
                Field("channel_link"),
                Field("client_id"),
                Field("client_secret", "secret"),
                Field("hmac_secret", "secret"),
                Field("url", "url", required=False),
            ),
            deliverect.Deliverect,
        ),
        Provider(
            "square",
            "Square",
            "till",
            (
                Field("location"),
                Field("token", "secret"),
                Field("signature_key", "secret"),
                Field("url", "url", required=False),
            ),
            square.Square,
            reads_menu=True,
        ),
        Provider(
            "toast",
            "Toast",
            "till",
            (
                Field("url", "url"),
                Field("restaurant"),
                Field("client_id"),
                Field("client_secret", "secret"),
                Field("hmac_secret", "secret"),
            ),
            toast.Toast,
            reads_menu=True,
        ),
        Provider(
            "stripe",
            "Stripe",
            "payments",
            (
                Field("key", "secret"),
                Field("webhook_secret", "secret"),
                Field("url", "url", required=False),
            ),
            stripe.Stripe.open,
        ),
        Provider(
            "caldav",
            "CalDAV",
            "calendar",
            (Field("url", "url"), Field("user"), Field("password", "secret")),
            caldav.CalDav.open,
        ),
        Provider(
            "calcom",
            "Cal.com",
            "calendar",
            (
                Field("event_type"),
                Field("email"),
                Field("key", "secret"),
                Field("webhook_secret", "secret", required=False),
                Field("url", "url", required=False),
            ),
            calcom.CalCom.open,
        ),
        Provider(
            "hubspot",
            "HubSpot",
            "crm",
            (Field("token", "secret"), Field("url", "url", required=False)),
            hubspot.HubSpot.open,
        ),
        Provider(
            "escpos",
            "ESC/POS",
            "printer",
            (
                Field("address"),
                Field("categories", required=False),
                Field("width", required=False),
                Field("code_page", required=False),
            ),
            escpos.Printer,
        ),
    )
}
