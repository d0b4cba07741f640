"""E-mail over SMTP: handed over once where that can be known, and never in the clear."""

from __future__ import annotations

import email
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import msgspec
import pytest

from devstack.mail import Fault, Mailbox
from devstack.servers.ports import free_port
from domain.errands import SendMail
from integrations.messages import smtp
from integrations.messages.smtp import Smtp
from integrations.network import Network
from integrations.tasks import Done, Later, Outcome, Refused, Task
from tests.integration.edge_bridge.transports import Authority

STOP = "https://admin.example.com/o/" + "A" * 64 + "/stop"
WORK = SendMail(
    about="5b0c2d5e-0000-4000-8000-000000000001",
    occasion="order_confirmed",
    template="order_confirmed",
    to="anna@example.org",
    sender="Chez Margot, crêpes",
    title="Chez Margot : commande n° 12 confirmée",
    text="2 × Crêpe\n",
    html="<p>2 × Crêpe</p>",
    stop=STOP,
)


def task(attempt: int = 1, work: SendMail = WORK) -> Task:
    return Task("e1", "r1", work.key, attempt, work)


class House:
    def __init__(self, network: Network, folder: Path) -> None:
        self.network, self.folder = network, folder
        self.box = Mailbox(folder, free_port())

    async def send(self, one: Task, secrets: dict[str, str] | None = None, **settings: str) -> Outcome:
        known = {"host": "127.0.0.1", "port": str(self.box.port), "from_address": "orders@margot.example"}
        return await Smtp(self.network, known | {"security": "none"} | settings, secrets or {}).perform(one)

    def mails(self) -> list[EmailMessage]:
        return [email.message_from_bytes(path.read_bytes(), policy=default) for path in self.box.mails()]


@pytest.fixture
def house(network: Network, tmp_path: Path) -> Iterator[House]:
    house = House(network, tmp_path)
    house.box.start()
    yield house
    house.box.stop()


async def test_a_mail_is_text_and_html_and_says_how_to_have_no_more(house: House) -> None:
    assert await house.send(task()) == Done()

    [mail] = house.mails()
    assert str(mail["From"]) == '"Chez Margot, crêpes" <orders@margot.example>'
    assert (mail["To"], mail["Subject"]) == (WORK.to, WORK.title)
    assert mail["List-Unsubscribe"] == f"<{STOP}>" and mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [(part.get_content_type(), part.get_content().strip()) for part in mail.iter_parts()] == [
        ("text/plain", WORK.text.strip()),
        ("text/html", WORK.html),
    ]
    raw = house.box.mails()[0].read_bytes()
    assert f"List-Unsubscribe: <{STOP}>".encode() in raw and raw.isascii()


async def test_where_the_answer_is_lost_the_mailbox_can_tell_the_second_from_a_new_one(house: House) -> None:
    house.box.faults["lost_answer"] = 1

    assert isinstance(await house.send(task()), Later)
    assert await house.send(task(attempt=2)) == Done()
    assert await house.send(task(work=msgspec.structs.replace(WORK, occasion="order_ready"))) == Done()

    first, second, third = (mail["Message-ID"] for mail in house.mails())
    assert first == second != third


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("greylisting", Later("not yet (450)", smtp.GREYLISTED_S, is_there=True)),
        ("failing", Later("it takes no mail from this address (421)")),
        ("refusing", Refused("the mailbox does not take it (550)")),
    ],
)
async def test_what_the_server_says_counts(fault: Fault, outcome: Outcome, house: House) -> None:
    house.box.faults[fault] = 1

    assert await house.send(task()) == outcome
    assert house.mails() == []
    assert await house.send(task(attempt=2)) == Done()
    assert len(house.mails()) == 1


async def test_a_server_that_hangs_is_left_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.box.faults["slow"] = 1
    with monkeypatch.context() as changed:
        changed.setattr(smtp, "WITHIN_S", 0.3)
        assert await house.send(task()) == Later("no answer within 0.3 s")
    house.box.faults.clear()
    assert house.mails() == [] and await house.send(task(attempt=2)) == Done()


@pytest.mark.parametrize(
    "changed",
    [{"sender": "Margot\r\nBcc: all@example.org"}, {"title": "A\nBcc: b@c.example"}, {"to": "a@b.example\r\nX: y"}],
)
async def test_no_header_can_be_slipped_in(changed: dict[str, str], house: House) -> None:
    outcome = await house.send(task(work=msgspec.structs.replace(WORK, **changed)))

    assert isinstance(outcome, Refused) and house.mails() == []


async def test_a_password_goes_by_tls_alone_and_to_the_right_server(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.certificate())
    box = Mailbox(tmp_path / "tls", free_port(), tls=context, login=("margot", "secret"))
    box.start()
    try:
        known = {"host": "localhost", "port": str(box.port), "security": "starttls", "user": "margot"}
        assert await house.send(task(), {"password": "secret"}, **known) == Later("its certificate is not valid")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
        other = known | {"host": "127.0.0.1"}  # the certificate is of another name
        assert await house.send(task(), {"password": "secret"}, **other) == Later("its certificate is not valid")
        assert await house.send(task(), {"password": "wrong"}, **known) == Later("it does not let us in (535)")
        assert await house.send(task(), {"password": "secret"}, **known) == Done()
        assert len(box.mails()) == 1
    finally:
        box.stop()
    plain = {"security": "starttls", "user": "margot"}
    assert await house.send(task(), {"password": "secret"}, **plain) == Later(
        "it offers no STARTTLS, or no way to log in"
    )


async def test_nothing_goes_in_the_clear_where_others_may_listen(house: House) -> None:
    public = Network("AlloResto/test")
    settings = {"host": "127.0.0.1", "port": str(house.box.port), "from_address": "a@b.example"}
    assert await Smtp(public, settings | {"security": "none"}, {}).perform(task()) == Later("only with STARTTLS or TLS")
    assert await Smtp(public, settings, {}).perform(task()) == Later("no connection (ForbiddenAddressError)")
    assert house.mails() == []
