"""The whole system on one machine: servers, migrations, seeds, and the manifests as processes.

The composition root of the laptop, as the manifests are of a cluster. Everything it starts ends with it.
"""

from __future__ import annotations

import asyncio
import compileall
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import aiohttp

from cluster.rules.product import OPERATOR_SECRETS
from devstack.knative import Runtime, RuntimeEvent
from devstack.mail import Mailbox
from devstack.servers.embedded import EmbeddedPostgres, EmbeddedValkey
from devstack.servers.ports import free_port, kept_port, port_problem
from devstack.stack import monitoring
from devstack.stack.credentials import FILE as CREDENTIALS_FILE
from devstack.stack.credentials import Credentials, load_or_make
from devstack.stack.engines import EngineEndpoint, SpeechServer, configured_engine
from devstack.stack.running import DialableLine
from devstack.stack.synthetic import NUMBER as SYNTHETIC_NUMBER
from devstack.stack.synthetic import SyntheticCaller
from devstack.stand_ins.neighbourhood import Neighbourhood
from ops.manifest_doctor import lost_calls
from ops.manifests import Manifest, ManifestError, Problem, render
from ops.monitoring.rules import RULES
from seeds import SEED_FILES, SeedResult, rehearsals, seed
from stores import people
from stores.ciphers import PiiCipher, SipPasswordCipher
from stores.migrate import migrate
from stores.postgres import Postgres

_ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = _ROOT / "manifests" / "overlays" / "dev"
KNATIVE_SETTINGS = _ROOT / "manifests" / "components" / "knative-settings"
COMPILED_PACKAGES = (
    *("process", "domain", "cluster", "stores", "eventing"),
    *("protocols", "integrations", "edge_bridge", "functions", "web"),
)
READY_TIMEOUT_S = 60.0
READY_POLL_S = 0.05
PROBE_TIMEOUT_S = 3.0
EDGE_DRAIN_S = 3  # then the bridge hangs up: the runtime kills what is left 8 s after SIGTERM

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StackOptions:
    """``port`` 0 means a free one. ``engine`` overrides what the environment asks for.

    ``manifests`` is the overlay that is executed, ``seed_files`` the restaurants that are there. ``monitoring`` starts
    Prometheus and Alertmanager, with the alerts of the folder ``rules``, and the synthetic caller.
    """

    state_dir: Path
    listen: str = "127.0.0.1"
    sip_port: int = 0
    web_port: int = 0
    rtp_port_min: int = 16_000
    max_calls: int = 8
    always_open: bool = True
    engine: EngineEndpoint | None = None
    manifests: Path = MANIFESTS
    seed_files: Sequence[Path] = SEED_FILES
    monitoring: bool = False
    rules: Path = RULES


class StackError(RuntimeError):
    """The stack did not come up; the message names the part and the fix."""


def compile_packages() -> None:
    """Compile the product's packages, as an image's build does: without ``.pyc`` a cold start takes 2-3 times as long.

    Explicit, because many machines run with PYTHONDONTWRITEBYTECODE set. Files that are up to date are skipped; what
    cannot be written (a read-only checkout) is left.
    """
    for package in COMPILED_PACKAGES:
        compileall.compile_dir(_ROOT / package, quiet=2)


