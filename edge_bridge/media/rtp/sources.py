"""Who may send to a call: the address that its SDP names, and nobody else.

Behind NAT, that address is one that the far end cannot be reached at, and its packets come from another: then the
call latches, once, onto the first sender that is the address the INVITE came from, or lies in the peers' networks.
"""

import ipaddress

from edge_bridge.settings import Network, is_within

Address = tuple[str, int]

# RFC 1918, 6598 (carrier-grade NAT), 3927, 4193, 4291 and loopback. ``is_private`` means more than these.
_OWN_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)
_LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


def is_behind_nat(media_host: str, sip_host: str, nat_networks: tuple[Network, ...]) -> bool:
    """Whether ``media_host``, from the SDP of a peer at ``sip_host``, is an address of the peer's own network."""
    if is_within(sip_host, nat_networks):
        return True
    # A softphone on this very machine calls from loopback and names another of the machine's addresses.
    return media_host != sip_host and (is_within(media_host, _OWN_NETWORKS) or is_within(sip_host, _LOOPBACK))


class SourceRule:
    """``remote`` is the one address that is heard and spoken to. ``waiting``: it may still be latched."""

    def __init__(self, remote: Address, *, latch_host: str = "", peers: tuple[Network, ...] = ()) -> None:
        """``latch_host`` is where the INVITE came from, when the far end is behind NAT."""
        self.remote = remote
        self.waiting = bool(latch_host)
        self.latch_host = latch_host
        self._peers = peers

    def nominated(self, source: Address) -> None:
        """The far end has proven by ICE that it is there."""
        self.remote = source
        self.waiting = False

    def admits(self, source: Address) -> bool:
        if source == self.remote:
            self.waiting = False
            return True
        if self.waiting and (source[0] == self.latch_host or is_within(source[0], self._peers)):
            self.waiting = False
            self.remote = source
            return True
        return False
