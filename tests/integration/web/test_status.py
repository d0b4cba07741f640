"""The public status page, what staff write on it, and the page of the objectives."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient

from stores import status
from stores.postgres import Connection
from tests.integration.web.admin import SUPPORT, Admin, csrf_token, execute, fetch
from tests.integration.web.people import as_platform
from tests.integration.web.test_platform import LogIn, post
from web import create_app

pytestmark = pytest.mark.integration

STATES = {"lines": "up", "answering": "down", "orders": "up", "admin": "up", "messages": "degraded"}


async def _look(connection: Connection) -> None:
    await status.record(connection, STATES)  # type: ignore[arg-type]


def text(client: FlaskClient, path: str, language: str = "fr") -> str:
    client.set_cookie("alloresto_language", language)
    page = client.get(path).text
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_everybody_sees_how_the_parts_stand_in_french_first(admin: Admin, client: FlaskClient) -> None:
    as_platform(admin, _look)

    shown = text(client, "/status")

    assert "Réponse aux appels Hors service" in shown
    assert "Messages et webhooks Perturbé" in shown
    assert "Lignes téléphoniques En service" in shown and "Tout ne fonctionne pas." in shown
    assert admin.pizza.name not in shown
    assert "Call answering Out of service" in text(client, "/status", "en")


def test_what_nobody_has_looked_at_lately_is_not_known(admin: Admin) -> None:
    as_platform(admin, _look)
    execute(admin, "set role alloresto_platform; update component_status set looked_at = now() - interval '5 minutes'")

    shown = text(create_app(admin.settings()).test_client(), "/status")

    assert "Tous les états ne sont pas connus." in shown
    assert "Lignes téléphoniques Inconnu" in shown


def test_without_its_database_the_page_says_that_it_does_not_know(admin: Admin) -> None:
    away = admin.settings(database_url="postgresql://x:x@127.0.0.1:9/x", web_database_timeout_s=0.3)

    answer = create_app(away).test_client().get("/status")

    assert answer.status_code == 503
    assert "on ne sait rien du service" in answer.text


def test_staff_write_an_incident_that_everybody_reads_until_it_ends(admin: Admin, log_in: LogIn) -> None:
    staff = log_in(SUPPORT)
    token = csrf_token(staff.get("/admin/status").text)
    wrong = staff.post("/admin/status/incidents", data={"csrf_token": token, "impact": "down", "title_fr": "Panne"})
    begun = staff.post(
        "/admin/status/incidents",
        data={"csrf_token": token, "impact": "down", "components": ["lines", "answering"], "title_fr": "<b>Panne</b>"},
    )
    [incident] = [str(row["id"]) for row in fetch(admin, "select id from incident")]
    noted = post(staff, f"/admin/status/incidents/{incident}/notes", "/admin/status", text_en="A trunk is away.")

    assert (wrong.status_code, begun.status_code, noted[0]) == (422, 303, 200)
    shown = staff.get("/status").text
    assert "&lt;b&gt;Panne&lt;/b&gt;" in shown and '<span lang="en">A trunk is away.</span>' in shown
    assert "En ce moment" in text(staff, "/status")

    post(staff, f"/admin/status/incidents/{incident}/end", "/admin/status")
    assert "En ce moment" not in text(staff, "/status")
    assert "Panne" in text(staff, "/status")
    actions = {row["action"] for row in fetch(admin, f"select action from audit_log where subject = '{incident}'")}
    assert actions == {"incident.opened", "incident.noted", "incident.ended"}


def test_the_objectives_say_no_data_where_there_is_none(admin: Admin, log_in: LogIn) -> None:
    shown = text(log_in(SUPPORT), "/admin/objectives?days=7")

    assert "aucun Prometheus n'est nommé" in shown and "atteint" not in shown
    assert "Terminés" in shown
