"""How a view leaves a response that stays open to the loop, and gives its thread back.

The server puts a ``Handover`` into each request's WSGI environment. A view that sets its ``stream`` returns a response
without a body: the server sends the head and then lets the stream write, until one of the two ends it.
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


@dataclass(slots=True)
class Handover:
    stream: Stream | None = None
