import io
import wave
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from stores import greetings
from stores.greetings import Greeting
from stores.redis import connect
from tests.conftest import run_apart
from tests.integration.web.admin import COOK, OWNER, PASSWORD, Admin, csrf_token, fetch
from web import create_app

pytestmark = pytest.mark.integration

LogIn = Callable[[str], FlaskClient]

OWN = "Harbour Pizza, an AI assistant speaking. What can I get you?"
FORM = {
    "language": "en",
    "voice": "cedar",
    "greeting": OWN,
    "style": "brief",
    "upsell": "yes",
    "fallback": "busy",
    "fallback_number": "",
}


def send(client: FlaskClient, admin: Admin, fields: dict[str, str], path: str = "") -> TestResponse:
    token = csrf_token(client.get(f"/place/{admin.pizza.id}/voice").text)
    return client.post(f"/place/{admin.pizza.id}/voice{path}", data={"csrf_token": token, **fields})


def told(admin: Admin) -> list[tuple[str, object]]:
    rows = fetch(admin, "select event from outbox where event->>'source' = '/web' order by id")
    return [(row["event"]["type"], row["event"]["data"]) for row in rows]  # type: ignore[index]


def keep(admin: Admin, greeting: Greeting) -> None:
    async def work() -> None:
        async with connect(admin.redis_url) as redis:
            await greetings.save(redis, admin.pizza.id, greeting)

    run_apart(work)


def test_a_changed_voice_is_saved_logged_and_told_once_for_the_greeting_and_once_for_the_rest(
    admin: Admin, log_in: LogIn
) -> None:
    client = log_in(OWNER)

    send(client, admin, FORM)
    send(client, admin, FORM)

    row = fetch(admin, "select voice, style, upsell, greeting from restaurant where id = $1", admin.pizza.id)[0]
    assert row == {"voice": "cedar", "style": "brief", "upsell": True, "greeting": OWN}
    kinds = dict(told(admin))
    assert len(told(admin)) == 2
    assert kinds["com.alloresto.greeting.changed"]["text"] == OWN  # type: ignore[index]
    assert {"style", "upsell"} <= set(kinds["com.alloresto.restaurant.changed"]["fields"])  # type: ignore[index]
    assert len(fetch(admin, "select from audit_log where action = 'voice.changed'")) == 1


@pytest.mark.parametrize(
    ("greeting", "recorded", "added"),
    [
        (OWN, False, ()),
        ("Harbour Pizza, hello!", False, ("You are speaking with an AI assistant.",)),
        ("Welcome to Record Pizza, an AI assistant speaking", True, ("This call is recorded.",)),
        (f"{OWN} This call is not recorded.", True, ("This call is recorded.",)),
        (f"{OWN} Your call is recorded.", True, ()),
    ],
)
def test_the_page_says_what_is_added_to_a_greeting_that_leaves_it_out(
    greeting: str, recorded: bool, added: tuple[str, ...], admin: Admin, log_in: LogIn
) -> None:
    fields = {**FORM, "greeting": greeting, **({"record_calls": "yes"} if recorded else {})}

    said = send(log_in(OWNER), admin, fields, "/check").text

    assert f"{' '.join((greeting, *added))}</span>" in said
    assert ("Complete" in said) is (not added)


def test_the_greeting_is_in_preparation_until_its_new_words_are_rendered_and_is_played_as_pcm(
    admin: Admin, log_in: LogIn
) -> None:
    client = log_in(OWNER)
    page = f"/place/{admin.pizza.id}/voice/greeting"
    before = client.get(page).text
    keep(admin, Greeting("Old words.", "cedar", b"\xff" * 800))
    send(client, admin, FORM)
    old = client.get(page).text
    keep(admin, Greeting(OWN, "cedar", b"\xff" * 1600))

    ready = client.get(page).text
    played = client.get(f"{page}.wav")

    assert "not spoken yet" in before
    assert "In preparation" in old
    assert "Old words." in old
    assert "Ready" in ready
    assert "hx-get" not in ready, "nothing is waited for any more"
    with wave.open(io.BytesIO(played.data)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnframes()) == (8000, 2, 1600)


def test_without_a_rendered_greeting_there_is_nothing_to_play(admin: Admin, log_in: LogIn) -> None:
    assert log_in(OWNER).get(f"/place/{admin.pizza.id}/voice/greeting.wav").status_code == 404


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"voice": "darth"}, "Voice: choose one of the list."),
        ({"greeting": "a" * 601}, "Greeting: at most 600 characters, it has 601."),
        ({"fallback": "forward"}, "Your number: callers are forwarded to it"),
        ({"language": "tlh"}, "Language: choose one of the list."),
    ],
)
def test_what_can_not_be_spoken_is_refused_at_its_field(
    fields: dict[str, str], says: str, admin: Admin, log_in: LogIn
) -> None:
    answer = send(log_in(OWNER), admin, {**FORM, **fields})

    assert answer.status_code == 422
    assert says in answer.text
    assert told(admin) == []


def test_staff_may_listen_and_not_change(admin: Admin, log_in: LogIn) -> None:
    client = log_in(COOK)

    assert client.get(f"/place/{admin.pizza.id}/voice").status_code == 403
    assert client.get(f"/place/{admin.pizza.id}/voice/greeting").status_code == 200


def test_a_restaurant_chooses_which_engine_speaks_first_and_which_take_over(admin: Admin) -> None:
    app = create_app(admin.settings(web_engines="main, backup,cascade"))
    client = app.test_client()
    client.set_cookie("alloresto_language", "en")
    entered = csrf_token(client.get("/login").text)
    client.post("/login", data={"email": OWNER, "password": PASSWORD, "csrf_token": entered})
    order = {"engine_1": "cascade", "engine_2": "", "engine_3": "main"}

    twice = send(client, admin, {**FORM, **order, "engine_2": "cascade"})
    unknown = send(client, admin, {**FORM, **order, "engine_2": "elsewhere"})
    saved = send(client, admin, {**FORM, **order})
    page = client.get(f"/place/{admin.pizza.id}/voice").text
    app.extensions["alloresto.database"].close()

    assert (twice.status_code, unknown.status_code, saved.status_code) == (422, 422, 303)
    assert "Engine: it stands further up already." in twice.text
    [row] = fetch(admin, "select engines from restaurant where id = $1", admin.pizza.id)
    assert row == {"engines": ["cascade", "main"]}
    assert '<option value="main" selected>' in page


def test_where_there_is_one_engine_nothing_is_asked_and_an_order_stays(admin: Admin, log_in: LogIn) -> None:
    client = log_in(OWNER)

    saved = send(client, admin, FORM)
    page = client.get(f"/place/{admin.pizza.id}/voice").text

    assert saved.status_code == 303
    assert "engine_1" not in page
