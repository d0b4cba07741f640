from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge_bridge.lines.line_book import UNRESOLVED
from stores.ciphers import SipPasswordCipher
from tests.integration.web.admin import COOK, OWNER, Admin, csrf_token, execute, fetch

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]

SECRET = "tr0ub4dor & 3"
SIP = {
    "number": "+33 4 65 71 00 99",
    "sip_domain": "sip.trunk.example",
    "sip_username": "harbour",
    "secret": SECRET,
    "transport": "udp",
    "srtp": "off",
    "transfers": "auto",
}


def send(client: FlaskClient, admin: Admin, path: str, fields: dict[str, str]) -> TestResponse:
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/lines/new/sip").text)
    return client.post(f"/place/{admin.pizza.id}/lines/{path}", data={"csrf_token": token, **fields})


def stored(admin: Admin, number: str = "+33465710099") -> dict[str, object]:
    (row,) = fetch(admin, "select * from phone_line where number = $1", number)
    return row


def changes(admin: Admin) -> list[object]:
    """What the admin has told: the seeds' own lines are told by another source."""
    rows = fetch(admin, "select event from outbox where type = 'com.alloresto.line.changed' order by id")
    events = [row["event"] for row in rows]
    return [event["data"]["change"] for event in events if event["source"] == "/web"]  # type: ignore[index]


def register(admin: Admin, line_id: object, status: str, error: str = "") -> None:
    execute(
        admin,
        "set role alloresto_platform; delete from sip_registration",
    )
    execute(
        admin,
        "with as_platform as (select set_config('role', 'alloresto_platform', false)) insert into sip_registration"
        " (restaurant_id, phone_line_id, sip_uri, status, error) select $1::uuid, $2::uuid, 'sip:x', $3, $4"
        " from as_platform",
        admin.pizza.id,
        str(line_id),
        status,
        error,
    )


def test_a_new_line_is_kept_under_one_spelling_with_its_password_sealed_and_told(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)

    answer = send(client, admin, "new/sip", SIP)
    page = client.get(answer.location).text

    line = stored(admin)
    sealed = str(line["sip_password"])
    assert answer.status_code == 303
    assert (line["sip_domain"], line["sip_username"], line["is_active"]) == ("sip.trunk.example", "harbour", True)
    assert SipPasswordCipher(admin.master_key).decrypt(str(line["id"]), sealed) == SECRET
    assert changes(admin) == ["created"]
    assert SECRET not in page
    assert sealed not in page
    logged = fetch(admin, "select action, after from audit_log where action like 'lines.%'")
    assert logged[0]["action"] == "lines.created"
    assert SECRET not in str(logged)
    assert sealed not in str(logged)


@pytest.mark.parametrize("spelling", ["0033465710099", "+33 (0)4 65 71 00 99"])
def test_a_number_that_rings_elsewhere_is_refused_in_every_spelling(spelling: str, admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    send(client, admin, "new/sip", SIP)

    answer = send(client, admin, "new/sip", {**SIP, "number": spelling, "secret": "another secret"})

    assert answer.status_code == 422
    assert "another line has it already" in answer.text
    assert "sip.trunk.example" in answer.text, "what was typed is still there"
    assert "another secret" not in answer.text, "but a secret is never sent back"
    assert changes(admin) == ["created"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"number": ""}, "Number: please fill this in."),
        ({"number": "call me maybe"}, "Number: write it with its country code"),
        ({"sip_domain": "sip://trunk"}, "Domain: a name or an address"),
        ({"sip_username": "a b"}, "Username: at most 128 characters"),
        ({"sip_domain": ""}, "Domain: the username belongs to one"),
        ({"secret": ""}, "Password: the trunk asks for it"),
        ({"sip_username": ""}, "Username: password and digest username belong to one"),
        ({"transport": "pigeon"}, "Transport: choose one of the list."),
        ({"outbound_proxy": "a b"}, "Outbound proxy: a name or an address"),
    ],
)
def test_an_account_that_cannot_be_is_refused_at_its_field(
    fields: dict[str, str], says: str, admin: Admin, log_in: LogIn
) -> None:
    answer = send(log_in(OWNER), admin, "new/sip", {**SIP, **fields})

    assert answer.status_code == 422
    assert says in answer.text
    assert changes(admin) == []


