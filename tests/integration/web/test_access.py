"""Every route for everybody: made from the URL map, so that a new one is tried as soon as it is there."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from flask import Blueprint, Flask, Response
from flask.testing import FlaskClient
from werkzeug.routing import AnyConverter, BaseConverter, Rule, UUIDConverter
from werkzeug.routing.converters import NumberConverter

from stores import sessions, users
from stores.postgres import NO_RESTAURANT, Postgres
from tests.conftest import run_apart
from tests.integration.web.admin import COOK, OWNER, STRANGER, Admin, csrf_token, execute
from web import access

pytestmark = pytest.mark.integration

MANAGER, SUPPORT = "manager@harbour.example", "support@alloresto.example"
BY_MAIL = ("guest.stop", "guest.stop_booking")
EVERYBODY = ("anonymous", "staff", "manager", "owner", "stranger", "platform")
ROLES = {"staff": COOK, "manager": MANAGER, "owner": OWNER, "stranger": STRANGER, "platform": SUPPORT}


@dataclass
class Visit:
    """Requests of one person; whatever a route does to a session, the next request has a good one."""

    app: Flask
    admin: Admin
    user_id: str | None
    client: FlaskClient
    token: str = ""

    def open(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        answer = self.client.open(path, method=method, buffered=False, **options)
        answer.close()
        return answer.status_code, answer.location or ""

    def log_in(self) -> None:
        """A session made in the store: hashing a password for each would take minutes."""
        self.client = self.app.test_client()
        self.client.set_cookie("alloresto_language", "en")
        page = self.client.get("/login").text
        self.token = csrf_token(page)
        if self.user_id is not None:
            secret = run_apart(self._session)
            with self.client.session_transaction() as kept:
                kept["session"] = secret

    async def _session(self) -> str:
        postgres = Postgres(self.admin.database.app_url)
        await postgres.open()
        try:
            async with postgres.tenant(NO_RESTAURANT) as connection:
                return await sessions.start(connection, str(self.user_id), lifetime=timedelta(days=1))
        finally:
            await postgres.close()


@pytest.fixture
def people(app: Flask, admin: Admin) -> dict[str, Visit]:
    """Everybody of EVERYBODY, logged in; seen from Harbour Pizza, the stranger owns another restaurant."""

    async def work() -> dict[str, str]:
        postgres = Postgres(admin.database.platform_url)
        await postgres.open()
        async with postgres.platform() as connection:
            cook = await users.by_email(connection, COOK)
            assert cook is not None
            for email, is_platform in ((MANAGER, False), (SUPPORT, True)):
                user_id = await connection.fetchval(
                    "insert into app_user (email, password_hash, is_platform) values ($1, $2, $3)"
                    " on conflict (email) do update set is_platform = excluded.is_platform returning id",
                    email,
                    cook.password_hash,
                    is_platform,
                )
                if not is_platform:
                    await users.add_membership(connection, admin.pizza.id, user_id, "manager")
            rows = await connection.fetch("select email, id from app_user")
        await postgres.close()
        return {row["email"]: row["id"] for row in rows}

    ids = run_apart(work)
    visits = {name: Visit(app, admin, ids.get(ROLES.get(name, "")), app.test_client()) for name in EVERYBODY}
    for visit in visits.values():
        visit.log_in()
    return visits


def routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Each route with each of its methods."""
    for route in app.url_map.iter_rules():
        if route.endpoint != "static":
            for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
                yield route, method


def sample(converter: BaseConverter) -> object:
    """A value that fits, and that nothing has."""
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    if isinstance(converter, UUIDConverter):
        return str(uuid.uuid4())
    if isinstance(converter, NumberConverter):
        return 1
    length = re.fullmatch(r"\[\^/\]\{(\d+)\}", converter.regex)
    return "x" * int(length[1]) if length else "x"


def path_of(app: Flask, route: Rule, method: str, restaurant_id: str, **values: object) -> str:
    """The route with ids that nothing has, or with ``values``."""
    filled = {name: sample(converter) for name, converter in route._converters.items()} | values
    if "restaurant_id" in filled:
        filled["restaurant_id"] = restaurant_id
    with app.test_request_context():
        return app.url_map.bind("localhost").build(route.endpoint, filled, method)


def is_sent_to_login(answer: tuple[int, str]) -> bool:
    return answer[0] == 401 or (answer[0] in (302, 303) and answer[1].startswith("/login"))


def fault(rule: access.Rule, who: str, answer: tuple[int, str]) -> str | None:
    """What is wrong with ``who`` getting ``answer`` from a route with ``rule``; None when it is right."""
    status = answer[0]
    if status >= 500:
        return "fails"
    if rule in ("anyone", "unpaired"):
        return "is refused what is anyone's" if status == 403 else None
    if isinstance(rule, access.ApiScope):
        # 429: so many requests without a token count as guesses.
        return None if status in (401, 429) else "opens the API with a session"
    if rule == "device":  # none of them has a paired device's cookie
        return None if status in (400, 401, 403, 404) else "gets into a device's pages"
    if who == "anonymous":
        return None if is_sent_to_login(answer) else "is not asked to log in"
    if is_sent_to_login(answer):
        return "is asked to log in again"
    if rule == "signed_in":
        return "is refused" if status == 403 else None
    if rule == "platform":
        if who == "platform":
            return "is refused" if status == 403 else None
        return None if status == 404 else "gets in"
    assert isinstance(rule, frozenset)
    if who in ("stranger", "platform"):
        return None if status == 404 else "reaches another's restaurant"
    if who in rule:
        return "is refused" if status == 403 else None
    return None if status == 403 else "is let in"


