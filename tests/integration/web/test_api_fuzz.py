"""The API under requests that nobody would write, made from its own description: it refuses them, and never fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.web.admin import Admin, gunicorn, log_call, make_order, take_order
from tests.integration.web.api import make_token

pytestmark = pytest.mark.integration

SECONDS = 15
CONFIGURATION = """
[parameters]
"path.restaurantId" = "{restaurant}"
"path.orderId" = "{order}"
"path.itemId" = "{item}"
"path.sizeId" = "{size}"
"path.callId" = "call-1"
"""


def test_whatever_is_sent_the_api_answers_as_it_says_and_never_fails(admin: Admin, tmp_path: Path) -> None:
    order = take_order(admin, make_order(admin), tell=False)
    log_call(admin, "call-1", order_id=order.id)
    item = admin.item("Margherita")
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(
        CONFIGURATION.format(restaurant=admin.pizza.id, order=order.id, item=item.id, size=item.sizes[0].id)
    )
    platform = {"PLATFORM_DATABASE_URL": admin.database.platform_url, "WEB_API_REQUESTS_PER_MINUTE": "1000000"}

    with gunicorn(admin, tmp_path / "web.log", WEB_ATTEMPTS_PER_ADDRESS="1000000", **platform) as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run"),
                *(f"{server.url}/api/v1/openapi.json", "--url", f"{server.url}/api/v1"),
                *("-H", f"Authorization: Bearer {make_token(admin)}", "--max-time", str(SECONDS)),
                *("--checks", "not_a_server_error,status_code_conformance,content_type_conformance"),
                *("--phases", "examples,coverage,fuzzing", "--seed", "1", "--no-color", "--no-shrink"),
                *("--continue-on-failure", "--warnings", "off", "--request-timeout", "5"),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
        )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
