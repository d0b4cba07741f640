"""The little of TwiML that the bridge answers with."""

from xml.sax.saxutils import quoteattr

CONTENT_TYPE = "application/xml"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def connect(stream_url: str, status_url: str) -> str:
    """Connect the call's audio to ``stream_url`` both ways. When the stream is closed, the call is over: nothing
    follows."""
    stream = f"<Stream url={quoteattr(stream_url)} statusCallback={quoteattr(status_url)}/>"
    return f"{_HEAD}<Response><Connect>{stream}</Connect></Response>"


def reject_busy() -> str:
    """The caller hears the busy signal; the call is not billed."""
    return f'{_HEAD}<Response><Reject reason="busy"/></Response>'
