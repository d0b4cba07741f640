"""Who brings text messages: each sent once, whatever the service does."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest

from devstack.stand_ins.ovh import Ovh as OvhServer
from devstack.stand_ins.standing import Fault
from devstack.stand_ins.twilio import Twilio as TwilioServer
from domain.errands import AskPrice, SendMessage
from domain.twilio_signatures import sign
from integrations.messages import ovh, twilio
from integrations.messages.ovh import Ovh
from integrations.messages.twilio import Inbound, Receipt, Twilio
from integrations.network import Network
from integrations.tasks import Done, Later, Refused, Task
from tests.integration.integrations.conftest import Serve

WORK = SendMessage(
    about="5b0c2d5e-0000-4000-8000-000000000001",
    occasion="order_confirmed",
    template="order_confirmed",
    to="+33612345678",
    text="Chez Margot : commande no 12 confirmée.",
    receipts="https://admin.example.com/hooks/twilio/c1",
)
SECRETS = {"application_secret": "as", "consumer_key": "ck"}


def task(attempt: int = 1, work: SendMessage = WORK) -> Task:
    return Task("e1", "r1", work.key, attempt, work)


@pytest.fixture
async def at_twilio(serve: Serve, network: Network) -> tuple[TwilioServer, Twilio]:
    server = TwilioServer("AC1", "secret")
    url = await serve(server)
    return server, Twilio.open(network, {"url": url, "account": "AC1", "sender": "+33757000000"}, {"token": "secret"})


@pytest.fixture
async def at_ovh(serve: Serve, network: Network) -> tuple[OvhServer, Ovh]:
    server = OvhServer("ak", "as", "ck")
    url = await serve(server)
    settings = {"url": f"{url}/1.0", "service": "sms-ab1-1", "sender": "Margot", "application_key": "ak"}
    return server, Ovh.open(network, settings, SECRETS)


async def test_twilio_takes_a_message_and_says_in_how_many_parts(at_twilio: tuple[TwilioServer, Twilio]) -> None:
    server, adapter = at_twilio

    sent = await adapter.perform(task())

    assert sent == Done(server.messages[0]["sid"], {"parts": 1})
    assert server.seen == [
        {
            "path": "/2010-04-01/Accounts/AC1/Messages.json",
            "To": WORK.to,
            "From": "+33757000000",
            "Body": WORK.text,
            "StatusCallback": WORK.receipts,
        }
    ]


async def test_a_messaging_service_sends_where_the_restaurant_has_one(serve: Serve, network: Network) -> None:
    server = TwilioServer("AC1", "secret")
    settings = {"url": await serve(server), "account": "AC1", "sender": "MG0123"}

    await Twilio.open(network, settings, {"token": "secret"}).perform(task())

    assert server.seen[0]["MessagingServiceSid"] == "MG0123" and "From" not in server.seen[0]


@pytest.mark.parametrize("fault", ["failing", "rate_limited", "lost_answer"])
@pytest.mark.parametrize("name", ["twilio", "ovh"])
async def test_a_message_is_sent_once_though_the_first_attempt_failed(
    fault: Fault,
    name: str,
    at_twilio: tuple[TwilioServer, Twilio],
    at_ovh: tuple[OvhServer, Ovh],
) -> None:
    server, adapter = at_twilio if name == "twilio" else at_ovh
    server.faults[fault] = 1

    first = await adapter.perform(task())
    second = await adapter.perform(task(attempt=2))
    third = await adapter.perform(task(attempt=3))

    assert isinstance(first, Later) and isinstance(second, Done) and isinstance(third, Done)
    assert first.after_s == (1.0 if fault == "rate_limited" else None)
    assert second.reference == third.reference
    assert len(server.messages) == 1


async def test_who_has_opted_out_at_twilio_is_refused(at_twilio: tuple[TwilioServer, Twilio]) -> None:
    server, adapter = at_twilio
    server.opted_out.add(WORK.to)

    assert await adapter.perform(task()) == Refused("opted out")


@pytest.mark.parametrize("name", ["twilio", "ovh"])
async def test_a_wrong_key_is_the_connections_fault_and_not_the_messages(
    name: str, serve: Serve, network: Network
) -> None:
    if name == "twilio":
        url = await serve(TwilioServer("AC1", "secret"))
        settings = {"url": url, "account": "AC1", "sender": "+33757000000"}
        outcome = await Twilio.open(network, settings, {"token": "old"}).perform(task())
        assert isinstance(outcome, Later) and "401" in outcome.reason
        return
    url = await serve(OvhServer("ak", "as", "ck"))
    settings = {"url": f"{url}/1.0", "service": "sms-ab1-1", "application_key": "ak"}
    outcome = await Ovh.open(network, settings, {"application_secret": "old", "consumer_key": "ck"}).perform(task())
    assert isinstance(outcome, Later) and "INVALID_SIGNATURE" in outcome.reason


async def test_ovh_gets_a_signed_job_with_a_tag(at_ovh: tuple[OvhServer, Ovh]) -> None:
    server, adapter = at_ovh

    assert await adapter.perform(task()) == Done("1", {"currency": "credits", "micros": 1_000_000})
    job = server.seen[0]
    assert (job["receivers"], job["sender"], job["noStopClause"]) == ([WORK.to], "Margot", True)
    assert job["tag"] == ovh.tag_of(WORK.key) and len(job["tag"]) == ovh.TAG_LENGTH


async def test_ovh_refuses_a_number_that_is_none(at_ovh: tuple[OvhServer, Ovh]) -> None:
    server, adapter = at_ovh
    server.faults["refusing"] = 1

    assert await adapter.perform(task()) == Refused("no valid receiver")


def test_ovhs_signature_is_a_hash_of_the_six_with_pluses_between() -> None:
    """``AS+CK+GET+https://eu.api.ovh.com/1.0/auth/time++1457018875``, by sha1sum."""
    signed = ovh.signature("AS", "CK", "GET", "https://eu.api.ovh.com/1.0/auth/time", b"", "1457018875")

    assert signed == "$1$5da34e7fbd31e8fce06796ee5dfcd90eed73d99f"


