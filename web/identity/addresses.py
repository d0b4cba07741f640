"""E-mail addresses as people type them."""

import re

LONGEST_EMAIL = 254

# What an SMTP server without SMTPUTF8 takes. Whether the mailbox exists only a mail can tell.
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


def normal(typed: str) -> str | None:
    """The address in lower case, as the tables keep it; None for what can't be one."""
    email = typed.strip().lower()
    return email if len(email) <= LONGEST_EMAIL and _EMAIL.fullmatch(email) else None
