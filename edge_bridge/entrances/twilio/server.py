"""Twilio's door: the webhooks that answer with TwiML, the status callback, and the Media Streams, on one HTTP port.

TLS is ended in front of it (Twilio speaks to nobody without). Everything Twilio asks for is signed with the auth
token of the account that has the called number; a stream shows a token that was made for it, once.
"""

import asyncio
import contextlib
import re
import secrets
import socket
from collections import OrderedDict
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from aiohttp import web

from domain.twilio_signatures import is_signed
from edge_bridge.entrances.sessions import Sessions, TwilioLine
from edge_bridge.entrances.sip.signals import Refusal, plain_number
from edge_bridge.entrances.twilio import twiml
from edge_bridge.entrances.twilio.call import RING_S, TwilioCall
from process import logs

log = logs.get(__name__)

BODY_WITHIN_S = 5.0
MAX_BODY_BYTES = 64 * 1024
MAX_FIELDS = 200
MAX_MESSAGE_BYTES = 64 * 1024  # of a stream; Twilio's are under 400
WRITE_BUFFER_BYTES = 16 * 1024  # of a stream; a second
STREAM_WITHIN_S = 15.0  # from the webhook's answer
CLOSED_WITHIN_S = 1.0
BUSY = 486
CALLS_REMEMBERED = 10_000
CALL_OVER = ("completed", "busy", "failed", "no-answer", "canceled")
PUT_THROUGH = ("completed", "answered")
STREAM_OVER = ("stream-stopped", "stream-error")
NOBODY = TwilioLine("", secrets.token_hex(16))  # whose signature nobody can make

_SID = re.compile(r"^[A-Za-z0-9]{2,64}$")
_NUMBER = re.compile(r"^\+?[0-9]{3,20}$")
# What Twilio says for numbers that are withheld or unknown: RESTRICTED, ANONYMOUS, UNKNOWN, UNAVAILABLE, BLOCKED on a
# phone's keypad.
WITHHELD = ("+7378742833", "+266696687", "+8656696", "+86282452253", "+2562533")


