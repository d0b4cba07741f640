"""What an examination found, as plain data: the same shape for a machine, a cluster and a folder of manifests."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    """Costs time or money, or takes away a safety net; no call is lost by it alone."""
    REFUSED = "refused"
    """Loses calls, lets callers wait behind other calls, or nothing starts."""
    NOT_EXAMINED = "not examined"
    """Could not be read, so nothing can be said about it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined.

    ``what`` names the object (with its file, where it comes from one) or the part of the machine, ``field`` the
    dotted path inside it, ``detail`` what is there, ``consequence`` what that was measured to do. ``fix`` is what
    to do when ``ok`` is False: commands or lines of YAML, one a line. A warning does not fail the examination.
    """

    what: str
    ok: bool
    detail: str
    fix: str = ""
    warning: bool = False
    field: str = ""
    consequence: str = ""
    examined: bool = True

    @property
    def verdict(self) -> Verdict:
        if not self.examined:
            return Verdict.NOT_EXAMINED
        if self.ok:
            return Verdict.GOOD
        return Verdict.WARNING if self.warning else Verdict.REFUSED

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what is empty is left out."""
        texts = {
            "what": self.what,
            "field": self.field,
            "found": self.detail,
            "consequence": self.consequence,
            "fix": "" if self.ok else self.fix,
        }
        return {"verdict": self.verdict.value} | {key: text for key, text in texts.items() if text}


def exit_status(findings: Iterable[Finding]) -> int:
    """0: nothing is wrong but what warnings say. 1: something is refused. 3: nothing is, as far as could be read.

    2 is left out: it is what a command line with a wrong option ends with.
    """
    verdicts = {finding.verdict for finding in findings}
    if Verdict.REFUSED in verdicts:
        return 1
    return 3 if Verdict.NOT_EXAMINED in verdicts else 0
