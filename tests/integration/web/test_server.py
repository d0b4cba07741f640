"""The admin as it runs: a gunicorn process over real sockets."""

import http.cookiejar
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import psutil
import pytest

from devstack.servers.ports import free_port
from tests.integration.web.admin import (
    OWNER,
    PASSWORD,
    SECRET_KEY,
    Admin,
    Server,
    csrf_token,
    fetch,
    gunicorn,
    make_order,
    take_order,
)

pytestmark = pytest.mark.integration

TIMEOUT_S = 10


class Browser:
    """Cookies and forms over urllib, logged in as the owner."""

    def __init__(self, url: str) -> None:
        self.url = url
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)
        page = self.get("/login")
        self.post("/login", email=OWNER, password=PASSWORD, csrf_token=csrf_token(page))

    def open(self, path: str) -> HTTPResponse:
        answer: HTTPResponse = self._opener.open(self.url + path, timeout=TIMEOUT_S)
        return answer

    def get(self, path: str) -> str:
        with self.open(path) as answer:
            return answer.read().decode()

    def post(self, path: str, **form: str) -> str:
        data = urllib.parse.urlencode(form).encode()
        with self._opener.open(self.url + path, data=data, timeout=TIMEOUT_S) as answer:
            body: bytes = answer.read()
            return body.decode()


@pytest.fixture
def server(admin: Admin, tmp_path: Path) -> Iterator[Server]:
    with gunicorn(admin, tmp_path / "gunicorn.log") as running:
        yield running


@pytest.mark.usefixtures("within_one_day")
def test_an_item_is_taken_off_a_live_order_arrives_and_the_server_ends_cleanly(admin: Admin, server: Server) -> None:
    browser = Browser(server.url)
    base = f"/place/{admin.pizza.id}"
    size_id = admin.size_id("Margherita", "Large")
    token = csrf_token(browser.get(f"{base}/menu"))

    browser.post(f"{base}/menu/off/sizes/{size_id}", until="kept", csrf_token=token)
    stream = browser.open(f"{base}/orders/stream")
    take_order(admin, make_order(admin, name="Fionnuala"))
    seen = _read_until(stream, b"Fionnuala")
    server.process.send_signal(signal.SIGTERM)
    status = server.process.wait(TIMEOUT_S)

    assert fetch(admin, "select available from item_size where id = $1", size_id) == [{"available": False}]
    assert len(fetch(admin, "select id from outbox where type = 'com.alloresto.menu.changed'")) == 1
    assert seen
    assert stream.read() is not None, "the open stream was ended, not reset"
    assert status == 0
    assert "Traceback" not in server.log.read_text()


def _read_until(stream: HTTPResponse, text: bytes) -> bool:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        line = stream.readline()
        if text in line:
            return True
    return False


def test_a_workers_collector_copies_nothing_of_what_it_shares_with_the_master(admin: Admin, tmp_path: Path) -> None:
    with gunicorn(admin, tmp_path / "gunicorn.log", "tests.integration.web.collecting:application()") as server:
        master = psutil.Process(server.process.pid)
        before = master.memory_full_info().uss
        with urllib.request.urlopen(f"{server.url}/collect", timeout=TIMEOUT_S):
            pass
        assert master.memory_full_info().uss - before < 4_000_000


def test_the_metrics_of_several_workers_are_added_up(admin: Admin, tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    port = free_port()
    environment = {
        "WEB_WORKERS": "2",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        "WEB_METRICS_PORT": str(port),
    }
    with gunicorn(admin, tmp_path / "gunicorn.log", **environment) as server:
        for _ in range(20):
            with urllib.request.urlopen(f"{server.url}/health", timeout=TIMEOUT_S):
                pass
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT_S) as answer:
            text = answer.read().decode()
        with pytest.raises(urllib.error.HTTPError) as public:
            urllib.request.urlopen(f"{server.url}/metrics", timeout=TIMEOUT_S)
        with pytest.raises(urllib.error.HTTPError) as page:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=TIMEOUT_S)

    assert (public.value.code, page.value.code) == (404, 404)
    assert 'web_requests_total{endpoint="probes.live",status="200"} 20.0' in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"WEB_SECRET_KEY": ""}, "WEB_SECRET_KEY: not set; WebSettings needs it"),
        ({"MASTER_KEY": "short"}, "MASTER_KEY: not 32 bytes in base64"),
    ],
)
def test_a_wrong_setting_is_one_clear_line_and_not_a_loop(changes: dict[str, str], says: str, master_key: str) -> None:
    environment = {
        **os.environ,
        "PORT": "0",
        "WEB_HOST": "127.0.0.1",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "REDIS_URL": "redis://127.0.0.1:1",
        "WEB_SECRET_KEY": SECRET_KEY,
        "MASTER_KEY": master_key,
    }

    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "web/gunicorn.conf.py", "web:create_app()"],
        env=environment | changes,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert ended.returncode != 0
    assert ended.stderr.splitlines()[0].startswith(says)
    assert "Traceback" not in ended.stderr
