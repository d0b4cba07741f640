"""Delivery zones, postcodes and FAQ."""

from dataclasses import replace

import pytest

from domain.delivery import normal_postcode, zone_for
from domain.errors import Refused
from domain.faqs import look_up
from domain.restaurant import DeliveryZone, FaqEntry, Restaurant

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("postcode", "zone"),
    [
        ("D02", "Centre"),
        ("d02 x285", "Centre"),
        ("D02X285", "Centre"),
        ("D09 AB12", "North"),
        ("D021", None),
        ("D24 AB12", None),
        ("", None),
        (" - ", None),
    ],
)
def test_an_irish_postcode_belongs_to_the_zone_of_its_district(
    restaurant: Restaurant, postcode: str, zone: str | None
) -> None:
    found = zone_for(restaurant, postcode)
    assert (found.name if found else None) == zone


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Dublin 13", "D13"),
        ("dublin thirteen", "D13"),
        ("D thirteen", "D13"),
        ("D one three", "D13"),
        ("d13", "D13"),
        ("D.13", "D13"),
        ("D 3", "D03"),
        ("D03", "D03"),
        ("D oh three", "D03"),
        ("D zero 3", "D03"),
        ("Dublin three", "D03"),
        ("Dublin 6W", "D6W"),
        ("D twenty-four", "D24"),
        ("Dublin D02 X285", "D02X285"),
        ("Dublin 6 West", "D6W"),
        ("Dublin 06W", "D6W"),
        ("Co. Dublin 13", "D13"),
        ("County Dublin, D thirteen", "D13"),
        ("A65 F4E2", "A65F4E2"),
        ("D021", "D021"),
        ("Dublin", "DUBLIN"),
        ("Dublin 0", "DUBLIN0"),
    ],
)
def test_a_dublin_district_is_understood_as_people_say_it(said: str, code: str) -> None:
    assert normal_postcode(said, "IE", "en") == code


@pytest.mark.parametrize("said", ["75 011", "75-011", "soixante-quinze zéro onze", "soixante-quinze mille onze"])
def test_a_french_postcode_is_understood_as_people_say_it(said: str) -> None:
    assert normal_postcode(said, "FR", "fr") == "75011"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("75011 Paris", "75011"),
        ("F-75011", "75011"),
        ("Paris 11", "75011"),
        ("Paris 11e", "75011"),
        ("Paris 1er", "75001"),
        ("Lyon trois", "69003"),
        ("Marseille 16e arrondissement", "13016"),
        ("Paris 21", "PARIS21"),
        ("750111", "750111"),
        ("Lille 3", "LILLE3"),
    ],
)
def test_a_french_town_may_stand_beside_its_postcode_or_its_district_for_it(said: str, code: str) -> None:
    assert normal_postcode(said, "FR", "fr") == code


def test_only_ireland_has_dublins_districts() -> None:
    assert normal_postcode("D 3", "FR", "fr") == "D3"


@pytest.mark.parametrize(("said", "zone"), [("Dublin 8", "Centre"), ("D nine", "North"), ("Dublin 24", None)])
def test_a_said_district_finds_its_zone_however_the_zone_is_written(
    restaurant: Restaurant, said: str, zone: str | None
) -> None:
    written = (DeliveryZone("Centre", ("Dublin 2", "D8"), 0, 0, 15), DeliveryZone("North", ("D09",), 0, 0, 30))
    for one in (restaurant, replace(restaurant, delivery_zones=written)):
        found = zone_for(one, said)
        assert (found.name if found else None) == zone


def test_french_and_british_postcodes_find_their_zones(restaurant: Restaurant) -> None:
    zones = (
        DeliveryZone("Paris 11", ("75011", "75012"), 1500, 200, 20),
        DeliveryZone("Soho", ("W1D",), 1500, 200, 20),
        DeliveryZone("One street", ("W1D 3QF",), 1000, 100, 5),
    )
    abroad = replace(restaurant, country="FR", delivery_zones=zones)
    names = [
        zone.name if zone else "" for zone in (zone_for(abroad, p) for p in ("75 011", "7501", "w1d 4hs", "W1D3QF"))
    ]
    assert names == ["Paris 11", "", "Soho", "One street"]


@pytest.mark.parametrize(
    ("question", "best"),
    [("Is there a car park?", "f-1"), ("anything vegan?", "f-2"), ("Do you take CARDS", "f-3"), ("parking", "f-1")],
)
def test_the_entry_that_shares_most_words_answers(faq: tuple[FaqEntry, ...], question: str, best: str) -> None:
    assert look_up(faq, question)[0].id == best


@pytest.mark.parametrize("question", ["Can you do that for you?", "", "!!", "dogs"])
def test_words_that_every_question_has_answer_nothing(faq: tuple[FaqEntry, ...], question: str) -> None:
    with pytest.raises(Refused) as refused:
        look_up(faq, question)
    assert refused.value.code == "no_answer"
