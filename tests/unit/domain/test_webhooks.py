"""Standard Webhooks: signatures as others make them, and which addresses may be called."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain import webhooks
from domain.webhooks import BadUrlError

pytestmark = pytest.mark.unit

# The example of the specification's own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_signature_is_the_one_that_the_specifications_libraries_make() -> None:
    signed = webhooks.signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_sign_beside_each_other() -> None:
    other = webhooks.new_secret()

    headers = webhooks.headers([other, SECRET], "msg_1", 1, b"{}")

    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == "1"
    assert headers["webhook-signature"].split(" ") == [
        webhooks.signature(other, "msg_1", 1, b"{}"),
        webhooks.signature(SECRET, "msg_1", 1, b"{}"),
    ]


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::6810:84e5", "::ffff:8.8.8.8"])
def test_the_internets_addresses_are_public(address: str) -> None:
    assert webhooks.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::1"),
        *("2130706433", "127.1", "0177.0.0.1", "0x7f.0.0.1", "localhost", "", "8.8.8.8 "),
    ],
)
def test_what_is_ours_or_no_plain_address_is_not_public(address: str) -> None:
    assert not webhooks.is_public(address)


@pytest.mark.parametrize(
    "url",
    ["https://till.example/hooks", "https://till.example:8443/a?b=c", " https://till.example ", "https://1.1.1.1/x"],
)
def test_an_https_url_of_the_internet_is_kept(url: str) -> None:
    assert webhooks.check_url(url) == url.strip()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://till.example/", "https"),
        ("ftp://till.example/", "url"),
        ("till.example", "url"),
        ("https://", "url"),
        ("https://till.example:99999/", "url"),
        ("https://tïll.example/", "url"),
        ("https://till.example/\r\nx", "url"),
        ("https://[::1/", "url"),
        ("https://a:b@till.example/", "userinfo"),
        ("https://till.example/#x", "fragment"),
        ("https://127.0.0.1/", "address"),
        ("https://[::1]/", "address"),
        ("https://2130706433/", "address"),
        ("https://169.254.169.254/latest", "address"),
        ("https://localhost/", "address"),
        ("https://postgres.alloresto.svc.cluster.local/", "address"),
        ("https://metadata.google.internal/", "address"),
        ("https://till.example/" + "a" * 500, "length"),
    ],
)
def test_another_url_is_refused_with_its_reason(url: str, reason: str) -> None:
    with pytest.raises(BadUrlError) as refused:
        webhooks.check_url(url)

    assert refused.value.reason == reason


def test_a_private_target_is_allowed_where_the_setting_says_so() -> None:
    assert webhooks.check_url("http://127.0.0.1:8080/x", private=True) == "http://127.0.0.1:8080/x"
    with pytest.raises(BadUrlError):
        webhooks.check_url("gopher://127.0.0.1/", private=True)


def test_attempts_end_within_a_day() -> None:
    assert 12 < sum(pause.total_seconds() for pause in webhooks.RETRY_AFTER) / 3600 < 24
    assert list(webhooks.RETRY_AFTER) == sorted(webhooks.RETRY_AFTER)


def test_an_hours_outage_is_asked_about_twice_a_minute_and_one_of_days_less_often() -> None:
    hour, days = timedelta(hours=1), timedelta(days=2)

    assert [webhooks.open_for(failures, hour) for failures in (2, 3, 9)] == [
        None,
        timedelta(seconds=5),
        timedelta(seconds=30),
    ]
    assert [webhooks.open_for(failures, days) for failures in (2, 3, 9)] == [None, *[timedelta(minutes=5)] * 2]


def test_a_message_waits_as_long_as_its_receiver_is_left_alone_unless_it_is_the_message_that_fails() -> None:
    pause = timedelta(seconds=30)

    assert webhooks.again_after(0, pause) == webhooks.again_after(webhooks.RELEASED_MOST, pause) == pause
    assert webhooks.again_after(6, pause) == webhooks.again_after(6, None) == timedelta(hours=5)
    assert webhooks.again_after(1, None) == timedelta(seconds=5)
    assert webhooks.again_after(8, pause) is None
