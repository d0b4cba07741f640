"""Every page of the admin, found as people find them: by following links from where each kind of person begins.

What a page leads to is any address in it, of a link, a picture, a stream. So a new page is in the list as soon as
another one leads to it, and ``unreached`` names the routes of the URL map to which none does.
"""

import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import BrowserContext
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from stores.postgres import NO_RESTAURANT
from tests.browser.filled import fill_accounts, fill_by_hand, fill_rest, fill_service
from tests.integration.web.admin import COOK, OWNER, PASSWORD, SUPPORT, Admin, csrf_token, fetch
from tests.integration.web.people import Browser, as_platform, sign_in
from tests.integration.web.test_device import code_for, pair
from web import access, context
from web.device import kitchen
from web.identity import devices

# No page leads to these: machines, scripts and links in mails alone ask for them.
ASIDE = {"probes.live", "probes.ready", "probes.scrape", "device.alive", "device.orders", "orders.say", "voice.play"}
ASIDE |= {"guest.ask_to_stop", "guest.ask_to_stop_booking"}
# Routes of which more than one page is looked at, since they differ.
SEVERAL = {"lines.new": 3, "calls.show": 3, "orders.show": 2, "menu.show_item": 2}
ADDRESS = re.compile(r"""["'](/[^"'<>\s]*)["']""")


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as ``who`` sees it; ``name`` tells it from the others, and is good for a file."""

    name: str
    path: str
    who: str
    is_filled: bool = True


@dataclass
class Site:
    """Both restaurants: Harbour Pizza with everything, and ``empty_id`` with nothing yet."""

    app: Flask
    admin: Admin
    empty_id: str
    clients: dict[str, FlaskClient]
    starts: dict[str, tuple[str, ...]]
    pages: list[Shown] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)

    def unreached(self) -> list[str]:
        """The routes with GET that no page leads to, the API's and those of scripts left out."""
        return sorted(
            f"{route.endpoint}: {route.rule}"
            for route in self.app.url_map.iter_rules()
            if "GET" in (route.methods or ())
            and not route.rule.startswith(access.API)
            and route.endpoint not in self.reached | ASIDE | {"static"}
        )

    def follow(self, who: str) -> None:
        """Find the pages that ``who`` gets to."""
        elsewhere = frozenset(self.reached)  # somebody before sees these, and they are the same for all
        waiting, seen, counts = list(self.starts[who]), set(self.starts[who]), dict[tuple[str, str], int]()
        while waiting:
            path = waiting.pop(0)
            endpoint, owner = self._route(path)
            counts[endpoint, owner] = counts.get((endpoint, owner), 0) + 1
            is_same = owner == self.empty_id and ".new" in endpoint  # a form for something new knows nothing yet
            is_same = is_same or (not owner and endpoint in elsewhere and path not in self.starts[who])
            if is_same or counts[endpoint, owner] > SEVERAL.get(endpoint, 1):
                continue
            self.reached.add(endpoint)
            answer = self.clients[who].get(path, buffered=False)
            if answer.location:
                found = [answer.location]
            elif answer.mimetype == "text/html":
                page = answer.get_data(as_text=True)
                found = [html.unescape(one) for one in ADDRESS.findall(html.unescape(page))]
                if page.lstrip().startswith("<!doctype"):
                    number = counts[endpoint, owner]
                    is_filled = owner != self.empty_id
                    name = f"{who if is_filled else 'empty'}-{endpoint}{f'-{number}' if number > 1 else ''}"
                    self.pages.append(Shown(name, path, who, is_filled))
            else:
                found = []
            answer.close()
            for one in found:
                if one not in seen and self._is_ours(one):
                    seen.add(one)
                    waiting.append(one)

    def _route(self, path: str) -> tuple[str, str]:
        """The endpoint, and the restaurant in the path; empty for no route."""
        try:
            endpoint, values = self.app.url_map.bind("localhost").match(path.partition("?")[0].partition("#")[0])
        except (HTTPException, RequestRedirect):
            return "", ""
        return endpoint, str(values.get("restaurant_id", ""))

    def _is_ours(self, path: str) -> bool:
        endpoint, owner = self._route(path)
        return bool(endpoint) and endpoint != "static" and owner in ("", self.admin.pizza.id, self.empty_id)

    def sign_in(self, context: BrowserContext, url: str, who: str) -> None:
        """Give the browser the cookies that ``who`` has."""
        context.clear_cookies()
        places = {"alloresto": "/", devices.COOKIE: "/", kitchen.COOKIE: f"/place/{self.admin.pizza.id}/device/"}
        for name, path in places.items():
            cookie = self.clients[who].get_cookie(name, path=path)
            if cookie is not None:
                context.add_cookies([{"name": name, "value": cookie.value, "url": url + path}])


def _booking_token(app: Flask, admin: Admin) -> str:
    """What a guest's message has behind /b/."""
    booking, *_ = fetch(admin, "select id from reservation where status = 'confirmed' order by created_at desc")
    with app.app_context():
        until = datetime.now(UTC) + timedelta(days=1)
        return context.order_links().token(admin.pizza.id, str(booking["id"]), until)


def site(app: Flask, admin: Admin, recordings: Path) -> Site:
    """Everything in Harbour Pizza, nothing in another restaurant of its owner's, and all pages of both."""
    fill_service(admin, recordings)
    database = app.extensions["alloresto.database"]
    links = database.tenant(NO_RESTAURANT, lambda connection: fill_accounts(connection, admin.master_key))
    invitation = as_platform(admin, lambda connection: fill_rest(connection, admin))
    clients = {
        "visitor": Browser(app).client,
        "half": Browser(app).client,
        "owner": sign_in(app, admin, OWNER).client,
        "support": sign_in(app, admin, SUPPORT).client,
        "tablet": app.test_client(),
    }
    half = clients["half"]
    token = csrf_token(half.get("/login").text)
    half.post("/login", data={"email": COOK, "password": PASSWORD, "csrf_token": token})
    place = f"/place/{admin.pizza.id}"
    tomorrow = fill_by_hand(clients["owner"], admin)
    pair(clients["tablet"], admin.pizza.id, code_for(clients["owner"], admin))
    code_for(clients["owner"], admin, "A phone with an earpiece")
    doors = ("/login", "/nothing", "/forgotten", "/forgotten/sent", "/signup", "/signup/sent", f"{place}/device/")
    starts = {
        "visitor": (
            *doors,
            f"/reset/{links.reset}",
            f"/reset/{'x' * 43}",
            f"/signup/{links.sign_up}",
            f"/invitation/{invitation}",
            f"/b/{_booking_token(app, admin)}",
        ),
        "half": ("/login/code",),
        "owner": (
            f"{place}/reservations?day={tomorrow}",
            f"{place}/",
            f"/place/{links.empty_id}/",
            f"{place}/setup",
            "/account/two-step/set-up",
        ),
        "support": ("/admin/",),
        "tablet": (f"{place}/device/",),
    }
    found = Site(app, admin, links.empty_id, clients, starts)
    for who in clients:
        found.follow(who)
    return found
