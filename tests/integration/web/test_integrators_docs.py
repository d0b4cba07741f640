"""What the page for integrators shows is run: each curl line against a real server, the check on a real message."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from domain import webhooks
from tests.integration.web.admin import Admin, gunicorn, make_order, take_order
from tests.integration.web.api import make_token

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).parents[3] / "docs" / "integrators" / "api.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_request_of_the_page_is_answered(admin: Admin, tmp_path: Path) -> None:
    order = take_order(admin, make_order(admin), tell=False)
    script = "\n".join(blocks("sh"))
    asked = script.replace("curl -s", "curl -s -o /dev/null -w '%{http_code} '")

    with gunicorn(admin, tmp_path / "web.log") as server:
        environment = {
            "PATH": os.environ["PATH"],
            "API": f"{server.url}/api/v1",
            "TOKEN": make_token(admin),
            "RESTAURANT": admin.pizza.id,
            "ORDER": order.id,
        }
        done = subprocess.run(
            ["sh", "-c", asked], env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    assert done.stdout.split() == ["200", "200", "200", "200", "200", "201", "201"], done.stderr


def test_the_check_of_the_page_takes_our_messages_and_no_others() -> None:
    (source,) = blocks("python")
    names: dict[str, Any] = {}
    exec(source, names)
    secret, body, now = webhooks.new_secret(), b'{"id": "1"}', int(time.time())
    old_secret = webhooks.new_secret()
    headers = webhooks.headers([secret, old_secret], "msg_1", now, body)

    assert names["verified"](secret, headers, body)
    assert names["verified"](old_secret, headers, body)
    assert not names["verified"](webhooks.new_secret(), headers, body)
    assert not names["verified"](secret, headers, body + b" ")
    assert not names["verified"](secret, webhooks.headers([secret], "msg_1", now - 3600, body), body)
