from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import web

pytestmark = pytest.mark.unit

FOLDER = Path(web.__file__).parent
FRENCH = FOLDER / "translations" / "fr" / "LC_MESSAGES"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "plural": (1, 2), "ngettext": (1, 2)}


def test_every_text_of_the_pages_has_its_french() -> None:
    with (FRENCH / "messages.po").open("rb") as file:
        catalogue = read_po(file)

    used = {found[2] for found in extract_from_dir(FOLDER, METHODS, keywords=KEYWORDS)}
    translated = {message.id for message in catalogue if message.id and message.string}

    assert len(used) > 80
    assert used - translated == set()
    assert translated - used == set()


def test_the_compiled_catalogue_is_the_one_that_was_edited() -> None:
    with (FRENCH / "messages.po").open("rb") as file:
        edited = {str(message.id): str(message.string) for message in read_po(file) if message.id}
    with (FRENCH / "messages.mo").open("rb") as file:
        compiled = {str(message.id): str(message.string) for message in read_mo(file) if message.id}

    # The readers differ in how they keep plurals: a tuple and a list.
    plain = {ord("["): "(", ord("]"): ")"}
    assert {k.translate(plain): v.translate(plain) for k, v in compiled.items()} == edited, (
        "run: pybabel compile -d web/translations"
    )
