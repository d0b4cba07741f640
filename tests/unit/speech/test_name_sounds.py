"""Names by their sound, and what stays as it was heard."""

from __future__ import annotations

import pytest

from devstack.speech.name_sounds import as_common_name, with_common_name

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("heard", "language", "meant"),
    [
        ("Le roi.", "fr", "Leroy."),
        ("Le cèvre.", "fr", "Lefèvre."),
        ("au nom de dipons.", "fr", "au nom de Dupont."),
        ("C'est au nom de fort.", "fr", "C'est au nom de Faure."),
        ("IFA", "en", "Aoife"),
    ],
)
def test_an_answer_that_sounds_as_a_common_name_is_that(heard: str, language: str, meant: str) -> None:
    assert as_common_name(heard, language) == meant


@pytest.mark.parametrize(
    ("heard", "language"),
    [
        ("Au nom de Vauquelin.", "fr"),
        ("Petit.", "fr"),
        ("Non merci.", "fr"),
        ("Oui.", "fr"),
        ("C'est bon.", "fr"),
        ("Pouvez-vous répéter ?", "fr"),
        ("D, U, P, O, N, T.", "fr"),
        ("My name is Kowalczyk.", "en"),
        ("Thank you.", "en"),
        ("Pick up.", "en"),
        ("", "en"),
    ],
)
def test_anything_else_stays_as_it_was_heard(heard: str, language: str) -> None:
    assert as_common_name(heard, language) == heard


def test_a_name_in_a_first_sentence_is_written_as_a_name() -> None:
    heard = "Une table pour quatre demain à 20 heures, au nom de fort."
    assert with_common_name(heard, "fr") == "Une table pour quatre demain à 20 heures, au nom de Faure."
    for other in ("Un café fort.", "Au nom de la loi.", "Le roi, s'il vous plaît."):
        assert with_common_name(other, "fr") == other
