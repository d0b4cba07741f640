"""The sections of a restaurant's pages, in the order of a day: what is looked at often, then what is set once."""

from dataclasses import dataclass

from stores.users import MemberRole
from web.access import may
from web.words import _


@dataclass(frozen=True, slots=True)
class Link:
    """``blueprint`` marks the link as the current one on all its pages."""

    endpoint: str
    label: str

    @property
    def blueprint(self) -> str:
        return self.endpoint.split(".")[0]


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    links: tuple[Link, ...]


def sections(role: MemberRole) -> tuple[Section, ...]:
    """The sections with what ``role`` may open; one with nothing in it is left out."""
    everything = (
        Section(
            _("Service"),
            (
                Link("overview.show", _("Overview")),
                Link("orders.index", _("Orders")),
                Link("calls.index", _("Calls")),
                Link("reservations.index", _("Reservations")),
                Link("customers.index", _("Customers")),
                Link("figures.show", _("Figures")),
            ),
        ),
        Section(
            _("Restaurant"),
            (
                Link("menu.index", _("Menu")),
                Link("hours.index", _("Hours")),
                Link("delivery.index", _("Delivery")),
                Link("rooms.index", _("Rooms")),
                Link("voice.index", _("Voice")),
                Link("questions.index", _("Questions")),
                Link("chain.index", _("Chain")),
            ),
        ),
        Section(
            _("Set-up"),
            (
                Link("setup.index", _("Set-up")),
                Link("lines.index", _("Phone lines")),
                Link("devices.index", _("Devices")),
                Link("team.index", _("Team")),
                Link("connections.index", _("Connections")),
                Link("integrations.index", _("Integrations")),
                Link("retention.index", _("What you keep")),
                Link("history.index", _("History")),
            ),
        ),
    )
    allowed = (Section(s.title, tuple(link for link in s.links if may(link.endpoint, role))) for s in everything)
    return tuple(section for section in allowed if section.links)
