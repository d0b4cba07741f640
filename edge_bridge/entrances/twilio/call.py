"""One call of Twilio's: announced by the webhook, heard once its Media Stream is there. The ``Phone`` of its call.

What Twilio does next is what its TwiML says next, so a transfer is: close the stream, and answer "dial" when Twilio
asks. Where nobody picks up, the next answer is a stream again, and the same call goes on.
"""

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web

from edge_bridge.entrances.frames import FrameClock
from edge_bridge.entrances.sessions import Sessions, TwilioLine
from edge_bridge.entrances.sip.signals import plain_number
from edge_bridge.media.audio import SILENCE, Sound
from process import logs
from protocols import media

log = logs.get(__name__)

START_WITHIN_S = 5.0
SILENT_AT_MOST_S = 15.0  # Twilio sends the caller's silence too
# What is sent ahead of a sentence: Twilio plays as it comes, and the way there is the Internet.
PREROLL = 3 * SILENCE
QUEUED_MESSAGES = 100  # 2 s of audio that Twilio does not take; newer audio is dropped then
STALLED_AT_MOST_S = 5.0  # Twilio takes nothing more
PLAYED_WITHIN_S = 2.0  # from the last frame to its mark
CLOSED_WITHIN_S = 2.0
BAD_MESSAGES = 10
LAST_MARK = "end"
# Twilio rings for up to 5 s longer than told, and the session gives a transfer 25 s.
RING_S = 15
DIALLED_WITHIN_S = 45.0
OK, REFUSED, BUSY_HERE = 200, 500, 486

_DIALLED = re.compile(r"^\+[1-9][0-9]{6,14}$")  # E.164, which is what Twilio dials


