"""The composition root of the admin: one Flask application, a blueprint for each area, nothing global."""

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect  # type: ignore[import-untyped]
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from process import logs, telemetry
from web import access, assets, context, guest, language, metrics, probes, status
from web.api import problems, routes
from web.database import UnavailableError
from web.device import kitchen, management
from web.hooks import door
from web.identity import (
    account,
    accounts,
    impersonation,
    invitations,
    login,
    reset,
    second_step,
    sign_up,
    two_step,
)
from web.place import (
    calls,
    chain,
    connections,
    customers,
    delivery,
    figures,
    history,
    hours,
    integrations,
    lines,
    menu,
    orders,
    overview,
    questions,
    reservations,
    retention,
    rooms,
    setup,
    team,
    tenancy,
    voice,
)
from web.platform import pages as platform_pages
from web.security import RowNumber, SessionInterface, refuse_nul, secure
from web.settings import WebSettings, from_environment
from web.words import _

MAX_BODY_BYTES = 64 * 1024

log = logs.get(__name__)


def create_app(configuration: WebSettings | None = None) -> Flask:
    """The application, with nothing connected yet: Postgres and Redis are opened by the first request.

    ``configuration`` comes from the environment when not given; a missing or wrong variable ends the process
    with one line for each (exit status 2).
    """
    if configuration is None:
        logs.configure("web")
        telemetry.configure("web")
        configuration = from_environment()
    written, *older = configuration.web_secret_keys
    app = Flask("web")
    app.config.update(
        SECRET_KEY=written,
        SECRET_KEY_FALLBACKS=older,
        WTF_CSRF_SECRET_KEY=[*reversed(older), written],  # the last one signs
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        # The cookie may outlive its session, whose end is Postgres's to say (stores.sessions).
        PERMANENT_SESSION_LIFETIME=configuration.web_session_days * 86400,
        SESSION_COOKIE_NAME="alloresto",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # Set once: its end does not move, and no answer that a cache may keep must carry it.
        SESSION_REFRESH_EACH_REQUEST=False,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        WTF_CSRF_TIME_LIMIT=None,  # a kitchen tablet stays on one page all day; the session's end ends the token
    )
    app.url_map.converters["int"] = RowNumber
    app.session_interface = SessionInterface()
    if configuration.web_trusted_proxies:
        hops = configuration.web_trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    context.attach(app, configuration)
    app.before_request(door.admit)  # before anything looks into a body
    app.before_request(refuse_nul)
    forms = CSRFProtect(app)
    forms.exempt(routes.blueprint)  # it looks at no cookie
    forms.exempt(door.blueprint)  # its signature says who sends
    forms.exempt(guest.stop)
    forms.exempt(guest.stop_booking)  # a mail program's button, by an address that nobody can guess
    forms.exempt(kitchen.act)  # it asks for a header that no foreign page can send
    accounts.attach(app)
    language.attach(app)
    metrics.attach(app)
    tenancy.attach(app)
    impersonation.attach(app)
    app.after_request(secure)
    assets.attach(app)
    for area in (
        probes,
        status,
        guest,
        language,
        login,
        second_step,
        reset,
        sign_up,
        invitations,
        account,
        two_step,
        overview,
        orders,
        calls,
        figures,
        menu,
        hours,
        lines,
        voice,
        delivery,
        questions,
        setup,
        team,
        integrations,
        connections,
        history,
        customers,
        retention,
        rooms,
        reservations,
        chain,
    ):
        app.register_blueprint(area.blueprint)
    app.register_blueprint(door.blueprint)
    for area in (management, kitchen):
        app.register_blueprint(area.blueprint)
    if configuration.platform_database_url:
        app.register_blueprint(impersonation.blueprint)
        platform_pages.attach(app, configuration)
    app.register_blueprint(routes.blueprint)
    app.register_blueprint(setup.beginning)
    access.check(app)
    _refuse_clearly(app)
    return app


def _refuse_clearly(app: Flask) -> None:
    @app.errorhandler(CSRFError)
    def stale_form(_error: CSRFError) -> ResponseReturnValue:
        return _page(400, _("This form is too old"), _("Go back, reload the page and send it again."))

    @app.errorhandler(UnavailableError)
    def unavailable(error: UnavailableError) -> ResponseReturnValue:
        log.error("request not served", part=error.part, why=type(error.__cause__).__name__)
        body = _page(503, _("One moment"), _("A part of the service does not answer. Please try again in a minute."))
        return *body, {"Retry-After": "10"}

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> ResponseReturnValue:
        if error.response is not None:
            return error
        if request.path.startswith(access.API):
            return problems.of_http(error)
        titles = {
            401: (_("Please log in"), _("Your session is over.")),
            403: (_("Not allowed"), _("Your role in this restaurant does not allow this. Ask its owner.")),
            404: (_("Nothing here"), _("This page does not exist, or it belongs to another restaurant.")),
            413: (_("Too much"), _("What was sent is too large.")),
        }
        title, detail = titles.get(error.code or 500, (error.name, _("The request could not be served.")))
        return _page(error.code or 500, title, detail)

    @app.errorhandler(500)
    def failed(_error: Exception) -> ResponseReturnValue:
        return _page(500, _("Something went wrong"), _("The error has been logged. Please try again."))


def _page(status: int, title: str, detail: str) -> tuple[str, int]:
    return render_template("error.html", title=title, detail=detail), status
