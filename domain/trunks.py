"""What a phone line's account at its trunk may look like: checked where a line is made, so that nobody has to find out
from a status what was mistyped.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal, get_args

Transport = Literal["udp", "tcp", "tls"]
Srtp = Literal["off", "optional", "required"]

LONGEST_USER = 128
_NAME = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(
    rf"(?=.{{1,253}}(:|$))(?P<host>{_NAME}(\.{_NAME})*\.?|\[[0-9A-Fa-f:.]{{2,45}}\])(:(?P<port>[0-9]{{1,5}}))?"
)
# What resolvers take for an address of IPv4 in the spellings of inet_aton: 127.1, 0x7f000001, 2130706433, 0177.0.0.1.
_NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)
# Addresses of IPv4 inside those of IPv6: IPv4-compatible and mapped, NAT64, 6to4, Teredo.
_INSIDE = tuple(
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)
_UNUSABLE = re.compile(r"[\s<>\"\x00-\x1f\x7f]")


class InvalidTrunkError(ValueError):
    """The message begins with the field's name and says what is expected."""


@dataclass(frozen=True, slots=True)
class TrunkOptions:
    """Beside domain, username and password. ``auth_username`` is digest's where it is not the username;
    ``outbound_proxy`` is ``host`` or ``host:port``, "" where requests go to the domain itself.
    """

    auth_username: str = ""
    outbound_proxy: str = ""
    transport: Transport = "udp"
    srtp: Srtp = "off"


PLAIN = TrunkOptions()


def check_account(domain: str, username: str, options: TrunkOptions) -> None:
    """With a domain and no username the trunk calls from its addresses and is not registered at; a username alone is
    one that peers may call the line by. Raises InvalidTrunkError."""
    for field, address in (("sip_domain", domain), ("outbound_proxy", options.outbound_proxy)):
        if address and not _is_address(address):
            raise InvalidTrunkError(f"{field}: expected a host or host:port, such as sip.example.com:5060")
    for field, user in (("sip_username", username), ("auth_username", options.auth_username)):
        if len(user) > LONGEST_USER or _UNUSABLE.search(user):
            raise InvalidTrunkError(f"{field}: at most {LONGEST_USER} characters, without spaces, quotes, < and >")
    if options.transport not in get_args(Transport):
        raise InvalidTrunkError(f"transport: one of {', '.join(get_args(Transport))}")
    if options.srtp not in get_args(Srtp):
        raise InvalidTrunkError(f"srtp: one of {', '.join(get_args(Srtp))}")
    if not domain and (options.auth_username or options.outbound_proxy):
        raise InvalidTrunkError("sip_domain: not set; auth_username and outbound_proxy need it")
    if options.auth_username and not username:
        raise InvalidTrunkError("sip_username: not set; auth_username needs it")


def is_plain_host(host: str) -> bool:
    """Whether a name, or an address without brackets, is spelled in the one way that everybody reads alike: whoever
    looks at a line sees where it leads, and so does a firewall."""
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return address.is_loopback or not (address.scope_id or any(address in network for network in _INSIDE))
    if not _NUMERIC.fullmatch(host):
        return True
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _is_address(text: str) -> bool:
    match = _HOST.fullmatch(text)
    if match is None or not (match["port"] is None or 0 < int(match["port"]) < 65_536):
        return False
    host = match["host"].strip("[]")
    return (":" in host) == (host != match["host"]) and is_plain_host(host)
