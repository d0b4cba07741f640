"""What a trunk's status means for a line, and what to do about it."""

from __future__ import annotations

import re
from typing import NamedTuple


class Meaning(NamedTuple):
    """``what`` is wrong, ``fix`` what to do. Within ``asked_again_s`` the line's node tries again by itself."""

    what: str
    fix: str
    asked_again_s: int = 60


_ENTER = "enter them again as the trunk's contract has them; after a change the line is asked for at once"
_REFUSED_S = 600

MEANINGS = {
    0: Meaning("REGISTER could not be sent", "look at the trunk's name, and at the node's log"),
    400: Meaning("the trunk does not understand our REGISTER", "ask the trunk what it misses in it"),
    401: Meaning("the trunk refuses the username or the password", _ENTER, _REFUSED_S),
    403: Meaning(
        "the trunk forbids it: wrong username or password, or the account is blocked or bound to another address",
        "check the account at the trunk, and which addresses it may be used from",
        _REFUSED_S,
    ),
    404: Meaning("the trunk does not know the username", "check the username, and the domain beside it", _REFUSED_S),
    405: Meaning("the trunk takes no REGISTER", "it may call by its fixed addresses: put them into SIP_PEERS"),
    407: Meaning("the trunk's proxy refuses the username or the password", _ENTER, _REFUSED_S),
    408: Meaning(
        "the trunk does not answer",
        "check its name and port, a firewall between (UDP both ways), and SIP_PUBLIC_ADDRESS behind NAT; by TLS also"
        " whether SIP_TLS_CA has the authority of its certificate; alloresto doctor --trunk asks it from here",
    ),
    416: Meaning("the trunk does not serve this domain", "check the line's domain"),
    423: Meaning("the trunk grants no registration as short as ours", "ask the trunk which time it grants"),
    426: Meaning("the trunk wants another transport, such as TLS", "set the line's transport to what the trunk wants"),
    477: Meaning(
        "the trunk cannot be reached",
        "check its name and port; by TLS, whether SIP_TLS_CA has the authority of its certificate",
    ),
    478: Meaning("the trunk's name leads to no address", "check the line's domain, and the node's DNS"),
    480: Meaning("the trunk cannot take the registration now", "nothing: it is asked again"),
    503: Meaning("the trunk is out of service for now", "nothing: it is asked again"),
    504: Meaning("a server behind the trunk does not answer", "nothing: it is asked again; ask the trunk if it lasts"),
}


def meaning(status: int) -> Meaning:
    known = MEANINGS.get(status)
    if known is not None:
        return known
    if status >= 600:
        return Meaning(f"the trunk refuses the line everywhere ({status})", "check the account at the trunk")
    if status >= 500:
        return Meaning(f"the trunk has a fault of its own ({status})", "nothing: it is asked again")
    return Meaning(f"the trunk answers with {status}", "ask the trunk what it means by it")


_STATUS = re.compile(r"\(([1-6][0-9]{2})\)$")
_WAIT = re.compile(r"asks to wait ([0-9]+) s")


def status_of(error: str) -> int | None:
    """The status that a line's error ends with; None where it names none."""
    found = _STATUS.search(error)
    return int(found[1]) if found else None


def asked_wait_s(error: str) -> int:
    """How long the trunk asked to be left alone; 0 when it did not."""
    found = _WAIT.search(error)
    return int(found[1]) if found else 0
