"""Mail over SMTP: what is said in it is ``web.identity.mails``'.

``smtps://`` speaks TLS from the start; ``smtp://`` turns to TLS as soon as the server offers it. A password is sent
over TLS, or to this machine itself.
"""

import smtplib
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr

from process import logs
from web import metrics
from web.identity.smtp import LOOPBACK, SmtpServer, parse_server

TIMEOUT_S = 8.0
RETRY_AFTER_S = (2.0, 15.0, 60.0)
MOST_WAITING = 50  # each has a thread

log = logs.get(__name__)


class MailError(Exception):
    """The mail was not taken. The message says why, without an address."""


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    text: str


class Mailer:
    """Sends from ``mail_from`` over ``smtp_url``; both empty: this installation sends no mail."""

    def __init__(self, smtp_url: str, mail_from: str) -> None:
        """Raises ValueError for a malformed ``smtp_url``."""
        self._server = parse_server(smtp_url) if smtp_url else None
        self._from = mail_from
        self._places = threading.BoundedSemaphore(MOST_WAITING)

    @property
    def sends(self) -> bool:
        return self._server is not None

    def send(self, mail: Mail) -> None:
        """Hand it over now. Raises MailError."""
        if self._server is None:
            raise MailError("SMTP_URL is not set")
        try:
            _hand_over(self._server, self._message(mail), mail.to)
        except (OSError, smtplib.SMTPException) as error:
            metrics.mails_total.labels("failed").inc()
            raise MailError(f"the mail server did not take it: {type(error).__name__}") from error
        metrics.mails_total.labels("sent").inc()

    def send_later(self, mail: Mail) -> None:
        """Hand it over beside the request, so that its answer takes as long with a mail as without; tries again for a
        while. A process that ends takes what is waiting with it: who waits for a mail asks again."""
        if not self._places.acquire(blocking=False):
            metrics.mails_total.labels("dropped").inc()
            log.error("mail dropped: too many are waiting", waiting=MOST_WAITING)
            return
        # A daemon: a worker that is told to stop does not wait for a mail server that is away.
        threading.Thread(target=self._try, args=(mail, RETRY_AFTER_S), name="mail", daemon=True).start()

    def _try(self, mail: Mail, pauses: Sequence[float]) -> None:
        try:
            for pause in (*pauses, None):
                try:
                    return self.send(mail)
                except MailError as error:
                    log.warning("mail not sent", why=str(error), again_in_s=pause)
                    if pause is not None:
                        time.sleep(pause)
        finally:
            self._places.release()

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"], message["Subject"] = self._from, mail.to, mail.subject
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=_domain(self._from))
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
        message.set_content(mail.text)
        return message


def _hand_over(server: SmtpServer, message: EmailMessage, to: str) -> None:
    context = ssl.create_default_context()
    if server.tls_at_once:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    with connection as smtp:
        smtp.ehlo()
        encrypted = server.tls_at_once
        if not encrypted and smtp.has_extn("starttls"):
            smtp.starttls(context=context)
            smtp.ehlo()
            encrypted = True
        if server.user:
            if not encrypted and server.host not in LOOPBACK:
                raise smtplib.SMTPNotSupportedError("no TLS: the password stays here")
            smtp.login(server.user, server.password)
        smtp.send_message(message, to_addrs=[to])


def _domain(address: str) -> str:
    return parseaddr(address)[1].rpartition("@")[2] or "localhost"
