"""A request of the API, from its route to its answer: the same steps for each operation.

Who sends it, how often they may, whether the restaurant is theirs and the scope allows it, whether what was sent is
valid; then the operation in one transaction, with the key that makes a repetition harmless.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import asyncpg
import msgspec
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from process import logs
from stores import idempotency, tokens
from stores.errors import NotFoundError
from stores.postgres import NO_RESTAURANT, Connection
from stores.text import UNSTORABLE
from web import access, context
from web.api import clients, limits, problems
from web.api.clients import Client
from web.api.operations import PREFIX, RESTAURANT, Asked, Nothing, Operation, Registry
from web.api.problems import FieldError, Problem
from web.database import UnavailableError

LONGEST_KEY = 255
JSON = "application/json"
REPLAYED = "Idempotency-Replayed"

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")

log = logs.get(__name__)


def routes(blueprint: Blueprint, registry: Registry) -> None:
    """A view for each operation, with its rule; and what the blueprint answers when one is refused."""
    for one in registry.operations:
        rule = re.sub(r"\{(\w+)\}", lambda found: _converter(found[1]), one.path)
        blueprint.add_url_rule(rule, one.name, _view(one), methods=[one.method])

    @blueprint.after_request
    def headers(response: Response) -> Response:
        limits.tell(response)
        return response

    @blueprint.errorhandler(Problem)
    def problem(error: Problem) -> ResponseReturnValue:
        return problems.answer(error)

    @blueprint.errorhandler(UnavailableError)
    def unavailable(error: UnavailableError) -> ResponseReturnValue:
        log.error("request not served", part=error.part)
        detail = "Try again in some seconds."
        return problems.answer(Problem("unavailable", detail, headers={"Retry-After": "10"}))

    @blueprint.errorhandler(HTTPException)
    def refused(error: HTTPException) -> ResponseReturnValue:
        return problems.of_http(error)

    @blueprint.errorhandler(Exception)
    def failed(_error: Exception) -> ResponseReturnValue:
        log.exception("an operation of the API failed", endpoint=request.endpoint)
        return problems.answer(Problem("failed", "The error has been logged."))


def _converter(parameter: str) -> str:
    # A call's id is the bridge's, any text; the others are UUIDs.
    return f"<{'' if parameter == 'callId' else 'uuid:'}{_snake(parameter)}>"


def _snake(name: str) -> str:
    return _CAMEL.sub("_", name).lower()


def _view(operation: Operation) -> Any:
    def view(**path: Any) -> ResponseReturnValue:
        return _serve(operation, {name: str(path[_snake(name)]) for name in operation.parameters})

    view.__name__ = operation.name
    return access.anyone(view) if operation.public else access.with_scope(operation.scope)(view)


def _serve(operation: Operation, path: dict[str, str]) -> ResponseReturnValue:
    if operation.public:
        client = Client("", clients.NOBODY, {})
        limits.count(f"address:{request.remote_addr}")
    else:
        client = _known()
        limits.count(client.id)
    restaurant_id = path.get(RESTAURANT, "")
    scopes = _scopes(operation, client, restaurant_id)
    request.max_content_length = operation.max_body
    raw = request.get_data(cache=False) if operation.body is not None else b""
    asked: Asked[Any, Any] = Asked(
        client=client,
        scopes=scopes,
        restaurant_id=restaurant_id,
        path=path,
        query=_query(operation),
        body=_body(operation, raw),
        seen=_seen(operation),
        pii=context.pii(),
    )
    key = _key(operation, client, restaurant_id, raw)
    settled = operation.guard(asked.body) if operation.guard else None
    given = _given(operation, asked, key)
    if settled is not None:
        settled()
    return _response(given)


def _given(
    operation: Operation, asked: Asked[Any, Any], key: idempotency.Key | None
) -> tuple[idempotency.Answer, str, bool]:
    """The operation done in its transaction: the answer, its ETag ("" for none), and whether it was given before."""
    database = context.database()
    if operation.platform:
        if not context.settings().platform_database_url:
            raise UnavailableError("Postgres (PLATFORM_DATABASE_URL is not set)")
        return database.platform(lambda connection: _run(connection, operation, asked, key))
    return database.tenant(
        asked.restaurant_id or NO_RESTAURANT, lambda connection: _run(connection, operation, asked, key)
    )


def _known() -> Client:
    try:
        return clients.authenticate()
    except Problem:
        limits.count(f"address:{request.remote_addr}")  # guessing is counted, too
        raise


def _scopes(operation: Operation, client: Client, restaurant_id: str) -> frozenset[str]:
    """What the client may do here. Raises Problem."""
    if operation.in_restaurant:
        scopes = client.scopes(restaurant_id)
        if scopes is None:
            raise problems.not_found("restaurant")
    else:
        scopes = client.everywhere or frozenset()
    if operation.scope and operation.scope not in scopes:
        raise Problem("forbidden", f"The token needs the scope {operation.scope}.")
    return scopes


def _query(operation: Operation) -> Any:
    if operation.query is Nothing:
        return Nothing()
    given = request.args.to_dict()
    try:
        return msgspec.convert(given, operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise problems.of_validation(error, parameters=True) from None


def _body(operation: Operation, raw: bytes) -> Any:
    if operation.body is None:
        return None
    if request.mimetype != JSON:
        raise Problem("unsupported-media-type", f"Send Content-Type: {JSON}.")
    try:
        text = raw.decode()
        if UNSTORABLE.search(text) or "\\u0000" in text:
            raise Problem("malformed", "The body holds the character U+0000, which can't be stored.")
        return msgspec.json.decode(text, type=operation.body)
    except msgspec.ValidationError as error:
        raise problems.of_validation(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("malformed", f"The body is not JSON: {error}.") from None


def _seen(operation: Operation) -> str:
    """What If-Match says, without its quotes."""
    if not operation.if_match:
        return ""
    seen = request.headers.get("If-Match", "").strip()
    if not seen:
        raise Problem("condition-missing", 'Send If-Match with the ETag that you have seen, such as "confirmed".')
    return seen.removeprefix("W/").strip('"')


def _key(operation: Operation, client: Client, restaurant_id: str, raw: bytes) -> idempotency.Key | None:
    key = request.headers.get("Idempotency-Key", "")
    if not operation.takes_key or not key:
        return None
    if len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        error = FieldError(parameter="Idempotency-Key", detail=f"At most {LONGEST_KEY} printable ASCII characters.")
        raise Problem("invalid", "", error)
    digest = hashlib.sha256(f"{request.method} {request.full_path}\n".encode() + raw).digest()
    return idempotency.Key(restaurant_id or NO_RESTAURANT, client.id, key, digest)


async def _run(
    connection: Connection, operation: Operation, asked: Asked[Any, Any], key: idempotency.Key | None
) -> tuple[idempotency.Answer, str, bool]:
    try:
        if operation.in_restaurant:
            await tokens.require_restaurant(connection, asked.restaurant_id)
        before = None if key is None else await idempotency.take(connection, key, asked.pii)
        if before is not None:
            return before, "", True
        answer = await operation.work(connection, asked)
    except idempotency.KeyReusedError:
        raise Problem("key-reused", "Use another Idempotency-Key for another request.") from None
    except NotFoundError as error:
        raise problems.not_found(error.kind) from None
    except (asyncpg.DataError, asyncpg.CheckViolationError) as error:
        log.warning("an operation was refused by the database", failure=type(error).__name__, state=error.sqlstate)
        raise Problem("invalid", "A value is outside of what can be stored.") from None
    kept = _answer(operation, answer, asked)
    if key is not None:
        await idempotency.keep(connection, key, kept, asked.pii)
    return kept, str(getattr(answer, operation.etag)) if operation.etag else "", False


def _answer(operation: Operation, answer: Any, asked: Asked[Any, Any]) -> idempotency.Answer:
    if operation.status == 204:
        return idempotency.Answer(204, "")
    body = msgspec.json.encode(answer).decode()
    location = ""
    if operation.location:
        location = PREFIX + operation.location.format_map({**asked.path, **msgspec.to_builtins(answer)})
    return idempotency.Answer(operation.status, body, location)


def _response(given: tuple[idempotency.Answer, str, bool]) -> Response:
    answer, etag, replayed = given
    response = Response(answer.body, answer.status, content_type=JSON if answer.body else None)
    if answer.location:
        response.headers["Location"] = answer.location
    if etag:
        response.set_etag(etag)
    if replayed:
        response.headers[REPLAYED] = "true"
    return response


def problem_kinds(operation: Operation) -> tuple[str, ...]:
    """Every problem that the operation may answer, for its documentation."""
    kinds = {"too-many-requests", "failed", "unavailable", "malformed", *operation.problems}
    if not operation.public:
        kinds.add("unauthorized")
    if operation.scope:
        kinds.add("forbidden")
    if operation.parameters:
        kinds.add("not-found")
    if operation.body is not None:
        kinds |= {"malformed", "unsupported-media-type", "too-large", "invalid"}
    if operation.query is not Nothing:
        kinds.add("invalid")
    if operation.takes_key:
        kinds |= {"key-reused", "invalid"}
    if operation.if_match:
        kinds |= {"condition-missing", "changed-meanwhile"}
    return tuple(kind for kind in problems.TITLES if kind in kinds)