class TwilioCall:
    """``over`` is called once, when nothing can come of the call any more."""

    def __init__(self, sid: str, line: TwilioLine, sessions: Sessions, over: Callable[["TwilioCall"], None]) -> None:
        self.sid = sid
        self.line = line
        self.token = ""  # of its stream, while none has come
        self.deadline: asyncio.TimerHandle | None = None  # for the stream, or the dialled phone's fate, to come
        self.dials = ""  # the number that the caller is put through to
        self._sessions = sessions
        self._tell_over = over
        self._sound: Sound | None = None
        self._clock: FrameClock | None = None
        self._encode = media.HandlerStream("")
        self._waiting: deque[bytes] = deque()
        self._something = asyncio.Event()
        self._played_out = asyncio.Event()
        self._speaking = False
        self._leaving = False
        self._is_over = False
        self._answered = False
        self._bad_messages = 0
        self.frames_dropped = 0

    def taken(self, sound: Sound) -> None:
        """The session's end of the audio."""
        self._sound = sound

    @property
    def is_streaming(self) -> bool:
        return self._clock is not None

    def over(self) -> None:
        """The caller is gone, or the stream never came."""
        if self._is_over:
            return
        self._is_over = True
        if self.deadline is not None:
            self.deadline.cancel()
        if self._clock is not None:
            self._clock.stop()
        self._leaving = True
        self._played_out.set()
        self._something.set()
        self._tell_over(self)
        self._sessions.ended(self)

    def put_through(self) -> None:
        """The dialled phone has taken the call."""
        self._sessions.transfer_answered(self, OK, True)

    def not_put_through(self) -> None:
        """Nobody has; the call goes on with its next stream."""
        self.dials = ""
        self._sessions.transfer_answered(self, BUSY_HERE, True)

    # --- The stream ------------------------------------------------------------------------------------------

    async def run(self, socket: web.WebSocketResponse, abort: Callable[[], None]) -> None:
        """Until either side closes the stream. Never raises but when cancelled. ``abort`` cuts its connection."""
        self._leaving = self._speaking = False
        self._played_out.clear()
        self._waiting.clear()  # of a stream before this one
        stopped = True
        try:
            if await self._started(socket):
                sending = asyncio.create_task(self._send_all(socket, abort), name=f"twilio {self.sid}")
                try:
                    stopped = await self._listen(socket)
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
        except TimeoutError:
            log.warning("Twilio's stream fell silent; hanging up")
        except ConnectionError:
            log.info("Twilio's stream is gone")
        finally:
            if self._clock is not None:
                self._clock.stop()
                self._clock = None
            if stopped or not self.dials:
                self.over()
            with contextlib.suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(socket.close(code=WSCloseCode.OK), CLOSED_WITHIN_S)

    async def _started(self, socket: web.WebSocketResponse) -> bool:
        async with asyncio.timeout(START_WITHIN_S):
            while True:
                message = await self._next(socket)
                match message:
                    case media.Connected():
                        continue
                    case media.Start() if message.start.call_sid == self.sid and self._sound is not None:
                        self._encode = media.HandlerStream(message.start.stream_sid)
                        self._clock = FrameClock(self._sound, self._play)
                        self._clock.start()
                        if not self._answered:
                            self._answered = True
                            self._sessions.answered(self)
                        return True
                    case _:
                        log.warning("Twilio's stream did not start as one of this call")
                        return False

    async def _listen(self, socket: web.WebSocketResponse) -> bool:
        """Until the stream is closed; True when Twilio has said that it stops, and so the call."""
        assert self._clock is not None
        while True:
            match await self._next(socket):
                case media.Media() as heard:
                    self._clock.heard(heard.media.payload)
                case media.Dtmf() as pressed:
                    self._sessions.pressed(self, pressed.dtmf.digit)
                case media.Mark() as played:
                    if played.mark.name == LAST_MARK:
                        self._played_out.set()
                case media.Stop():
                    return True
                case None:
                    return False

    async def _next(self, socket: web.WebSocketResponse) -> media.FromBridge | None:
        """The next message; None at the stream's end. Raises TimeoutError."""
        while True:
            message = await socket.receive(timeout=SILENT_AT_MOST_S)
            if message.type is not WSMsgType.TEXT:
                return None
            try:
                return media.decode_from_bridge(message.data)
            except media.MediaError as error:
                # Twilio may learn new messages: one that is not known costs nobody the call.
                self._bad_messages += 1
                if self._bad_messages == 1:
                    log.warning("a message of Twilio's is not understood", why=error.reason)
                if self._bad_messages >= BAD_MESSAGES:
                    return None

    async def _send_all(self, socket: web.WebSocketResponse, abort: Callable[[], None]) -> None:
        try:
            while not self._is_over:
                await self._something.wait()
                self._something.clear()
                while self._waiting:
                    async with asyncio.timeout(STALLED_AT_MOST_S):
                        await socket.send_frame(self._waiting.popleft(), WSMsgType.TEXT)
                if self._leaving:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._played_out.wait(), PLAYED_WITHIN_S)
                    await asyncio.wait_for(socket.close(code=WSCloseCode.OK), CLOSED_WITHIN_S)
                    return
        except TimeoutError:
            log.warning("Twilio does not read its stream; hanging up")
            abort()
        except ConnectionError:
            pass  # the listening side knows, too

    def _send(self, message: bytes) -> None:
        self._waiting.append(message)
        self._something.set()

    def _play(self, ulaw: bytes | None) -> None:
        if ulaw is None:  # silence is what Twilio plays when nothing comes
            self._speaking = False
        elif len(self._waiting) >= QUEUED_MESSAGES:
            self.frames_dropped += 1
        else:
            self._send(self._encode.media(ulaw if self._speaking else PREROLL + ulaw))
            self._speaking = True

    # --- Phone -----------------------------------------------------------------------------------------------

    def hang_up(self) -> None:
        if self._clock is None or self.dials:  # no stream yet, or the caller is with the dialled phone
            self.over()
        else:
            self._leave_stream()

    def transfer_address(self, target: str) -> str | None:
        number = plain_number(target.removeprefix("tel:"))
        return number if _DIALLED.match(number) else None

    def dial_address(self, target: str) -> str | None:
        return None

    def refer(self, address: str) -> None:
        if self._clock is None or self._leaving:
            self._sessions.transfer_answered(self, REFUSED, True)
            return
        self.dials = address
        self.deadline = asyncio.get_running_loop().call_later(DIALLED_WITHIN_S, self.over)
        self._leave_stream()

    def cleared(self) -> None:
        if self._clock is not None and not self._leaving:
            self._waiting.clear()
            self._speaking = False
            self._send(self._encode.clear())

    def _leave_stream(self) -> None:
        """Once Twilio says that all is played, within PLAYED_WITHIN_S: closing the stream throws its buffer away."""
        if not self._leaving:
            assert self._clock is not None
            self._leaving = True
            self._clock.stop()
            self._send(self._encode.mark(LAST_MARK))
