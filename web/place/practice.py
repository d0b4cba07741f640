"""The practice line: how a restaurant is rung from its own page, by the computer's microphone.

To the bridge it is a line of Twilio's with a number that nobody can dial. Whoever knows its auth token is Twilio to
the bridge; the token follows from MASTER_KEY, so it is neither stored in clear nor ever read back.
"""

from stores.lines import PhoneLine

PREFIX = "practice"


def is_practice(line: PhoneLine) -> bool:
    """It rings from the set-up page only, so no other page shows it."""
    return line.provider == "twilio" and line.number.startswith(PREFIX)