class Stack:
    """Start in order, stop in reverse. ``tell`` gets one line a step, for people."""

    def __init__(
        self, options: StackOptions, tell: Tell, on_event: Callable[[RuntimeEvent], None] | None = None
    ) -> None:
        self._options = options
        self._tell = tell
        self._on_event = on_event
        state = options.state_dir.absolute()
        self._credentials: Credentials = load_or_make(state / CREDENTIALS_FILE)
        self._database = EmbeddedPostgres(state / "postgres")
        self._valkey = EmbeddedValkey(state / "valkey")
        port_of = partial(kept_port, state / "ports.json")  # what a restaurant has connected is there after a restart
        self.mailbox = Mailbox(state / "mail", port_of("smtp"))
        self._speech = SpeechServer(state / "speech", self._credentials.speech_api_key)
        self.monitoring = monitoring.Monitoring(state / "monitoring", options.rules) if options.monitoring else None
        self.neighbourhood = Neighbourhood(port_of)
        self._synthetic: SyntheticCaller | None = None
        self._engine: EngineEndpoint | None = None
        self._runtime: Runtime | None = None
        self._seeded: SeedResult | None = None
        self.sip_port = options.sip_port or free_port(socket.SOCK_DGRAM, options.listen)
        self.web_port = options.web_port or free_port()
        self.recordings = state / "recordings"
        self._state_dir = state
        self._edge_port = free_port()
        self._relay_port = free_port()
        self._page_calls_port = free_port()

    @property
    def runtime(self) -> Runtime:
        if self._runtime is None:
            raise StackError("the stack is not started")
        return self._runtime

    @property
    def lines(self) -> tuple[DialableLine, ...]:
        """The seeded restaurants' phone lines."""
        if self._seeded is None:
            raise StackError("the stack is not started")
        languages = {restaurant.id: restaurant.language for restaurant in self._seeded.restaurants}
        return tuple(
            DialableLine(one.restaurant_name, one.restaurant_id, languages[one.restaurant_id], one.id, one.number)
            for one in self._seeded.lines
        )

    @property
    def admin_email(self) -> str:
        if self._seeded is None:
            raise StackError("the stack is not started")
        return self._seeded.users[0].email

    @property
    def pii_cipher(self) -> PiiCipher:
        return PiiCipher(self._credentials.master_key)

    @property
    def engine(self) -> EngineEndpoint:
        if self._engine is None:
            raise StackError("the stack is not started")
        return self._engine

    @property
    def admin_password(self) -> str:
        return self._credentials.admin_password

    @property
    def web_url(self) -> str:
        return f"http://{self._options.listen}:{self.web_port}"

    @property
    def _page_calls_url(self) -> str:
        return f"http://{self._options.listen}:{self._page_calls_port}/twilio"

    @property
    def app_url(self) -> str:
        return self._database.url("alloresto_app")

    @property
    def platform_url(self) -> str:
        return self._database.url("alloresto_platform")

    @property
    def redis_url(self) -> str:
        return self._valkey.url()

    async def start(self) -> None:
        """Raises StackError, EmbeddedServerError or ManifestError; what was started by then is stopped."""
        try:
            _require_sip()
            self._require_ports()
            if self.monitoring is not None and (lack := monitoring.missing()):
                raise StackError(lack)
            manifests = self._read_manifests()
            compile_packages()
            self._tell("Postgres")
            self._database.start()
            applied = await migrate(
                self._database.url(),
                app_password=self._database.password("alloresto_app"),
                platform_password=self._database.password("alloresto_platform"),
                synthetic_password=self._database.password("alloresto_synthetic"),
            )
            self._tell(f"Postgres migrated ({len(applied)} new)" if applied else "Postgres is up to date")
            self._valkey.start()
            self.mailbox.start()
            self._tell("Valkey")
            await self.neighbourhood.start()
            self._engine = self._options.engine or configured_engine()
            if self._engine is None:
                self._tell("local speech: loading the models")
                self._speech.start()
                self._engine = self._speech.engine
            self._tell(f"calls are answered by {self._engine.name}")
            await self._seed()
            folder = self._options.manifests
            self._tell(f"Knative, locally: {folder.relative_to(folder.parent.parent.parent)}")
            self._runtime = self._make_runtime(manifests, self._secrets())
            await self._runtime.start()
            await self._until_ready()
            if self.monitoring is not None:
                self.monitoring.start(self._runtime.admin_url)
                self._tell("Prometheus and Alertmanager")
                self._start_synthetic_caller()
        except BaseException:
            await self.stop()
            raise

    def _start_synthetic_caller(self) -> None:
        self._synthetic = SyntheticCaller(
            self._state_dir / "synthetic-caller.log",
            target=f"{self._options.listen}:{self.sip_port}",
            database_url=self._database.url("alloresto_synthetic"),
        )
        self._synthetic.start()
        self._tell("a synthetic caller, every five minutes")

    def _require_ports(self) -> None:
        """Checked before anything starts. Raises StackError naming the option that chooses another port."""
        host = self._options.listen
        wanted = (
            (socket.SOCK_DGRAM, self.sip_port, "SIP", "--sip-port"),
            (socket.SOCK_STREAM, self.web_port, "the admin", "--web-port"),
        )
        for kind, port, what, option in wanted:
            problem = port_problem(kind, host, port)
            if problem:
                raise StackError(f"port {port} for {what} on {host}: {problem}; choose another with {option}")

    def _read_manifests(self) -> list[Manifest]:
        """Rendered and examined: every fault is told before anything starts. Raises ManifestError."""
        manifests = render(self._options.manifests)
        faults: dict[tuple[str, str], Problem] = {}
        try:
            self._make_runtime(manifests, {name: dict.fromkeys(keys, "") for name, keys in OPERATOR_SECRETS.items()})
        except ManifestError as error:
            faults |= {(one.where, one.field): one for one in error.problems}
        faults |= {(one.where, one.field): one for one in lost_calls(manifests)}  # they tell the consequence, too
        if faults:
            raise ManifestError(faults.values())
        return manifests

    async def _seed(self) -> None:
        postgres = Postgres(self.platform_url)
        await postgres.open()
        try:
            self._seeded = await seed(
                postgres,
                always_open=self._options.always_open,
                cipher=SipPasswordCipher(self._credentials.master_key),
                admin_password=self._credentials.admin_password,
                files=self._options.seed_files,
            )
            async with postgres.platform() as connection:  # one person is everything here: owner and staff
                user_id = await people.by_address(connection, self._seeded.users[0].email)
                if user_id is not None:
                    await people.set_platform(connection, user_id, True)
                if self.monitoring is not None:
                    cipher = SipPasswordCipher(self._credentials.master_key)
                    await rehearsals.set_up(connection, SYNTHETIC_NUMBER, cipher)
        finally:
            await postgres.close()
        self._tell("restaurants: " + ", ".join(line.restaurant_name for line in self._seeded.lines))

    def _make_runtime(self, manifests: Sequence[Manifest], secrets: Mapping[str, Mapping[str, str]]) -> Runtime:
        """Starts nothing. Raises ManifestError where the manifests and the Secrets' names do not agree."""
        return Runtime(
            manifests,
            images={
                "alloresto-functions": [sys.executable, "-m", "functions"],
                "alloresto-edge": [sys.executable, "-m", "edge_bridge"],
                "alloresto-web": [sys.executable, "-m", "gunicorn"],
            },
            secrets=secrets,
            cluster_settings=render(KNATIVE_SETTINGS),
            config_overrides=self._overrides(),
            state_dir=self._options.state_dir.absolute() / "runtime",
            on_event=self._on_event,
        )

    async def _until_ready(self) -> None:
        """The always-on processes serve: a call rung now is answered. Raises StackError naming what is missing."""
        waiting = {
            "edge-bridge": f"http://127.0.0.1:{self._edge_port}",
            "outbox-relay": f"http://127.0.0.1:{self._relay_port}",
            "web": self.web_url,
        }
        deadline = time.monotonic() + READY_TIMEOUT_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)) as session:
            while waiting:
                missing = {name: await _missing(session, url) for name, url in waiting.items()}
                waiting = {name: url for name, url in waiting.items() if missing[name]}
                if waiting and time.monotonic() > deadline:
                    name = next(iter(waiting))
                    raise StackError(
                        f"{name} is not ready: {missing[name]}; its log is under {self._state_dir}/runtime"
                    )
                await asyncio.sleep(READY_POLL_S)

    async def stop(self) -> None:
        """End everything, in reverse order. Safe to call again."""
        if self._synthetic is not None:
            await self._synthetic.stop()
        if self.monitoring is not None:
            await asyncio.to_thread(self.monitoring.stop)
        if self._runtime is not None:
            await self._runtime.stop()
            self._runtime = None
        await self.neighbourhood.stop()
        for server in (self.mailbox, self._speech, self._valkey, self._database):
            await asyncio.to_thread(server.stop)

    def _secrets(self) -> dict[str, dict[str, str]]:
        return {
            "alloresto-database": {
                "DATABASE_URL": self.app_url,
                "PLATFORM_DATABASE_URL": self.platform_url,
                "MIGRATE_DATABASE_URL": self._database.url(),
            },
            "alloresto-platform-pages": {"PLATFORM_DATABASE_URL": self.platform_url},
            "alloresto-redis": {"REDIS_URL": self.redis_url},
            "alloresto-openai": {"OPENAI_API_KEY": self.engine.api_key, "OPENAI_BASE_URL": self.engine.base_url},
            "alloresto-keys": {
                "MASTER_KEY": self._credentials.master_key,
                "WEB_SECRET_KEY": self._credentials.web_secret_key,
            },
        }

    def _overrides(self) -> dict[str, dict[str, str]]:
        options = self._options
        edge = {
            "SIP_BIND_ADDRESS": options.listen,
            "SIP_PORT": str(self.sip_port),
            "RTP_PORT_MIN": str(options.rtp_port_min),
            "MAX_CALLS": str(options.max_calls),
            "MEDIA_BIND_ADDRESS": "127.0.0.1",
            "MEDIA_PORT": str(free_port()),
            "MEDIA_PUBLIC_HOST": "127.0.0.1",
            "API_BIND_ADDRESS": "127.0.0.1",
            "API_PORT": str(self._edge_port),
            "SIP_PEERS": "127.0.0.0/8",
            # Calls from a page's own microphone, which come as Twilio's Media Streams do.
            "TWILIO_BIND_ADDRESS": options.listen,
            "TWILIO_PORT": str(self._page_calls_port),
            "TWILIO_PUBLIC_URL": self._page_calls_url,
            "DRAIN_S": str(EDGE_DRAIN_S),
            "RECORDINGS_DIR": str(self.recordings),
        }
        return {
            "edge-bridge": edge,
            "web": {
                "PORT": str(self.web_port),
                "WEB_METRICS_PORT": str(free_port()),
                "WEB_HOST": options.listen,
                "RECORDINGS_DIR": str(self.recordings),
                "SMTP_URL": self.mailbox.url,
                "MAIL_FROM": "AlloResto <no-reply@localhost.localdomain>",
                "WEB_PUBLIC_URL": self.web_url,
                "WEB_TWILIO_URL": self._page_calls_url,
                "INTEGRATION_PRIVATE_TARGETS": "true",
                "WEBHOOK_PRIVATE_TARGETS": "true",
            },
            "errand-runner": {"INTEGRATION_PRIVATE_TARGETS": "true", "WEB_PUBLIC_URL": self.web_url},
            "webhook-sender": {"WEBHOOK_PRIVATE_TARGETS": "true"},
            "outbox-relay": {"PORT": str(self._relay_port)},
        }


def _require_sip() -> None:
    if find_spec("pjsua2") is None:
        raise StackError(
            "the SIP stack (pjsua2) is not installed, and has no wheel for Python 3.13;"
            " setup/install.sh local --sip installs it with Python 3.11 or 3.12, or says how"
        )


async def _missing(session: aiohttp.ClientSession, url: str) -> str:
    """What keeps the process at ``url`` from being ready, in words; empty when it is."""
    try:
        async with session.get(f"{url}/health/ready") as answer:
            return "" if answer.status == 200 else await answer.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"it does not answer ({type(error).__name__})"
