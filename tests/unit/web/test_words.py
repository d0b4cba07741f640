"""Words of the admin for what the database and the assistant call otherwise."""

from __future__ import annotations

from typing import get_args

import pytest
from flask import Flask
from flask_babel import Babel  # type: ignore[import-untyped]

from domain import mails
from domain.tool_parameters import TOOL_NAMES
from web import words

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("language", ["fr", "en"])
def test_each_tool_of_the_assistant_has_a_name_that_a_restaurateur_understands(language: str) -> None:
    app = Flask(__name__)
    Babel(app, locale_selector=lambda: language)
    with app.test_request_context():
        names = words.tools()

    assert set(names) == {*TOOL_NAMES, "other"}
    assert len(set(names.values())) == len(names)
    assert ("Plat ajouté" in names.values()) is (language == "fr")


def test_each_message_about_an_order_has_a_name_on_its_page() -> None:
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        assert set(words.message_templates()) == {*get_args(mails.OrderTemplate)}
