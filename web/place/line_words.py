"""How a phone line stands, in the reader's words: what its trunk last answered, what that means, what to do.

The bridge writes its own sentence with the SIP status at its end; the status is what is translated here. A sentence
without a known one is shown as it is, in English.
"""

import re
from typing import Literal, NamedTuple

from stores.line_states import Registration
from stores.lines import PhoneLine
from web.words import _

_STATUS = re.compile(r"\(([1-6][0-9]{2})\)$")

Tone = Literal["good", "bad", "warm", ""]


class LineWords(NamedTuple):
    """``is_raw``: ``why`` is a sentence of the bridge's, in English. ``waits``: the state will soon be another one."""

    tone: Tone
    title: str
    why: str = ""
    fix: str = ""
    is_raw: bool = False
    waits: bool = False


def state(line: PhoneLine, registration: Registration | None, *, has_password: bool = True) -> LineWords:
    if not line.is_active:
        return LineWords("", _("Switched off"), _("Callers who reach it hear that nobody can take the call."))
    match line.provider:
        case "audiosocket":
            return LineWords("good", _("Ready"), _("It takes the calls that your Asterisk sends with its UUID."))
        case "twilio":
            return LineWords("good", _("Ready"), _("It takes the calls that Twilio sends for this number."))
    if line.sip_domain and not line.sip_username:
        if registration is not None and registration.status == "error":
            return _fault(registration.error)._replace(title=_("Without registration"))
        calls = _("Its trunk calls from the addresses of %(domain)s and is not registered at.", domain=line.sip_domain)
        return LineWords("", _("Without registration"), calls)
    if not line.sip_domain:
        return LineWords("", _("No account"), _("It takes calls from telephone systems that your operator lets in."))
    if registration is None:
        return LineWords("warm", _("Connecting"), _("The line waits for a bridge to take it."), waits=True)
    match registration.status:
        case "registered":
            return LineWords("good", _("Registered"), _("Your trunk has accepted the line: calls come in."))
        case "unregistered":
            return LineWords("warm", _("Connecting"), _("Your trunk is being asked."), waits=True)
    return _fault(registration.error)


def _fault(error: str) -> LineWords:
    found = _STATUS.search(error)
    known = _answers().get(int(found[1])) if found else None
    if known is None:
        no_node = error.startswith("no bridge node is up")
        if no_node:
            return LineWords("bad", _("Not registered"), _("No bridge is up that has room for this line."), _operator())
        if error.startswith("the stored SIP password"):
            return LineWords("bad", _("Not registered"), _("The stored password can't be read."), _("Enter it again."))
        return LineWords("bad", _("Not registered"), error, _operator(), is_raw=True)
    return LineWords("bad", _("Not registered"), *known)


def _operator() -> str:
    return _("Tell your operator.")


def _answers() -> dict[int, tuple[str, str]]:
    """What a trunk's status means, and what to do."""
    where = _("Check the domain and its port. If they are right, tell your operator.")
    again = _("Nothing: it is asked again by itself.")
    account = _("Enter username and password again, as the trunk's contract has them.")
    return {
        400: (_("The trunk does not understand the registration."), _("Ask the trunk what it misses in it.")),
        401: (_("The trunk refuses the username or the password."), account),
        403: (
            _("The trunk forbids it: wrong username or password, or an account that is blocked."),
            _("Check the account at the trunk, and from which addresses it may be used."),
        ),
        404: (_("The trunk does not know the username."), _("Check the username, and the domain beside it.")),
        405: (_("The trunk takes no registrations."), _("It may call by its own addresses: tell your operator.")),
        407: (_("The trunk's proxy refuses the username or the password."), account),
        408: (
            _("The trunk does not answer."),
            where,
        ),
        416: (_("The trunk does not serve this domain."), _("Check the domain.")),
        423: (_("The trunk grants no registration as short as ours."), _operator()),
        426: (_("The trunk wants another transport, such as TLS."), _("Choose the transport that the trunk wants.")),
        477: (
            _("The trunk cannot be reached."),
            where,
        ),
        478: (_("The trunk's name leads to no address."), _("Check how the domain is written.")),
        480: (_("The trunk cannot take the registration now."), again),
        503: (_("The trunk is out of service for now."), again),
        504: (_("A server behind the trunk does not answer."), again),
    }
