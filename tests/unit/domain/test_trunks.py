import pytest

from domain.trunks import InvalidTrunkError, TrunkOptions, check_account

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("domain", "options"),
    [
        ("", TrunkOptions()),
        ("sip.trunk.test", TrunkOptions()),
        ("sip.trunk.test:5070", TrunkOptions(outbound_proxy="192.0.2.1:5060", auth_username="a@b")),
        ("[2001:db8::1]:5060", TrunkOptions(transport="tls", srtp="required")),
        ("127.0.0.1:5070", TrunkOptions()),
        ("3cx.trunk.test", TrunkOptions(outbound_proxy="1und1")),
        ("10.0.0.0x7f.test", TrunkOptions(outbound_proxy="[::1]")),
        ("asterisk_1.local.", TrunkOptions(outbound_proxy="proxy")),
    ],
)
def test_accounts_as_trunks_have_them_are_taken(domain: str, options: TrunkOptions) -> None:
    check_account(domain, "+33465710042", options)


ODD = (
    "127.1",
    "127.1:5060",
    "0x7f000001",
    "0X7F.1",
    "2130706433",
    "0177.0.0.1",
    "127.0.0.01",
    "127.0.0.1.",
    "1.2.3.4.5",
    "256.0.0.1",
    "trunk.127",
    "trunk.0x",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7f00:1]:5060",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[:::::]",
    "[127.0.0.1]",
)


@pytest.mark.parametrize("host", ODD)
def test_an_address_that_is_not_spelled_as_one_sees_it_is_refused(host: str) -> None:
    for domain, proxy in ((host, ""), ("trunk.test", host)):
        with pytest.raises(InvalidTrunkError, match=r"^(sip_domain|outbound_proxy): expected a host"):
            check_account(domain, "a", TrunkOptions(outbound_proxy=proxy))


def test_a_trunk_that_is_not_registered_at_has_a_domain_and_no_username() -> None:
    check_account("sip.trunk.test", "", TrunkOptions(outbound_proxy="proxy.test", transport="tls"))


@pytest.mark.parametrize(
    ("domain", "username", "options", "field"),
    [
        ("sip:trunk.test", "a", TrunkOptions(), "sip_domain"),
        ("trunk test", "a", TrunkOptions(), "sip_domain"),
        ("trunk.test:99999", "a", TrunkOptions(), "sip_domain"),
        ("trunk.test>", "a", TrunkOptions(), "sip_domain"),
        ("a" * 254, "a", TrunkOptions(), "sip_domain"),
        ("trunk.test", "a b", TrunkOptions(), "sip_username"),
        ("trunk.test", "a\r\nX: y", TrunkOptions(), "sip_username"),
        ("trunk.test", "a" * 129, TrunkOptions(), "sip_username"),
        ("trunk.test", "a", TrunkOptions(auth_username='a"b'), "auth_username"),
        ("trunk.test", "a", TrunkOptions(outbound_proxy="sip:proxy;lr"), "outbound_proxy"),
        ("trunk.test", "a", TrunkOptions(transport="sctp"), "transport"),  # type: ignore[arg-type]
        ("trunk.test", "a", TrunkOptions(srtp="maybe"), "srtp"),  # type: ignore[arg-type]
        ("", "", TrunkOptions(outbound_proxy="proxy.test"), "sip_domain"),
        ("trunk.test", "", TrunkOptions(auth_username="a"), "sip_username"),
    ],
)
def test_what_is_mistyped_is_named_by_its_field(domain: str, username: str, options: TrunkOptions, field: str) -> None:
    with pytest.raises(InvalidTrunkError, match=f"^{field}: "):
        check_account(domain, username, options)
