"""A signaller: one pjsua2 library and the SIP of four calls. Their audio and everything else of them is the session's.

Forked by the nursery, so that the pages of what it has imported are shared. It answers offers by itself and asks the
session only whether a call is taken: a session that dies takes no dialog with it.
"""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec

from domain.trunks import Srtp
from edge_bridge.entrances.sip import link
from edge_bridge.entrances.sip.endpoint import SipAddress, SipEndpoint
from edge_bridge.entrances.sip.signals import Handle, Invite, Refusal
from edge_bridge.media.rtp.description import Description
from edge_bridge.media.rtp.ice import IceLite
from edge_bridge.media.rtp.sdp import Agreement
from edge_bridge.settings import EdgeSettings
from process import logs, orphans, settings, telemetry
from process.punctuality import SIGNALLING_PRIORITY, make_punctual

log = logs.get(__name__)

# What waits for a session that does not read: as much again as the socket holds. Four calls do not say more in the time
# that a frozen session is given.
QUEUED = 500


class Signaller:
    """A ``SipEvents``. ``run`` returns when it is time to leave by ``os._exit``."""

    def __init__(
        self, number: int, to_session: socket.socket, to_supervisor: socket.socket, address: SipAddress
    ) -> None:
        self._to_session = to_session
        self._to_supervisor = to_supervisor
        self._endpoint = SipEndpoint(address, self, link.first_handle(number))
        self._media: dict[Handle, Description] = {}  # of the calls that were taken, or dialled
        self._waiting: deque[bytes] = deque(maxlen=QUEUED)
        self._has_session = False
        self._leaving = False
        self._next_alive = 0.0

    def run(self) -> None:
        """Raises RuntimeError with pjsip's reason when it does not start."""
        self._endpoint.open()
        orphans.when_parent_gone(self._to_supervisor, self._leave)
        self._say(self._to_supervisor, link.Opened(self._endpoint.port))
        while not self._leaving:
            self._endpoint.poll()
            self._read(self._to_session, self._told_by_session)
            self._read(self._to_supervisor, self._told_by_supervisor)
            self._endpoint.work()
            self._send_waiting()
            now = time.monotonic()
            if now >= self._next_alive:
                self._next_alive = now + link.ALIVE_EVERY_S
                self._say(self._to_supervisor, link.Alive())
        self._endpoint.close()
        log.info("pjsip is destroyed")

    def _leave(self) -> None:
        self._leaving = True

    # --- What is told ----------------------------------------------------------------------------------------

    def _read(self, end: socket.socket, told: Callable[[bytes], None]) -> None:
        with contextlib.suppress(OSError):  # nothing there, or nobody
            while packet := end.recv(link.MAX_PACKET):
                try:
                    told(packet)
                except msgspec.DecodeError:
                    log.exception("a message of another version")

    def _told_by_supervisor(self, packet: bytes) -> None:
        match link.from_supervisor.decode(packet):
            case link.HangUpAll():
                self._endpoint.hang_up_all()
            case link.Leave():
                self._leaving = True

    def _told_by_session(self, packet: bytes) -> None:
        endpoint = self._endpoint
        match link.to_signaller.decode(packet):
            case link.Hello():
                self._greet()
            case link.Take(handle, host, port, ice, srtp):
                if handle in endpoint.held:
                    endpoint.decide(handle, self._describing(handle, host, port, ice, srtp))
            case link.Refuse(handle, status):
                endpoint.decide(handle, Refusal(status))
            case link.HangUp(handle, status):
                endpoint.hang_up(handle, status)
            case link.Refer(handle, target):
                endpoint.refer(handle, target)
            case link.Dial(handle, dial, host, port, ice, srtp):
                endpoint.dial(handle, dial, self._describing(handle, host, port, ice, srtp))

    def _describing(self, handle: Handle, host: str, port: int, ice: IceLite, srtp: Srtp) -> Description:
        settled, seen = partial(self._agreed, handle), partial(self._seen, handle)
        media = self._media[handle] = Description(host, port, ice, settled, seen, srtp)
        return media

    def _greet(self) -> None:
        """Another session: what was to be said to the last one is of no use to it."""
        self._waiting.clear()
        self._has_session = True
        calls = tuple(
            link.OngoingCall(handle, self._endpoint.is_up(handle), media.in_force)
            for handle, media in self._media.items()
        )
        self._tell(link.Ongoing(calls, self._endpoint.ending))
        for handle, invite in self._endpoint.held.items():
            self._tell(link.Invited(handle, invite))

    # --- What is said ----------------------------------------------------------------------------------------

    def invited(self, handle: Handle, invite: Invite) -> None:
        self._tell(link.Invited(handle, invite))

    def _agreed(self, handle: Handle, agreement: Agreement) -> None:
        self._tell(link.Agreed(handle, agreement))

    def _seen(self, handle: Handle) -> None:
        self._tell(link.Seen(handle))

    def dialled(self, handle: Handle) -> None:
        self._tell(link.Dialled(handle))

    def answered(self, handle: Handle, codec: str) -> None:
        self._tell(link.Answered(handle, codec))

    def pressed(self, handle: Handle, digit: str) -> None:
        self._tell(link.Pressed(handle, digit))

    def transfer_answered(self, handle: Handle, status: int, final: bool) -> None:
        self._tell(link.TransferAnswered(handle, status, final))

    def ended(self, handle: Handle, status: int, by_caller: bool) -> None:
        self._media.pop(handle, None)
        self._tell(link.Ended(handle, status, by_caller))

    def freed(self, handle: Handle) -> None:
        self._tell(link.Freed(handle))

    def _tell(self, message: link.FromSignaller) -> None:
        """The session; nothing is said before it has said Hello."""
        if self._has_session:
            self._waiting.append(link.encode(message))
            self._send_waiting()

    def _send_waiting(self) -> None:
        with contextlib.suppress(OSError):  # full, or nobody there for now
            while self._waiting:
                self._to_session.send(self._waiting[0])
                self._waiting.popleft()

    def _say(self, end: socket.socket, message: link.ToSupervisor) -> None:
        with contextlib.suppress(OSError):
            end.send(link.encode(message))


def main(arguments: tuple[int, ...], descriptors: list[int]) -> None:
    """``arguments`` are its number and where the gate takes SIP on loopback; ``descriptors`` its ends of the link and
    of the supervisor's pair. To be left by ``os._exit``: destructors of pjsua2 objects would only do harm.
    """
    logs.configure("edge-bridge-signaller")
    telemetry.configure("edge-bridge")
    make_punctual(SIGNALLING_PRIORITY)
    number, gate_port = arguments
    to_session, to_supervisor = (socket.socket(fileno=one) for one in descriptors)
    address = SipAddress.of(settings.load_or_exit(EdgeSettings), gate_port)
    Signaller(number, to_session, to_supervisor, address).run()