def test_a_password_left_empty_stays_and_a_new_one_replaces_it(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    send(client, admin, "new/sip", SIP)
    before = stored(admin)
    path = str(before["id"])

    send(client, admin, path, {**SIP, "secret": "", "sip_username": "harbour2"})
    kept = stored(admin)
    send(client, admin, path, {**SIP, "secret": "another secret"})
    replaced = stored(admin)

    assert (kept["sip_password"], kept["sip_username"]) == (before["sip_password"], "harbour2")
    assert SipPasswordCipher(admin.master_key).decrypt(path, str(replaced["sip_password"])) == "another secret"
    logged = fetch(admin, "select after from audit_log where action = 'lines.changed' order by id")
    assert [row["after"].get("secret") for row in logged] == [None, "changed"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        ("registered", "", "calls come in"),
        ("unregistered", "", "Your trunk is being asked."),
        ("error", "the trunk refuses the username or the password (401)", "The trunk refuses the username"),
        ("error", "the trunk answered REGISTER with 499", "the trunk answered REGISTER with 499"),
        ("error", "no bridge node is up that has room for this line", "No bridge is up"),
    ],
)
def test_what_the_trunk_answered_stands_on_the_line_in_words(
    status: str, error: str, says: str, admin: Admin, log_in: LogIn
) -> None:
    client = log_in(OWNER)
    send(client, admin, "new/sip", SIP)
    register(admin, stored(admin)["id"], status, error)

    fragment = client.get(f"/place/{admin.pizza.id}/lines/{stored(admin)['id']}/state").text
    listed = client.get(f"/place/{admin.pizza.id}/lines/state").text

    assert says in fragment
    assert "+33465710099" in listed


def test_a_trunk_that_is_not_registered_at_is_shown_as_one_that_calls_from_its_addresses(
    admin: Admin, log_in: LogIn
) -> None:
    client = log_in(OWNER)

    page = client.get(send(client, admin, "new/sip", {**SIP, "sip_username": "", "secret": ""}).location).text
    path = str(stored(admin)["id"])
    register(admin, path, "error", UNRESOLVED)
    lost = client.get(f"/place/{admin.pizza.id}/lines/{path}/state").text
    register(admin, path, "unregistered")
    named = send(client, admin, path, {**SIP, "secret": ""})

    assert "Without registration" in page
    assert "calls from the addresses of sip.trunk.example" in page
    assert "The trunk&#39;s name leads to no address." in lost and "Check how the domain is written." in lost
    assert "Test the registration now" not in page
    assert "Password: the trunk asks for it" in named.text, "it has none to keep"
    assert "Test the registration now" in client.get(send(client, admin, path, SIP).location).text


def test_the_trunk_is_asked_at_once_and_not_again_before_twenty_seconds(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    send(client, admin, "new/sip", SIP)
    line_id = stored(admin)["id"]

    first = send(client, admin, f"{line_id}/ask", {})
    said_first = client.get(first.location).text
    second = send(client, admin, f"{line_id}/ask", {})
    said_second = client.get(second.location).text

    assert stored(admin)["asked_at"] is not None
    assert "The trunk is asked now." in said_first
    assert "asked a moment ago" in said_second
    assert changes(admin) == ["created", "updated"]


def test_a_line_is_switched_off_and_comes_back_only_while_its_number_is_free(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    send(client, admin, "new/sip", SIP)
    line_id = stored(admin)["id"]

    send(client, admin, f"{line_id}/on", {"on": "no"})
    send(client, admin, "new/twilio", {"number": "+33465710099", "secret": "token"})
    refused = client.get(send(client, admin, f"{line_id}/on", {"on": "yes"}).location).text

    rows = fetch(admin, "select provider, is_active from phone_line where number = '+33465710099' order by created_at")
    assert rows == [{"provider": "sip", "is_active": False}, {"provider": "twilio", "is_active": True}]
    assert "rings at another line already" in refused
    assert changes(admin) == ["created", "deactivated", "created"]


def test_an_asterisks_line_shows_its_uuid_and_one_of_twilio_its_webhook(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)

    asterisk = client.get(send(client, admin, "new/audiosocket", {"number": "4711"}).location).text
    twilio = client.get(send(client, admin, "new/twilio", {"number": "+33465710098", "secret": SECRET}).location).text

    assert f"AudioSocket({stored(admin, '4711')['audiosocket_uuid']}," in asterisk
    assert SECRET not in twilio
    sealed = str(stored(admin, "+33465710098")["twilio_auth_token"])
    assert SipPasswordCipher(admin.master_key).decrypt(str(stored(admin, "+33465710098")["id"]), sealed) == SECRET


def test_a_line_of_another_restaurant_is_not_there(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)
    (other,) = fetch(admin, "select id from phone_line where restaurant_id = $1", admin.margot.id)

    assert client.get(f"/place/{admin.pizza.id}/lines/{other['id']}").status_code == 404
    assert send(client, admin, f"{other['id']}/on", {"on": "no"}).status_code == 404


def test_staff_do_not_see_the_lines(admin: Admin, log_in: LogIn) -> None:
    client = log_in(COOK)

    assert client.get(f"/place/{admin.pizza.id}/lines").status_code == 403
    assert "Phone lines" not in client.get(f"/place/{admin.pizza.id}/").text