class TwilioServer:
    """``public_url`` is what Twilio knows this server as; the paths below it are ``voice``, ``next`` (the stream is
    closed), ``dialled`` (the transfer is over), ``status`` and, for the streams, ``stream/{token}``."""

    def __init__(self, sessions: Sessions, public_url: str) -> None:
        self._sessions = sessions
        self._public_url = public_url.rstrip("/")
        self._calls: dict[str, TwilioCall] = {}  # by CallSid
        self._over: OrderedDict[str, None] = OrderedDict()  # the last calls' CallSids
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Raises OSError when the port is taken."""
        path = urlsplit(self._public_url).path
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post(f"{path}/voice", self._voice)
        app.router.add_post(f"{path}/next", self._next)
        app.router.add_post(f"{path}/dialled", self._dialled)
        app.router.add_post(f"{path}/status", self._status)
        app.router.add_get(f"{path}/stream/{{token}}", self._stream)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=CLOSED_WITHIN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        for call in list(self._calls.values()):
            call.over()
        if self._runner is not None:
            await self._runner.cleanup()

    # --- What Twilio asks for --------------------------------------------------------------------------------

    async def _voice(self, request: web.Request) -> web.Response:
        form = await _form(request)
        line = self._line_of(form)
        if not self._is_signed(request, "voice", form, line):
            return _forbidden("voice")
        sid = form.get("CallSid", "")
        if not _SID.match(sid):
            raise web.HTTPBadRequest(text="CallSid\n")
        call = self._calls.get(sid)
        if call is None and sid in self._over:  # a signature has no time in it: whoever kept one may bring it again
            log.warning("a webhook of a call that is over came again")
            return _twiml(twiml.hang_up())
        if call is None:
            call = TwilioCall(sid, line, self._sessions, self._forget)
            side = self._sessions.arrived(call, line.line_id, caller_number(form.get("From", "")))
            if isinstance(side, Refusal):
                if side.status == BUSY:
                    return _twiml(twiml.reject_busy())
                # Twilio asks the number's fallback URL then: another node.
                raise web.HTTPServiceUnavailable(text="no call is taken now\n")
            call.taken(side)
            self._calls[sid] = call
        elif call.is_streaming:
            raise web.HTTPConflict(text="the call has its stream\n")
        return self._connect(call)

    async def _next(self, request: web.Request) -> web.Response:
        """The stream is closed: hang up, or dial."""
        form = await _form(request)
        call = self._calls.get(form.get("CallSid", ""))
        if not self._is_signed(request, "next", form, self._line_of(form) if call is None else call.line):
            return _forbidden("next")
        if call is None or not call.dials:
            return _twiml(twiml.hang_up())
        return _twiml(twiml.dial(call.dials, RING_S, f"{self._public_url}/dialled", f"{self._public_url}/status"))

    async def _dialled(self, request: web.Request) -> web.Response:
        form = await _form(request)
        call = self._calls.get(form.get("CallSid", ""))
        if not self._is_signed(request, "dialled", form, self._line_of(form) if call is None else call.line):
            return _forbidden("dialled")
        if call is None or not call.dials:
            return _twiml(twiml.hang_up())
        if form.get("DialCallStatus") in PUT_THROUGH:
            call.put_through()
            return _twiml(twiml.hang_up())
        call.not_put_through()
        return self._connect(call)

    async def _status(self, request: web.Request) -> web.Response:
        """Of the call, its stream, or the phone that its caller is put through to. What is over for Twilio is over
        here."""
        form = await _form(request)
        parent = self._calls.get(form.get("ParentCallSid", ""))
        call = parent or self._calls.get(form.get("CallSid", ""))
        if not self._is_signed(request, "status", form, self._line_of(form) if call is None else call.line):
            return _forbidden("status")
        if parent is not None:
            if form.get("CallStatus") == "in-progress" and parent.dials:
                parent.put_through()
        elif call is not None and (
            form.get("CallStatus") in CALL_OVER or (form.get("StreamEvent") in STREAM_OVER and not call.dials)
        ):
            call.over()
        return web.Response(status=204)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"].encode("utf-8", "replace")
        call = next(
            (one for one in self._calls.values() if secrets.compare_digest(one.token.encode(), token)),
            None,
        )
        if call is None:
            return _forbidden("stream")
        call.token = ""
        assert call.deadline is not None
        call.deadline.cancel()
        stream = web.WebSocketResponse(
            timeout=CLOSED_WITHIN_S, compress=False, max_msg_size=MAX_MESSAGE_BYTES, writer_limit=WRITE_BUFFER_BYTES
        )
        transport = request.transport
        try:
            await stream.prepare(request)
        except web.HTTPException:
            call.over()
            raise
        if transport is None:  # gone in the meantime
            call.over()
            return stream
        # The kernel's own buffer would hold minutes of audio for a peer that does not read.
        with contextlib.suppress(OSError):
            bare = transport.get_extra_info("socket")
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WRITE_BUFFER_BYTES)
        await call.run(stream, transport.abort)
        return stream

    # --- Calls -----------------------------------------------------------------------------------------------

    def _connect(self, call: TwilioCall) -> web.Response:
        """The TwiML that opens the call's stream. Asked again, as Twilio does when an answer got lost, the token of
        before is void."""
        call.token = secrets.token_urlsafe(32)
        if call.deadline is not None:
            call.deadline.cancel()
        call.deadline = asyncio.get_running_loop().call_later(STREAM_WITHIN_S, self._stream_is_late, call)
        stream_url = _websocket(f"{self._public_url}/stream/{call.token}")
        return _twiml(twiml.connect(stream_url, f"{self._public_url}/status", f"{self._public_url}/next"))

    def _stream_is_late(self, call: TwilioCall) -> None:
        log.warning("Twilio has not opened a call's stream in time")
        call.over()

    def _forget(self, call: TwilioCall) -> None:
        if self._calls.pop(call.sid, None) is not None:
            self._over[call.sid] = None
            if len(self._over) > CALLS_REMEMBERED:
                self._over.popitem(last=False)

    def _line_of(self, form: dict[str, str]) -> TwilioLine:
        return self._sessions.line_of_twilio(plain_number(form.get("To", ""))) or NOBODY

    def _is_signed(self, request: web.Request, path: str, form: dict[str, str], line: TwilioLine) -> bool:
        query = request.rel_url.raw_query_string
        url = f"{self._public_url}/{path}" + (f"?{query}" if query else "")
        return is_signed(request.headers.get("X-Twilio-Signature", ""), line.auth_token, url, form.items())


async def _form(request: web.Request) -> dict[str, str]:
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            body = await request.text()
        fields = parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MAX_FIELDS)
    except TimeoutError:
        raise web.HTTPRequestTimeout() from None
    except (ValueError, LookupError):
        raise web.HTTPBadRequest(text="not a form\n") from None
    return dict(fields)


def _twiml(text: str) -> web.Response:
    return web.Response(text=text, content_type=twiml.CONTENT_TYPE)


def _forbidden(what: str) -> web.Response:
    log.warning("a request that is not Twilio's was refused", what=what)
    return web.Response(status=403, text="not signed by Twilio for a number of ours\n")


def caller_number(given: str) -> str:
    number = plain_number(given)
    return number if _NUMBER.match(number) and number not in WITHHELD else ""


def _websocket(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme={"https": "wss", "http": "ws"}[parts.scheme]))
