"""E-mail by SMTP (RFC 5321), through a server that takes mail from this restaurant: by STARTTLS, or TLS at once.

SMTP knows no keys, and nobody can be asked later what became of a mail: where the connection ends after the mail and
before its answer, it is sent again under the same ``Message-ID``, by which mailboxes tell it from a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import smtplib
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

from domain.errands import SendMail
from integrations.tasks import Done, Later, Outcome, Refused, Task, unknown

if TYPE_CHECKING:
    from integrations.network import Network

Security = Literal["starttls", "tls", "none"]
PORTS: Mapping[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
STEP_S = 10.0
WITHIN_S = 25.0  # all of it; an attempt may take 30
CLOSED_WITHIN_S = 2.0
GREYLISTED_S = 60.0
# A header is one line: folded, some programs can't read an address in it. Bodies keep to 7 bits.
_POLICY = SMTP.clone(max_line_length=998, cte_type="7bit")


class Smtp:
    """``security`` "none" is for a server beside a small site, and only where private addresses are allowed."""

    def __init__(self, network: Network, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self._network = network
        self._host = settings["host"]
        self._security, self._port = _security(settings)
        self._from = settings["from_address"]
        self._login = (settings.get("user", ""), secrets.get("password", ""))

    async def perform(self, task: Task) -> Outcome:
        work = task.work
        if not isinstance(work, SendMail):
            raise unknown(work)
        if self._security is None or self._port is None:
            return Later("its port or its security can't be understood: starttls, tls")
        if self._security == "none" and not self._network.is_private:
            return Later("only with STARTTLS or TLS")
        try:
            mail = message(work, self._from, message_id(task, self._from)).as_bytes()
        except (ValueError, IndexError):  # a line end in a header, or no address
            return Refused("its addresses or its subject can't be sent")
        try:
            made = await self._network.dial(self._host, self._port)
        except (OSError, TimeoutError) as failure:
            return Later(f"no connection ({type(failure).__name__})")
        return await self._within(_HandOver(made, self._host, self._security, self._login), work.to, mail)

    async def _within(self, hand_over: _HandOver, to: str, mail: bytes) -> Outcome:
        """Its thread ends with its connection, which ends here."""
        going = asyncio.get_running_loop().run_in_executor(None, hand_over.run, self._from, to, mail)
        try:
            done, _ = await asyncio.wait([going], timeout=WITHIN_S)
            return going.result() if done else Later(f"no answer within {WITHIN_S:g} s")
        finally:
            if not going.done():
                hand_over.cut()
                await asyncio.wait([going], timeout=CLOSED_WITHIN_S)


def message_id(task: Task, sender: str) -> str:
    """The same in every attempt, and nobody else's."""
    digest = hashlib.sha256(f"{task.restaurant_id}/{task.key}".encode()).hexdigest()[:32]
    return f"<{digest}@{sender.rpartition('@')[2]}>"


def message(work: SendMail, sender: str, identity: str) -> EmailMessage:
    """Raises ValueError for what is no address, and for a header of several lines."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(display_name=work.sender, addr_spec=sender)
    mail["To"] = Address(addr_spec=work.to)
    mail["Subject"] = work.title
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = identity
    mail["Auto-Submitted"] = "auto-generated"
    if work.stop:
        mail["List-Unsubscribe"] = f"<{work.stop}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(work.text)
    mail.add_alternative(work.html, subtype="html")
    return mail


class _Client(smtplib.SMTP):
    """On a socket that was looked at when it was made. ``host`` is whose certificate is asked for."""

    def __init__(self, made: socket.socket, host: str, wrap: ssl.SSLContext | None, name: str) -> None:
        self._made, self._wrap = made, wrap
        super().__init__(host, local_hostname=name, timeout=STEP_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._made if self._wrap is None else self._wrap.wrap_socket(self._made, server_hostname=host)


class _HandOver:
    """One mail over one connection, in a thread; ``cut`` from another one ends it."""

    def __init__(self, made: socket.socket, host: str, security: Security, login: tuple[str, str]) -> None:
        made.settimeout(STEP_S)
        self._made, self._host, self._security, self._login = made, host, security, login
        self._client: _Client | None = None

    def cut(self) -> None:
        held = self._client.sock if self._client is not None and self._client.sock is not None else self._made
        with contextlib.suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)

    def run(self, sender: str, to: str, mail: bytes) -> Outcome:
        try:
            return self._deliver(sender, to, mail)
        except smtplib.SMTPAuthenticationError as refused:
            return Later(f"it does not let us in ({refused.smtp_code})")
        except smtplib.SMTPNotSupportedError:
            return Later("it offers no STARTTLS, or no way to log in")
        except smtplib.SMTPResponseException as answer:
            return Later(f"answered {answer.smtp_code}")
        except smtplib.SMTPException:
            return Later("it hung up before it answered")
        except ssl.SSLCertVerificationError:
            return Later("its certificate is not valid")
        except OSError as failure:
            return Later(f"no answer ({type(failure).__name__})")
        finally:
            if self._client is not None:
                self._client.close()
            self._made.close()

    def _deliver(self, sender: str, to: str, mail: bytes) -> Outcome:
        context = ssl.create_default_context()
        at_once = context if self._security == "tls" else None
        self._client = client = _Client(self._made, self._host, at_once, sender.rpartition("@")[2])
        if self._security == "starttls":
            client.starttls(context=context)
        if self._login[0]:
            client.login(*self._login)
        client.ehlo_or_helo_if_needed()
        code, _ = client.mail(sender)
        if code != 250:  # not this mail: none is taken from us
            return Later(f"it takes no mail from this address ({code})")
        code, _ = client.rcpt(to)
        if code in (250, 251):
            code, _ = client.data(mail)
            if code == 250:
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    client.quit()
                return Done()
        if code >= 500:
            return Refused(f"the mailbox does not take it ({code})")
        return Later(f"not yet ({code})", GREYLISTED_S, is_there=True)


def _security(settings: Mapping[str, str]) -> tuple[Security | None, int | None]:
    """What is not said follows from the other: 465 is TLS at once."""
    typed, port = settings.get("security", "").lower(), settings.get("port", "")
    number = int(port) if port.isascii() and port.isdigit() and 0 < int(port[:6]) < 1 << 16 else None
    known: Mapping[str, Security] = {"starttls": "starttls", "tls": "tls", "none": "none"}
    security: Security | None = known.get(typed) if typed else "tls" if number == PORTS["tls"] else "starttls"
    return security, number if port else security and PORTS[security]