def test_what_a_callback_of_twilio_says() -> None:
    failed = twilio.read(b"MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003&To=%2B336")
    assert failed == Receipt("SM1/failed", "SM1", "failed", "30003")
    assert twilio.read(b"MessageSid=SM1&MessageStatus=queued") is None
    assert twilio.read(b"MessageSid=SM2&From=%2B33612345678&Body=STOP") == Inbound("SM2", "+33612345678", "STOP")
    with pytest.raises(ValueError, match="MessageSid"):
        twilio.read(b"hello")


def test_only_twilio_is_believed() -> None:
    url, body = "https://admin.example.com/hooks/twilio/c1", b"MessageSid=SM1&MessageStatus=sent"
    headers = {"x-twilio-signature": sign("secret", url, [("MessageSid", "SM1"), ("MessageStatus", "sent")])}

    assert twilio.verify(headers, url, body, "secret")
    assert not twilio.verify(headers, url, body + b"&x=1", "secret")
    assert not twilio.verify(headers, url + "2", body, "secret")
    assert not twilio.verify({}, url, body, "secret")


async def test_the_same_words_of_yesterday_are_another_message(at_twilio: tuple[TwilioServer, Twilio]) -> None:
    server, adapter = at_twilio
    await adapter.perform(task())
    now = datetime.now(UTC)
    server.messages[0]["date_created"] = format_datetime(now - timedelta(days=1))
    today = Task("e2", "r1", "k", 2, WORK, doubtful=True, since=now - timedelta(hours=1))

    assert await adapter.perform(today) != Done(server.messages[0]["sid"])
    assert len(server.messages) == 2
    assert await adapter.perform(today) == Done(server.messages[1]["sid"])


def test_a_form_of_a_million_fields_is_not_taken_apart() -> None:
    fields = [(f"f{n}", "") for n in range(twilio.MOST_FIELDS + 1)]
    body = "&".join(f"{name}=" for name, _ in fields).encode()
    headers = {"x-twilio-signature": sign("secret", "https://admin.example.com/", fields)}

    assert not twilio.verify(headers, "https://admin.example.com/", body, "secret")
    assert twilio.verify(headers, "https://admin.example.com/", b"a=", "secret") is False


async def test_twilio_tells_a_price_once_it_has_one(at_twilio: tuple[TwilioServer, Twilio]) -> None:
    server, adapter = at_twilio
    sent = await adapter.perform(task())
    assert isinstance(sent, Done)
    asked = AskPrice(reference=sent.reference, parts=1)
    question = Task("e2", "r1", asked.key, 1, asked)

    assert await adapter.perform(question) == Later("no price yet", twilio.PRICE_AGAIN_S, is_there=True)
    server.messages[0] |= {"status": "delivered", "price": "-0.07500", "price_unit": "EUR"}
    assert await adapter.perform(question) == Done(facts={"micros": 75_000, "currency": "EUR"})
    server.messages[0] |= {"status": "failed", "price": None}
    assert await adapter.perform(question) == Done()
    server.messages[0] |= {"price": "free"}
    assert await adapter.perform(question) == Later("no valid answer")


async def test_what_waits_at_ovh_is_not_sent_twice(at_ovh: tuple[OvhServer, Ovh]) -> None:
    server, adapter = at_ovh
    server.holds = True
    other = msgspec.structs.replace(WORK, occasion="order_ready", text="Another one.")
    assert await adapter.perform(task(work=other)) == Done("1", {"currency": "credits", "micros": 1_000_000})
    server.faults["lost_answer"] = 1
    assert isinstance(await adapter.perform(task()), Later)

    assert await adapter.perform(task(2)) == Done("2", {"currency": "credits", "micros": 1_000_000})
    server.send_queued()
    assert await adapter.perform(task(3)) == Done("2", {"currency": "credits", "micros": 1_000_000})
    assert len(server.messages) == 2


async def test_where_too_much_waits_at_ovh_nothing_is_sent_blindly(at_ovh: tuple[OvhServer, Ovh]) -> None:
    server, adapter = at_ovh
    server.queued = [
        {"id": one, "message": "x", "receivers": ["+33600000000"]} for one in range(ovh.MOST_LOOKED_AT + 1)
    ]

    assert await adapter.perform(task(2)) == Later("more waits there than can be looked through", is_there=True)
    server.queued.pop()
    assert isinstance(await adapter.perform(task(2)), Done)
