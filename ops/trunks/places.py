"""Where a trunk is: its SRV records, its addresses, and what of it can be reached over TCP."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from dataclasses import dataclass

from domain.trunks import Transport, is_plain_host
from edge_bridge.entrances.sip.registering.dns import DnsError, Srv, SrvQuestions

SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
SIP_PORT, TLS_PORT = 5060, 5061


@dataclass(frozen=True, slots=True)
class Trunk:
    """As it was given: ``port`` is 0 where none was."""

    host: str
    port: int
    transport: Transport = "udp"

    @classmethod
    def parse(cls, text: str) -> Trunk:
        """``host``, ``host:port`` or ``[v6]:port``. Raises ValueError."""
        host, port = text, ""
        if text.startswith("["):
            host, _, rest = text[1:].partition("]")
            port = rest.removeprefix(":")
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
        if not host or any(character.isspace() or character in "/@<>" for character in host) or not is_plain_host(host):
            raise ValueError(f"{text}: expected a host or host:port, such as sip.example.com")
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError(f"{text}: the port is none")
        return cls(host, int(port or 0))

    @property
    def is_name(self) -> bool:
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return True
        return False


async def services(trunk: Trunk, within_s: float, questions: SrvQuestions) -> dict[str, tuple[Srv, ...]]:
    """The SRV records by transport, the preferred first; a transport that could not be asked for is not there."""

    async def ask(transport: str) -> tuple[str, tuple[Srv, ...]] | None:
        with contextlib.suppress(DnsError, TimeoutError):
            async with asyncio.timeout(within_s):
                answer = await questions.ask(f"{SERVICES[transport]}.{trunk.host}")
            return transport, tuple(sorted(answer.records, key=lambda one: (one.priority, -one.weight)))
        return None

    if trunk.port or not trunk.is_name:  # RFC 3263, 4.2: then there is nothing to look up
        return {}
    found = await asyncio.gather(*map(ask, SERVICES))
    return dict(one for one in found if one is not None)


async def addresses(host: str, port: int, within_s: float) -> tuple[tuple[str, int], ...]:
    """IPv4 first, as the bridge asks; () when the name leads nowhere."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(within_s):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError, UnicodeError):
        return ()
    places = [(family, str(place[0]), int(place[1])) for family, _, _, _, place in found]
    return tuple(dict.fromkeys((host, port) for _, host, port in sorted(places, key=lambda one: one[0])))


async def takes_tcp(host: str, port: int, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def takes_tls(host: str, port: int, name: str, within_s: float) -> str:
    """ "" when nothing takes TLS there; else "yes", or why its certificate cannot be trusted here."""
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(
                host, port, ssl=ssl.create_default_context(), server_hostname=name
            )
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, TimeoutError):
        return ""
    writer.close()
    return "yes"
