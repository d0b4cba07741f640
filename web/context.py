"""Where a view finds its application's parts."""

from typing import cast

from flask import Flask, current_app

from stores import second_factors
from stores.ciphers import PiiCipher, SecretCipher, SipPasswordCipher
from stores.order_links import OrderLinks
from web.database import Database
from web.drawings import Drawings
from web.identity.mailing import Mailer
from web.identity.throttle import Throttle
from web.live.streams import Streams
from web.settings import WebSettings

_SETTINGS, _PII, _SIP_PASSWORDS = "alloresto.settings", "alloresto.pii", "alloresto.sip_passwords"
_DATABASE, _STREAMS, _THROTTLE = "alloresto.database", "alloresto.streams", "alloresto.throttle"
_ORDER_LINKS = "alloresto.order_links"
_SECOND_FACTORS, _MAILER, _DRAWINGS = "alloresto.second_factors", "alloresto.mailer", "alloresto.drawings"


def attach(app: Flask, configuration: WebSettings) -> None:
    """Make the parts. Raises ValueError when MASTER_KEY is malformed."""
    database = Database(configuration)
    app.extensions.update(
        {
            _SETTINGS: configuration,
            _PII: PiiCipher(configuration.master_key),
            _SIP_PASSWORDS: SipPasswordCipher(configuration.master_key),
            _DATABASE: database,
            _DRAWINGS: Drawings(),
            _STREAMS: Streams(database, configuration),
            _MAILER: Mailer(configuration.smtp_url, configuration.mail_from),
            _THROTTLE: Throttle(database),
            _ORDER_LINKS: OrderLinks(configuration.master_key, configuration.web_public_url),
            _SECOND_FACTORS: SecretCipher(configuration.master_key, second_factors.PURPOSE),
        }
    )


def settings() -> WebSettings:
    return cast(WebSettings, current_app.extensions[_SETTINGS])


def database() -> Database:
    return cast(Database, current_app.extensions[_DATABASE])


def streams() -> Streams:
    return cast(Streams, current_app.extensions[_STREAMS])


def drawings() -> Drawings:
    return cast(Drawings, current_app.extensions[_DRAWINGS])


def throttle() -> Throttle:
    return cast(Throttle, current_app.extensions[_THROTTLE])


def mailer() -> Mailer:
    return cast(Mailer, current_app.extensions[_MAILER])


def second_factor_cipher() -> SecretCipher:
    """Reads the secrets of members' authenticator apps."""
    return cast(SecretCipher, current_app.extensions[_SECOND_FACTORS])


def pii() -> PiiCipher:
    """Reads callers' names, numbers and addresses."""
    return cast(PiiCipher, current_app.extensions[_PII])


def order_links() -> OrderLinks:
    return cast(OrderLinks, current_app.extensions[_ORDER_LINKS])


def sip_passwords() -> SipPasswordCipher:
    """Seals lines' secrets; there is nothing for it to read here."""
    return cast(SipPasswordCipher, current_app.extensions[_SIP_PASSWORDS])
