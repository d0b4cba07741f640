"""Which signaller a call of ours leaves by, and under which handle."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterable

import msgspec
import pytest

from edge_bridge.entrances.sip import link
from edge_bridge.entrances.sip.signallers import Signallers
from edge_bridge.entrances.sip.signals import MAX_CALLS, Dial, Handle, Invite, Refusal, Terms
from edge_bridge.media.rtp.ice import IceLite
from edge_bridge.media.rtp.sdp import Agreement
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.unit

DIAL = Dial("sip:0612340000@trunk.test", "sip:user-1@trunk.test", username="user-1", password="secret")
TERMS = Terms("192.0.2.1", 10_000, IceLite("name", "word"), "off")


class Calls:
    """The session's side, as far as these tests look."""

    def __init__(self) -> None:
        self.known: list[int] = []
        self.over: list[tuple[Handle, int]] = []
        self.dead: list[int] = []

    def invited(self, handle: Handle, invite: Invite) -> Refusal:
        return Refusal(486)

    def agreed(self, handle: Handle, agreement: Agreement) -> None: ...

    def dialled(self, handle: Handle) -> None: ...

    def answered(self, handle: Handle, codec: str) -> None: ...

    def seen(self, handle: Handle) -> None: ...

    def pressed(self, handle: Handle, digit: str) -> None: ...

    def transfer_answered(self, handle: Handle, status: int, final: bool) -> None: ...

    def ended(self, handle: Handle, status: int, *, by_caller: bool) -> None:
        self.over.append((handle, status))

    def ongoing(self, signaller: int, calls: tuple[link.OngoingCall, ...]) -> None:
        self.known.append(signaller)

    def lost(self, signaller: int) -> None:
        self.dead.append(signaller)


class Session:
    """A session's links; ``ends`` are the signallers' sides of them."""

    def __init__(self) -> None:
        self.calls = Calls()
        self.signallers = Signallers(self.calls)
        self.ends: dict[int, socket.socket] = {}

    async def up(self, number: int, ongoing: Iterable[Handle] = (), ending: Iterable[Handle] = ()) -> None:
        """Signaller ``number`` is there and has these calls already."""
        ours, theirs = link.pair()
        self.ends[number] = theirs
        self.signallers.up(number, 9, ours.detach())
        assert self.told(number) == [link.Hello()]
        calls = tuple(link.OngoingCall(handle, True, None) for handle in ongoing)
        self.says(number, link.Ongoing(calls, tuple(ending)))
        await until(lambda: number in self.calls.known)

    def says(self, number: int, message: link.FromSignaller) -> None:
        self.ends[number].send(link.encode(message))

    def told(self, number: int) -> list[link.ToSignaller]:
        told = []
        with contextlib.suppress(BlockingIOError):
            while True:
                told.append(link.to_signaller.decode(self.ends[number].recv(link.MAX_PACKET)))
        return told


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.005)


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    one = Session()
    yield one
    one.signallers.close()
    for end in one.ends.values():
        end.close()


async def test_a_call_of_ours_leaves_by_the_signaller_with_the_most_places(session: Session) -> None:
    await session.up(1, ongoing=[link.first_handle(1)])
    await session.up(2)
    handle = await session.signallers.dial(DIAL, TERMS)
    assert handle is not None
    assert (link.signaller_of(handle), link.is_dialled(handle)) == (2, True)
    assert session.told(2) == [link.Dial(handle, DIAL, TERMS.host, TERMS.port, TERMS.ice, "off")]
    assert session.told(1) == []


async def test_a_full_node_dials_again_once_a_place_is_free_which_may_be_long_after_its_call(session: Session) -> None:
    await session.up(1, ongoing=[link.first_handle(1)])
    dialled = [await session.signallers.dial(DIAL, TERMS) for _ in range(MAX_CALLS)]
    assert [handle is None for handle in dialled] == [False] * (MAX_CALLS - 1) + [True]
    session.says(1, link.Ended(link.first_handle(1), 200, True))
    await until(lambda: session.calls.over)
    dialling = asyncio.create_task(session.signallers.dial(DIAL, TERMS))
    await asyncio.sleep(0)
    assert not dialling.done()
    session.says(1, link.Freed(link.first_handle(1)))
    again = await dialling
    assert again is not None
    assert again not in dialled


async def test_the_signaller_that_could_not_dial_is_the_last_to_be_asked_again(session: Session) -> None:
    await session.up(1)
    await session.up(2, ongoing=[link.first_handle(2)])
    handles = [await session.signallers.dial(DIAL, TERMS, {1}) for _ in range(MAX_CALLS)]
    assert [link.signaller_of(handle or 0) for handle in handles] == [2, 2, 2, 1]


async def test_a_new_session_knows_of_places_that_ended_calls_still_have(session: Session) -> None:
    await session.up(1, ending=[link.first_dialled(1)])
    await session.up(2)
    handle = await session.signallers.dial(DIAL, TERMS)
    assert handle is not None
    assert link.signaller_of(handle) == 2


async def test_a_held_invite_has_its_place(session: Session) -> None:
    await session.up(1, ongoing=[link.first_handle(1) + count for count in range(MAX_CALLS - 1)])
    session.says(1, link.Invited(link.first_handle(1) + MAX_CALLS, Invite("+331", "", "192.0.2.9")))
    await until(lambda: session.told(1))  # it is refused, and its place not free before that is done
    assert await session.signallers.dial(DIAL, TERMS) is None


async def test_a_call_of_ours_waits_for_the_signaller_that_is_still_opening(session: Session) -> None:
    await session.up(1, ongoing=[link.first_handle(1) + count for count in range(MAX_CALLS)])
    dialling = asyncio.create_task(session.signallers.dial(DIAL, TERMS))
    await asyncio.sleep(0)
    assert not dialling.done()
    await session.up(2)
    handle = await dialling
    assert handle is not None
    assert link.signaller_of(handle) == 2


async def test_a_session_uses_no_handle_that_the_one_before_has_dialled_under(session: Session) -> None:
    before = link.first_dialled(3) + 7
    await session.up(3, ongoing=[before])
    handle = await session.signallers.dial(DIAL, TERMS)
    assert handle is not None
    assert handle > before
    assert link.signaller_of(handle) == 3


async def test_nothing_is_dialled_by_a_signaller_that_has_not_answered(session: Session) -> None:
    ours, session.ends[1] = link.pair()
    session.signallers.up(1, 9, ours.detach())
    assert await session.signallers.dial(DIAL, TERMS) is None


def test_a_handle_of_a_call_that_came_is_told_from_one_that_was_dialled() -> None:
    assert not link.is_dialled(link.first_handle(5))
    assert link.is_dialled(link.first_dialled(5))
    assert link.signaller_of(link.first_dialled(5)) == link.signaller_of(link.first_handle(5)) == 5


def test_a_password_crosses_the_link_and_is_in_no_text_of_the_message() -> None:
    message = link.Dial(link.first_dialled(1), DIAL, TERMS.host, TERMS.port, TERMS.ice, "off")
    assert "secret" not in repr(message)
    assert link.to_signaller.decode(link.encode(message)) == message
    assert msgspec.msgpack.decode(link.encode(message))["dial"]["password"] == "secret"
