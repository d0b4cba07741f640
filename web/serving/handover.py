"""What a view leaves to the loop beside its response.

The server puts a ``Handover`` into each request's WSGI environment. A view that sets its ``stream`` returns a response
without a body, and gives its thread back: the server sends the head and then lets the stream write, until one of the
two ends it. A view that sets ``again`` says how the very same request is answered without it (``web.serving.kept``).
"""

from dataclasses import dataclass
from typing import Protocol

KEY = "alloresto.handover"


class Sink(Protocol):
    """The client's side of an open stream. Only for the loop's thread."""

    @property
    def lagging(self) -> bool:
        """Whether the client takes less than it is sent; what is written now only waits in memory."""

    def write(self, data: bytes) -> None:
        """Send ``data``; ignored after the end."""

    def end(self) -> None:
        """End the response, in order. ``Stream.closed`` follows."""


class Stream(Protocol):
    """What a view leaves behind. Both are called on the loop's thread."""

    def opened(self, sink: Sink) -> None:
        """The head has been sent."""

    def closed(self) -> None:
        """The response is over, whichever side ended it. Called once, also for a stream that was never opened."""


class Again(Protocol):
    """How a request that is the same to the letter is answered with the head of the answer before."""

    async def body(self) -> bytes | None:
        """The body, in the encoding that the answer before had; None when a view has to make it. On the loop's thread.

        It has to find out by itself that everything the view looks at is as it was, permissions as well.
        """


@dataclass(slots=True)
class Handover:
    stream: Stream | None = None
    again: Again | None = None
