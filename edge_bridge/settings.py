"""The bridge's settings; each is the environment variable of the same name in upper case."""

import ipaddress
import socket
from typing import Annotated, Literal

import msgspec

from domain.overload import Limits, Thresholds, thresholds
from domain.trunks import Transport
from eventing.extensions import overrides
from process.settings import Port, Seconds, SettingsError
from stores.ciphers import decode_master_key

Calls = Annotated[int, msgspec.Meta(ge=1, le=400)]
Lines = Annotated[int, msgspec.Meta(ge=1, le=2000)]
Rate = Annotated[float, msgspec.Meta(gt=0)]  # a second
RtpPort = Annotated[int, msgspec.Meta(ge=1024, le=65_535)]
RTP_PORTS = 1000  # where RTP_PORT_MAX is not set
LEAST_RTP_PORTS = 20
RESTING_RTP_PORTS = 4
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One node. Durations are in seconds.

    ``registrar`` says who owns the public SIP port: ``direct``, the gate, by UDP over IPv4; or ``kamailio``, with the
    gate behind it. Only there are ``sip_ipv6_address`` (``::`` for the one that leads to the world), ``sip_tcp`` (at
    ``sip_port``) and TLS at ``sip_tls_port``, which needs ``sip_tls_cert`` and ``_key``, PEM files. ``sip_tls_ca`` is a
    PEM file of the authorities that a trunk's certificate may be from, where they are not the system's.
    ``sip_public_address`` is put into Contact and SDP where it differs from ``sip_bind_address`` (NAT).
    ``max_calls`` are those of all entrances together; four SIP calls each have a process.
    RTP takes random pairs of ports from ``rtp_port_min`` to ``rtp_port_max`` (999 more when not set).
    ``rtp_nat_peers`` are networks whose phones send audio from another address or port than their SDP says; the first
    packet from where the INVITE came from then settles it.
    ``max_lines`` is how many lines this node registers at most; ``registers_at_once`` how many of their REGISTERs may
    be under way to one address of a trunk.
    ``sip_peers`` are networks whose INVITEs are taken without registration; ``trusted_identity`` says whose
    P-Asserted-Identity and Remote-Party-ID are believed. ``sip_requests_per_s`` and ``sip_in_dialog_per_s`` bound each
    known source; a stranger is answered every ``sip_stranger_answer_s`` and banned for ``sip_ban_s`` after
    ``sip_stranger_messages`` in 10 s. ``sip_max_body`` is in bytes. ``k_sink`` is the call handler's
    Knative Service. ``busy_places`` are beyond ``max_calls``, for callers who are told that they can't be served (twice
    as many where it is not set, and the RTP ports suffice); who finds those taken, too, waits unanswered for
    ``sip_full_wait_s`` at most. The ``overload_`` settings are thresholds of the steps 1 to 4 of ``domain.overload``.
    ``transfer_ring_s`` is how long a human's phone rings before the caller is told. ``handler_wait_s`` is how long a
    caller waits for a handler before the restaurant's fallback; ``drain_s`` how long calls may go on after SIGTERM.
    ``handler_namespace`` is the Kubernetes namespace of the call handler's pods, where it is not the bridge's own;
    named outside a cluster, ``$KUBECONFIG`` says which cluster.
    ``audiosocket_port`` and ``twilio_port`` open those two entrances, which are closed at 0: ``audiosocket_peers``
    are the networks of the Asterisks that may connect, ``audiosocket_tls_cert`` and ``_key`` PEM files;
    ``twilio_public_url`` is what Twilio reaches this node's port as.
    """

    platform_database_url: str
    redis_url: str
    master_key: str
    k_sink: Annotated[str, msgspec.Meta(pattern=r"^https?://")]
    k_ce_overrides: str = ""
    bridge_node_id: str = ""
    hostname: str = ""
    registrar: Literal["direct", "kamailio"] = "direct"
    max_lines: Lines = 200
    registers_at_once: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200
    sip_bind_address: str = "0.0.0.0"
    sip_public_address: str = ""
    sip_port: Port = 5060
    sip_ipv6_address: str = ""
    sip_tcp: Literal["on", "off"] = "on"
    sip_tls_port: Port = 5061
    sip_tls_cert: str = ""
    sip_tls_key: str = ""
    sip_tls_ca: str = ""
    rtp_port_min: RtpPort = 10_000
    rtp_port_max: RtpPort | None = None
    rtp_nat_peers: str = ""
    sip_peers: str = ""
    trusted_identity: Literal["all", "peers", "trunks", "none"] = "all"
    sip_requests_per_s: Rate = 50.0
    sip_in_dialog_per_s: Rate = 200.0
    sip_stranger_answer_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    sip_stranger_messages: Annotated[int, msgspec.Meta(ge=1)] = 100
    sip_ban_s: Seconds = 600.0
    sip_max_body: Annotated[int, msgspec.Meta(ge=1000, le=60_000)] = 6000
    sip_retry_after_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 5
    sip_log_level: Annotated[int, msgspec.Meta(ge=0, le=6)] = 0
    max_calls: Calls = 8
    media_bind_address: str = "0.0.0.0"
    media_public_host: str = ""
    media_port: Port = 8090
    api_bind_address: str = "0.0.0.0"
    api_port: Port = 8080
    audiosocket_bind_address: str = "0.0.0.0"
    audiosocket_port: Port = 0
    audiosocket_peers: str = ""
    audiosocket_tls_cert: str = ""
    audiosocket_tls_key: str = ""
    twilio_bind_address: str = "0.0.0.0"
    twilio_port: Port = 0
    twilio_public_url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^/?#]+(/[A-Za-z0-9._~/-]*)?)?$")] = ""
    busy_places: Annotated[int, msgspec.Meta(ge=0, le=800)] | None = None
    sip_full_wait_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = 15.0
    overload_wait_s: str = "3,6,10,-"
    overload_model_s: str = "1.5,2.5,-,-"
    overload_unserved: str = "-,2,3,-"
    overload_places: str = "0.9,-,1.25,2"
    overload_calm_s: Seconds = 30.0
    transfer_ring_s: Annotated[float, msgspec.Meta(ge=5, le=25)] = 20.0
    handler_wait_s: Seconds = 30.0
    drain_s: Seconds = 300.0
    recordings_dir: str = "recordings"
    handler_namespace: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$")] = ""
    local_runtime_url: str = ""
    static_line: str = ""

    @property
    def most_dialogs(self) -> int:
        """Of SIP at once: the callers, those who are told that all lines are busy, whom callers are put through to."""
        return 2 * self.max_calls + self.most_told

    @property
    def most_told(self) -> int:
        """Callers beyond ``max_calls``."""
        if self.busy_places is not None:
            return self.busy_places
        pairs = len(self.rtp_ports) // 2 - self.max_calls - RESTING_RTP_PORTS // 2
        return max(1, min(2 * self.max_calls, pairs))

    @property
    def overload_limits(self) -> Limits:
        """Raises SettingsError naming the variable."""
        return Limits(
            _thresholds("OVERLOAD_WAIT_S", self.overload_wait_s),
            _thresholds("OVERLOAD_MODEL_S", self.overload_model_s),
            _thresholds("OVERLOAD_UNSERVED", self.overload_unserved),
            _thresholds("OVERLOAD_PLACES", self.overload_places),
            self.overload_calm_s,
        )

    @property
    def node_id(self) -> str:
        return self.bridge_node_id or self.hostname or socket.gethostname()

    @property
    def own_address(self) -> str:
        """The address that others reach this node at."""
        if self.sip_public_address or self.sip_bind_address != "0.0.0.0":
            return self.sip_public_address or self.sip_bind_address
        return _address_towards(socket.AF_INET, "192.0.2.1") or "127.0.0.1"

    @property
    def own_ipv6_address(self) -> str:
        """The same for IPv6; "" where there is none."""
        if self.sip_ipv6_address != "::":
            return self.sip_ipv6_address
        return _address_towards(socket.AF_INET6, "2001:db8::1")

    @property
    def contacts(self) -> dict[Transport, str]:
        """``host:port`` that trunks reach this node at, by each transport that requests of its own may leave by."""
        found: dict[Transport, str] = {"udp": f"{self.own_address}:{self.sip_port}"}
        if self.registrar == "kamailio":
            if self.sip_tcp == "on":
                found["tcp"] = f"{self.own_address}:{self.sip_port}"
            found["tls"] = f"{self.own_address}:{self.sip_tls_port}"
        return found

    @property
    def media_host(self) -> str:
        return self.media_public_host or self.own_address

    @property
    def rtp_ports(self) -> range:
        last = min(self.rtp_port_min + RTP_PORTS - 1, 65_535) if self.rtp_port_max is None else self.rtp_port_max
        return range(self.rtp_port_min, last + 1)

    def check(self) -> None:
        """What types cannot say. Raises SettingsError naming the variable and the fix."""
        self.peers()
        self.nat_peers()
        self.overload_limits  # noqa: B018 - what it raises
        needed = max(2 * self.max_calls + RESTING_RTP_PORTS, LEAST_RTP_PORTS)
        if len(self.rtp_ports) < needed:
            why = f"MAX_CALLS={self.max_calls} needs {needed} ports from RTP_PORT_MIN on, two a call and some at rest"
            raise SettingsError([f"RTP_PORT_MAX: {why}"])
        self._check_face()
        asterisks = self.audiosocket_networks()
        if self.audiosocket_port and not asterisks:
            raise SettingsError(["AUDIOSOCKET_PEERS: not set; AUDIOSOCKET_PORT needs the Asterisks' networks"])
        if bool(self.audiosocket_tls_cert) != bool(self.audiosocket_tls_key):
            raise SettingsError(["AUDIOSOCKET_TLS_CERT, AUDIOSOCKET_TLS_KEY: one without the other"])
        if self.twilio_port and not self.twilio_public_url:
            raise SettingsError(["TWILIO_PUBLIC_URL: not set; TWILIO_PORT needs what Twilio signs"])
        try:
            decode_master_key(self.master_key)
            overrides(self.k_ce_overrides)
        except ValueError as error:
            raise SettingsError([str(error)]) from None

    def _check_face(self) -> None:
        """Raises SettingsError for what Kamailio would not take, and for what needs it."""
        tls = {"SIP_TLS_CERT": self.sip_tls_cert, "SIP_TLS_KEY": self.sip_tls_key, "SIP_TLS_CA": self.sip_tls_ca}
        if self.registrar == "direct":
            only_there = {"SIP_IPV6_ADDRESS": self.sip_ipv6_address, **tls}
            if asked := [variable for variable, value in only_there.items() if value]:
                raise SettingsError([f"{', '.join(asked)}: only with REGISTRAR=kamailio; unset it, or set that"])
            return
        _require_address("SIP_BIND_ADDRESS", self.sip_bind_address, 4)
        _require_address("SIP_PUBLIC_ADDRESS", self.sip_public_address or self.sip_bind_address, 4)
        _require_address("SIP_IPV6_ADDRESS", self.sip_ipv6_address or "::", 6)
        if self.sip_ipv6_address and not self.own_ipv6_address:
            raise SettingsError(["SIP_IPV6_ADDRESS: ::, and no IPv6 address of this machine leads to the world"])
        if not self.sip_port or not self.sip_tls_port:
            raise SettingsError(["SIP_PORT, SIP_TLS_PORT: 0, and REGISTRAR=kamailio needs to know them"])
        if bool(self.sip_tls_cert) != bool(self.sip_tls_key):
            raise SettingsError(["SIP_TLS_CERT, SIP_TLS_KEY: one without the other"])

    def peers(self) -> tuple[Network, ...]:
        """Raises SettingsError naming the part of ``SIP_PEERS`` that is no network."""
        return _networks("SIP_PEERS", self.sip_peers)

    def nat_peers(self) -> tuple[Network, ...]:
        """Raises SettingsError naming the part of ``RTP_NAT_PEERS`` that is no network."""
        return _networks("RTP_NAT_PEERS", self.rtp_nat_peers)

    def audiosocket_networks(self) -> tuple[Network, ...]:
        """Raises SettingsError naming the part of ``AUDIOSOCKET_PEERS`` that is no network."""
        return _networks("AUDIOSOCKET_PEERS", self.audiosocket_peers)


def is_within(host: str, networks: tuple[Network, ...]) -> bool:
    """Whether ``host`` is an address of one of them; an IPv4 address mapped into IPv6 is the IPv4 one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def _thresholds(variable: str, text: str) -> Thresholds:
    try:
        return thresholds(text)
    except ValueError as error:
        raise SettingsError([f"{variable}: {error}"]) from None


def cannot_listen(variable: str, host: str, port: int, error: OSError) -> str:
    """One line for the operator."""
    return f"{variable}: cannot listen on {host}:{port}: {error.strerror}; stop the program that has it, or set another"


def _require_address(variable: str, text: str, version: int) -> None:
    try:
        known = ipaddress.ip_address(text).version == version
    except ValueError:
        known = False
    if not known:
        raise SettingsError([f"{variable}: {text} is no IPv{version} address; REGISTRAR=kamailio needs one"])


def _address_towards(family: socket.AddressFamily, address: str) -> str:
    """The local address that packets to the world leave from; "" when there is none. Connecting a UDP socket sends
    nothing; ``address`` is one of documentation's (RFC 5737, RFC 3849)."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _networks(variable: str, text: str) -> tuple[Network, ...]:
    networks: list[Network] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError as error:
            raise SettingsError([f"{variable}: {error}; expected networks such as 10.0.0.0/8,192.0.2.7"]) from None
    return tuple(networks)
