"""What the admin reads from its environment. Wrong or missing values are one clear line each at start."""

import sys
from email.utils import parseaddr
from typing import Annotated

import msgspec

from process.settings import SettingsError, load
from stores.ciphers import decode_master_key
from web.identity.smtp import parse_server

Positive = Annotated[int, msgspec.Meta(ge=1)]
PositiveSeconds = Annotated[float, msgspec.Meta(gt=0)]
SHORTEST_SECRET_KEY = 24


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``database_url`` is the role under row-level security: a restaurant's pages never see more than theirs."""

    database_url: str
    redis_url: str
    # The role that sees every restaurant, for what the platform's own staff and tokens do; without it they can't.
    platform_database_url: str = ""
    # A replica that follows the first one, same role: figures are read there, and here while it does not answer.
    analytics_database_url: str = ""
    # Where those pages read the handlers' pods: the local runtime that started us, or the cluster in whose pod we are
    # (with a token), or whose namespace is named.
    local_runtime_url: str = ""
    handler_namespace: str = ""
    # The Prometheus that the page of the objectives asks; without it that page has what is in the database.
    prometheus_url: str = ""
    # Decrypts callers' names, numbers and addresses for their restaurant's staff.
    master_key: str
    # Signs the session cookie and the form tokens; the same for all workers and replicas. Several with commas between:
    # the first one signs, and what the others have signed still counts.
    web_secret_key: Annotated[str, msgspec.Meta(min_length=SHORTEST_SECRET_KEY)]
    # How many reverse proxies in front of us set X-Forwarded-*. Their word decides the client's address and https.
    web_trusted_proxies: Annotated[int, msgspec.Meta(ge=0, le=5)] = 0
    # A bridge's TWILIO_PUBLIC_URL: where a restaurant is rung from its own page. Without it that is not offered.
    web_twilio_url: str = ""
    # The names that OPENAI_VOICE may have, with commas between: what a restaurant may choose from.
    web_voices: str = "marin,cedar,alloy,ash,ballad,coral,echo,sage,shimmer,verse"
    # The names of the voice engines that a restaurant may put in an order of its own, with commas between: "main" and
    # those of ENGINES. With fewer than two there is nothing to choose.
    web_engines: str = ""
    # Where the edge writes recordings, when this process can read them; without it no player is shown.
    recordings_dir: str = ""
    # Live pages open at once in one worker; a further one asks again every ten seconds instead.
    web_max_streams: Positive = 2000
    # A live page hears this often that it is still true. It says that it is stale 1.5 s after one that did not come.
    web_heartbeat_s: PositiveSeconds = 2.0
    # The longest a page waits for Postgres or Redis before it says so.
    web_database_timeout_s: PositiveSeconds = 5.0
    # Log-in attempts allowed in 15 minutes: on one account from one address or known browser, on one account by
    # strangers from everywhere, and from one address.
    web_attempts_per_account: Positive = 8
    web_attempts_per_account_everywhere: Positive = 100
    web_attempts_per_address: Positive = 40
    # A session ends when it was not used for so long, and after so many days in any case.
    web_session_idle_hours: Positive = 12
    web_session_days: Positive = 30
    # The longest that a restaurant may keep transcripts, and who its customers are: the archiver's settings of these
    # names, whose word counts.
    transcript_days: Positive = 90
    customer_days: Positive = 365
    # How mail leaves: smtp://user:password@host:587 or smtps://…; without it no resets, sign-ups and invitations.
    smtp_url: str = ""
    # Who the mails are from, such as AlloResto <no-reply@example.com>.
    mail_from: str = ""
    # Where people reach these pages, such as https://admin.example.com: what links in mails begin with.
    web_public_url: str = ""
    # The store API's address for restaurants that type none: as the errands' runner has it.
    store_api_url: str = ""
    # Requests a minute that each client of the API may send.
    web_api_requests_per_minute: Positive = 100
    # Notices a minute that connected services may send from each address.
    web_hook_requests_per_minute: Positive = 100
    # Webhooks may go to http and private addresses, too: as the sender's own setting of this name says.
    webhook_private_targets: bool = False
    # The same of tills, printers and all else that is connected: as the errands' runner has it.
    integration_private_targets: bool = False

    @property
    def web_secret_keys(self) -> tuple[str, ...]:
        """The one that signs, and those of before."""
        return tuple(key.strip() for key in self.web_secret_key.split(","))


def from_environment() -> WebSettings:
    """The settings, or SettingsError after a line for each problem on stderr (exit status 2)."""
    try:
        settings = load(WebSettings)
        problems = _problems(settings)
        if problems:
            raise SettingsError(problems)
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise
    return settings


def _problems(settings: WebSettings) -> list[str]:
    problems: list[str] = []
    if any(len(key) < SHORTEST_SECRET_KEY for key in settings.web_secret_keys):
        problems.append(f"WEB_SECRET_KEY: each of its keys (between commas) needs {SHORTEST_SECRET_KEY} characters")
    try:
        decode_master_key(settings.master_key)
    except ValueError as error:
        problems.append(str(error))
    return problems + _mail_problems(settings)


def _mail_problems(settings: WebSettings) -> list[str]:
    if not settings.smtp_url:
        return []
    problems: list[str] = []
    try:
        parse_server(settings.smtp_url)
    except ValueError as error:
        problems.append(str(error))
    if "@" not in parseaddr(settings.mail_from)[1]:
        problems.append("MAIL_FROM: not an e-mail address; with SMTP_URL it is needed")
    if not settings.web_public_url.startswith(("http://", "https://")):
        problems.append("WEB_PUBLIC_URL: expected http:// or https://; links in mails begin with it")
    return problems
