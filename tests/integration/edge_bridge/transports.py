"""Callers and trunks whose signalling does not go by UDP over IPv4; their audio does. And certificates of one's own for
TLS.
"""

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devstack.edge.sip_registrar import SipRegistrar
from softphone.caller import Caller


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Until the other side closes."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            yield head.lstrip() + await reader.readexactly(int(length or 0))


class StreamCaller(Caller):
    """By TCP, or by TLS with ``trusting``. A NAT is in the way: Contact and Via name a port that nobody listens at."""

    def __init__(self, target: tuple[str, int], to_user: str, trusting: ssl.SSLContext | None = None) -> None:
        super().__init__(target, to_user)
        self._trusting = trusting
        self._by = "TCP" if trusting is None else "TLS"
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "StreamCaller":
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self.rtp, local_addr=("127.0.0.1", 0))
        self.rtp_port = transport.get_extra_info("sockname")[1]
        self._port = 9
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        await self.disconnect()

    async def connect(self) -> None:
        name = None if self._trusting is None else "localhost"
        reader, self._writer = await asyncio.open_connection(*self._target, ssl=self._trusting, server_hostname=name)
        self._reading = asyncio.create_task(self._read(reader))

    async def disconnect(self) -> None:
        if self._reading is not None and self._writer is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        async for message in messages(reader):
            self.datagram_received(message, self._target)

    def _send(self, message: str, to: tuple[str, int]) -> None:
        if self._writer is not None:
            by_stream = message.replace("SIP/2.0/UDP 127.0.0.1", f"SIP/2.0/{self._by} 127.0.0.1")
            self._writer.write(by_stream.encode())


class StreamServer:
    """Listens by TCP, or by TLS with a ``context``; ``writers`` by who has connected. ``take`` gets each message."""

    def __init__(self, context: ssl.SSLContext | None, take: Callable[[bytes, tuple[str, int]], None]) -> None:
        self.by = "TCP" if context is None else "TLS"
        self.writers: dict[tuple[str, int], asyncio.StreamWriter] = {}
        self._context = context
        self._take = take
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self.writers.values():
            writer.close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = writer.get_extra_info("peername")[:2]
        self.writers[source] = writer
        async for message in messages(reader):
            self._take(message, source)


class StreamRegistrar(SipRegistrar):
    """A trunk by TCP, or by TLS with a ``certificate`` and its key. ``caller`` is who calls by the connection that the
    newest REGISTER came by."""

    def __init__(self, passwords: dict[str, str], certificate: tuple[Path, Path] | None = None) -> None:
        super().__init__(passwords)
        self.newest: asyncio.StreamWriter | None = None
        self.caller: Caller | None = None
        context = None if certificate is None else ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if context is not None and certificate is not None:
            context.load_cert_chain(*map(str, certificate))
        self._streams = StreamServer(context, self._heard)
        self.transport = self._streams.by

    async def __aenter__(self) -> "StreamRegistrar":
        await self._streams.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._streams.stop()

    @property
    def port(self) -> int:
        return self._streams.port

    def _heard(self, message: bytes, source: tuple[str, int]) -> None:
        if message.startswith(b"REGISTER "):
            self.newest = self._streams.writers[source]
            self.datagram_received(message, source)
        elif self.caller is not None:
            self.caller.datagram_received(message, source)

    def _send(self, answer: bytes, to: tuple[str, int]) -> None:
        self._streams.writers[to].write(answer)


class TrunkCaller(StreamCaller):
    """A call of the trunk's, by the connection that the line was registered by."""

    def __init__(self, trunk: StreamRegistrar, target: tuple[str, int], to_user: str) -> None:
        super().__init__(target, to_user)
        self._trunk = trunk
        self._by = trunk.transport

    async def connect(self) -> None:
        self._writer, self._trunk.caller = self._trunk.newest, self

    async def disconnect(self) -> None:
        self._trunk.caller = None


class Ipv6Caller(Caller):
    """Signals from ``::1``, and with ``audio_too`` has its audio there."""

    def __init__(self, target: tuple[str, int], to_user: str, *, audio_too: bool = False) -> None:
        self._audio_ip = "::1" if audio_too else "127.0.0.1"
        super().__init__(target, to_user, rewrite=self._with_address)

    def _with_address(self, sdp: str) -> str:
        return sdp.replace("IN IP4 127.0.0.1", "IN IP6 ::1") if self._audio_ip == "::1" else sdp

    async def __aenter__(self) -> "Ipv6Caller":
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("::1", 0))
        transport, _ = await loop.create_datagram_endpoint(lambda: self.rtp, local_addr=(self._audio_ip, 0))
        self.rtp_port = transport.get_extra_info("sockname")[1]
        self._uri = self._remote_uri = self._uri.replace("@::1:", "@[::1]:")
        return self

    def _send(self, message: str, to: tuple[str, int]) -> None:
        super()._send(message.replace("SIP/2.0/UDP 127.0.0.1", "SIP/2.0/UDP [::1]"), to)

    def _contact(self) -> str:
        return f"Contact: <sip:caller@[::1]:{self._port}>"


class Authority:
    """Signs certificates for ``localhost`` and 127.0.0.1; ``path`` is its own."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        own = self._builder(self._name, self._key).add_extension(constraints, critical=True)
        self.path = self._write(f"{name}.pem", own.sign(self._key, hashes.SHA256()))

    def certificate(self, name: str = "localhost") -> tuple[Path, Path]:
        """The files of a certificate and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = self._builder(subject, key).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        key_path = self._folder / f"{name}.key"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key_path.write_bytes(private)
        key_path.chmod(0o644)  # as root Kamailio runs as another user
        return self._write(f"{name}.crt", signed), key_path

    def _builder(self, subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
        )

    def _write(self, name: str, made: x509.Certificate) -> Path:
        path = self._folder / name
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return path

    def trust(self) -> ssl.SSLContext:
        """For one who calls."""
        return ssl.create_default_context(cafile=str(self.path))


class TlsTrunk:
    """A trunk's TLS port. ``requests`` are the first lines that it was asked, ``names`` the names (SNI)."""

    def __init__(self, certificate: tuple[Path, Path], *answers: str) -> None:
        self.requests: list[str] = []
        self.names: list[str | None] = []
        self.failed = 0
        self.port = 0
        self._answers = answers
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*map(str, certificate))
        self._context.sni_callback = lambda _, name, __: self.names.append(name)
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "TlsTrunk":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for message in messages(reader):
            first, *lines = message.decode().strip().split("\r\n")
            self.requests.append(first)
            kept = [one for one in lines if one.lower().startswith(("via:", "from:", "to:", "call-id:", "cseq:"))]
            answer = ["SIP/2.0 200 OK", *kept, *self._answers, "Content-Length: 0"]
            writer.write(("\r\n".join(answer) + "\r\n\r\n").encode())