def test_every_route_opens_to_whom_its_rule_names_and_to_nobody_else(
    app: Flask, admin: Admin, people: dict[str, Visit]
) -> None:
    faults = []
    for route, method in routes(app):
        rule = access.rule_of(app, route.endpoint)
        assert rule is not None
        for who, visit in people.items():
            path = path_of(app, route, method, admin.pizza.id)
            form = {"csrf_token": visit.token} if method != "GET" else None
            answer = visit.open(method, path, data=form)
            wrong = fault(rule, who, answer)
            if wrong:  # perhaps because an earlier route ended this session
                visit.log_in()
                wrong = fault(rule, who, visit.open(method, path, data={"csrf_token": visit.token}))
            if wrong:
                faults.append(f"{method} {path} ({route.endpoint}): {who} {wrong}: {answer}")

    assert not faults, "\n".join(faults)


def test_no_route_changes_anything_without_its_form_token(app: Flask, admin: Admin, people: dict[str, Visit]) -> None:
    owner = people["owner"]
    taken = []
    for route, method in routes(app):
        rule = access.rule_of(app, route.endpoint)
        # The API and the services' door look at no session, nor does what a mail program sends.
        if method == "GET" or route.rule.startswith((access.API, "/hooks/")) or route.endpoint in BY_MAIL:
            continue
        status, _ = owner.open(method, path_of(app, route, method, admin.pizza.id))
        if status != 400 and not (rule == "platform" and status == 404):
            taken.append(f"{method} {route.rule}: {status}")

    assert taken == []


HOSTILE = (
    "%00",
    "x%00.wav",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01",
    "9999-12-31",
    "-1",
    "99999999999999999999",
    "..%2F..%2Fetc%2Fpasswd",
    "%F0%9F%8D%95",
    "'--",
    quote("x" * 3000),
)
PARAMETERS = (
    "before",
    "id",
    "after",
    "page",
    "day",
    "date",
    "since",
    "until",
    "q",
    "cursor",
    "limit",
    "status",
    "next",
)


def hostile_paths(app: Flask, route: Rule, restaurant_id: str) -> Iterator[str]:
    """The route with each hostile value where it takes one: in its path, and as a parameter that it may read."""
    texts, numbers = [], {}
    for name, converter in route._converters.items():
        if isinstance(converter, NumberConverter):
            numbers[name] = 10**30
        elif not isinstance(converter, UUIDConverter | AnyConverter):
            texts.append(name)
    plain = path_of(app, route, "GET", restaurant_id)
    if numbers:
        yield path_of(app, route, "GET", restaurant_id, **numbers)
    marked = path_of(app, route, "GET", restaurant_id, **dict.fromkeys(texts, "HOSTILE"))
    for value in HOSTILE:
        if texts:
            yield marked.replace("HOSTILE", value)
        yield plain + "?" + "&".join(f"{name}={value}" for name in PARAMETERS)


def test_no_id_and_no_parameter_makes_a_page_fail(app: Flask, admin: Admin, people: dict[str, Visit]) -> None:
    owner = people["owner"]
    failed = []
    for route, method in routes(app):
        if method != "GET":
            continue
        for path in hostile_paths(app, route, admin.pizza.id):
            status, location = owner.open("GET", path)
            if status >= 500 or location.startswith(("http:", "https:", "//")):
                failed.append(f"{path[:150]}: {status} {location}")

    assert failed == []


def test_a_route_without_a_rule_keeps_the_application_from_starting(app: Flask) -> None:
    silent = Blueprint("silent", __name__)
    silent.add_url_rule("/silent", view_func=lambda: "", endpoint="show")
    fresh = Flask("fresh")
    fresh.register_blueprint(silent)

    with pytest.raises(RuntimeError, match=r"silent\.show: say who may use it"):
        access.check(fresh)


@pytest.mark.parametrize(
    ("rule", "url"), [(access.staff, "/everywhere"), (access.signed_in, "/place/<uuid:restaurant_id>/x")]
)
def test_a_rule_that_does_not_fit_its_url_keeps_the_application_from_starting(
    rule: Callable[[Callable[..., Response]], Callable[..., Response]], url: str
) -> None:
    def view(**_ids: str) -> Response:
        return Response()

    fresh = Flask("fresh")
    fresh.add_url_rule(url, "view", rule(view))

    with pytest.raises(RuntimeError, match="does not fit"):
        access.check(fresh)


def test_a_member_is_let_in_by_the_role_in_this_restaurant_alone(
    app: Flask, admin: Admin, people: dict[str, Visit]
) -> None:
    execute(
        admin,
        "update membership m set role = 'staff' from app_user u where u.id = m.user_id and u.email = $1"
        " and m.restaurant_id = $2",
        OWNER,
        admin.pizza.id,
    )
    owner = people["owner"]
    closed = [
        path_of(app, route, "POST", admin.pizza.id)
        for route, method in routes(app)
        if method == "POST" and access.rule_of(app, route.endpoint) == access.MANAGERS
    ]

    assert closed
    assert {owner.open("POST", path, data={"csrf_token": owner.token})[0] for path in closed} == {403}
