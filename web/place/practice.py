"""The practice line: how a restaurant is rung from its own page, by the computer's microphone.

To a bridge it is a line of Twilio's with a number that nobody can dial, so the call is one like any other: the same
greeting, handler, limits and events. Whoever knows a line's auth token is Twilio to the bridge. This one's follows from
MASTER_KEY and the line's id, so it is never read back; the page gets the stream's own token, which opens it once.
"""

import contextlib
import html
import re
import urllib.error
import urllib.request
import uuid
from urllib.parse import urlencode, urlsplit

from domain import twilio_signatures
from eventing import lines as told_lines
from stores import lines
from stores.lines import PhoneLine
from stores.postgres import Connection
from web import context
from web.place.changes import SOURCE

PREFIX = "practice"
ANSWER_WITHIN_S = 5.0
MOST_BYTES = 64 * 1024
_STREAM = re.compile(r'<Stream url="([^"]+)"')


class NotTakenError(Exception):
    """No bridge takes the call now. ``soon``: the line is too new for it to know, so asking again helps."""

    def __init__(self, *, soon: bool) -> None:
        self.soon = soon
        super().__init__("no bridge takes the call")


def is_practice(line: PhoneLine) -> bool:
    """It rings from the set-up page only, so no other page shows it."""
    return line.provider == "twilio" and line.number.startswith(PREFIX)


async def practice_line(connection: Connection, restaurant_id: str) -> tuple[PhoneLine, bool]:
    """The restaurant's, made when it has none; whether it was made."""
    for line in await lines.of_restaurant(connection, restaurant_id):
        if is_practice(line) and line.is_active:
            return line, False
    line_id = str(uuid.uuid4())
    line = await told_lines.create(
        connection,
        source=SOURCE,
        restaurant_id=restaurant_id,
        number=f"{PREFIX}{line_id.replace('-', '')[:16]}",
        cipher=context.sip_passwords(),
        provider="twilio",
        line_id=line_id,
        twilio_auth_token=context.sip_passwords().practice_tokens(line_id)[0],
    )
    return line, True


def ring(line: PhoneLine) -> tuple[str, str]:
    """Have the bridge expect the page's stream: its address, good for one connection within 15 s, and the call's SID.

    Raises NotTakenError.
    """
    sid = f"CA{uuid.uuid4().hex}"
    form = {"CallSid": sid, "From": "", "To": line.number, "CallStatus": "ringing"}
    *older, last = reversed(context.sip_passwords().practice_tokens(line.id))
    for token in older:  # while MASTER_KEY is rotated: the line may still have the token of before
        with contextlib.suppress(NotTakenError):
            return _asked(token, form), sid
    return _asked(last, form), sid


def _asked(token: str, form: dict[str, str]) -> str:
    """The stream's address. Raises NotTakenError."""
    url = f"{context.settings().web_twilio_url.rstrip('/')}/voice"
    request = urllib.request.Request(
        url,
        data=urlencode(form).encode(),
        headers={"X-Twilio-Signature": twilio_signatures.sign(token, url, form.items())},
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:
            found = _STREAM.search(answer.read(MOST_BYTES).decode())
    except urllib.error.HTTPError as error:
        raise NotTakenError(soon=error.code == 403) from None
    except OSError:
        raise NotTakenError(soon=False) from None
    if found is None:  # a busy signal
        raise NotTakenError(soon=False)
    return html.unescape(found[1])


def socket_origin() -> str:
    """Where the page's stream goes, for its Content-Security-Policy; "" where practice is not offered."""
    parts = urlsplit(context.settings().web_twilio_url)
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}" if parts.netloc else ""
