from string import Formatter
from typing import get_args

import pytest

from domain.errors import Code, Refused
from domain.order import CartLine, ChosenModifier
from domain.phrases import Wording, wording_for
from domain.vat import same_rate

pytestmark = pytest.mark.unit

LANGUAGES = pytest.mark.parametrize("words", [wording_for("en"), wording_for("fr")], ids=["en", "fr"])


def line(size: str, *modifiers: str, note: str = "", quantity: int = 1) -> CartLine:
    chosen = tuple(ChosenModifier(name, "g", name, 0) for name in modifiers)
    return CartLine(1, "i", "Margherita", "s", size, quantity, 100, same_rate(1000), chosen, note)


def test_languages_are_known_by_their_codes_and_the_rest_is_english() -> None:
    assert [wording_for(code).language for code in ("fr", "fr-CA", "en", "de")] == ["fr", "fr", "en", "en"]


@LANGUAGES
def test_every_refusal_has_words_with_and_without_a_subject(words: Wording) -> None:
    assert set(words.refusals) == set(get_args(Code))
    for code in get_args(Code):
        for allowed in ((), ("One", "Two"), tuple(f"Choice {n}" for n in range(30))):
            for subject in ("", "Thing {x}"):
                said = words.refusal(Refused(code, "message", allowed, subject=subject))
                assert said.strip()
                assert "Choice 7" not in said
                assert "{subject}" not in said
                assert "{allowed}" not in said
                assert "  " not in said
                assert said[-1] in ".?!" or said.endswith(subject)


@LANGUAGES
def test_every_template_asks_for_what_the_other_language_asks(words: Wording) -> None:
    english = wording_for("en")
    for field in Wording._fields:
        mine, other = getattr(words, field), getattr(english, field)
        if isinstance(mine, str):
            assert _places(mine) == _places(other), field


def _places(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_a_line_is_described_with_size_modifiers_and_note() -> None:
    english, french = wording_for("en"), wording_for("fr")
    full = line("Large", "Olives", "Ham", "No basil", note="well baked", quantity=2)
    assert english.describe(full) == "2 large Margherita with olives and ham, no basil, with the note: well baked"
    assert french.describe(line("Grande", "Olives", "Sans basilic")) == (
        "1 Margherita grande avec olives, sans basilic"
    )
    assert english.describe(line("", "With chips", "Olives")) == "1 Margherita with chips and olives"
    assert french.describe(line("", "Avec frites")) == "1 Margherita avec frites"
    assert english.describe(line("", "BBQ sauce")) == "1 Margherita with BBQ sauce"
    assert english.describe(line("XL")) == "1 XL Margherita"


def test_braces_in_a_name_are_only_braces() -> None:
    assert wording_for("en").customer.format(name="{0}") == "Thank you, {0}."
