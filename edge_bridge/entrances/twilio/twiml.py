"""The little of TwiML that the bridge answers with."""

from xml.sax.saxutils import escape, quoteattr

CONTENT_TYPE = "application/xml"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def connect(stream_url: str, status_url: str, next_url: str) -> str:
    """Connect the call's audio to ``stream_url`` both ways; ask ``next_url`` when the stream is closed."""
    stream = f"<Stream url={quoteattr(stream_url)} statusCallback={quoteattr(status_url)}/>"
    redirect = f'<Redirect method="POST">{escape(next_url)}</Redirect>'
    return f"{_HEAD}<Response><Connect>{stream}</Connect>{redirect}</Response>"


def dial(number: str, ring_s: int, action_url: str, status_url: str) -> str:
    """Put the caller through; ``status_url`` hears when the phone is answered, ``action_url`` is asked at the end."""
    callback = f'statusCallbackEvent="answered" statusCallback={quoteattr(status_url)} statusCallbackMethod="POST"'
    dialled = f"<Number {callback}>{escape(number)}</Number>"
    return (
        f'{_HEAD}<Response><Dial timeout="{ring_s}" action={quoteattr(action_url)} method="POST">{dialled}'
        "</Dial></Response>"
    )


def hang_up() -> str:
    return f"{_HEAD}<Response><Hangup/></Response>"


def reject_busy() -> str:
    """The caller hears the busy signal; the call is not billed."""
    return f'{_HEAD}<Response><Reject reason="busy"/></Response>'
