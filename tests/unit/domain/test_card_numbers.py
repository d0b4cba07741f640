"""Card numbers are recognised as callers say them, and nothing else is."""

import pytest

from domain.card_numbers import MASK, CardWatch, Heard, has_card_number, is_card_number, without_card_numbers

pytestmark = pytest.mark.unit


def turns(language: str, *texts: str) -> list[Heard]:
    watch = CardWatch(language)
    return [watch.heard(f"t{number}", text) for number, text in enumerate(texts)]


def kept(heard: list[Heard]) -> dict[str, str]:
    """What a transcript holds in the end."""
    last: dict[str, str] = {}
    for one in heard:
        last |= one.kept
    return last


@pytest.mark.parametrize(
    ("language", "said", "left"),
    [
        ("en", "It's 4111 1111 1111 1111, expiry 12/27, code 123.", f"It's {MASK}, expiry {MASK}, code {MASK}."),
        ("en", "4111-1111-1111-1111", MASK),
        ("en", "3782 822463 10005 please", f"{MASK} please"),
        (
            "en",
            "the number is four one one one, one one one one, uh, one one one one and then one one one one",
            f"the number is {MASK}",
        ),
        ("en", "four triple one double one double one double one double one and triple one one", MASK),
        ("en", "forty-one eleven eleven eleven eleven eleven eleven eleven", MASK),
        ("fr", "C'est 5555 5555 5555 4444.", f"C'est {MASK}."),
        ("fr", "quarante et un onze onze onze onze onze onze onze", MASK),
        (
            "fr",
            "quatre mille cent onze, mille cent onze, euh, mille cent onze et mille cent onze voilà",
            f"{MASK} voilà",
        ),
        ("fr", "cinquante-cinq cinquante-cinq cinq mille cinq cent cinquante-cinq 5555 4444", MASK),
        # An expiry said in the same breath; a digit that was misheard.
        ("en", "4111 1111 1111 1111 12 27 123", MASK),
        ("en", "4111 1111 1111 1112", MASK),
    ],
)
def test_a_card_number_is_known_in_digits_and_in_words(language: str, said: str, left: str) -> None:
    [heard] = turns(language, said)

    assert (heard.is_card, heard.kept) == (True, {"t0": left})


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "My number is 0033 6 12 34 56 78, I repeat 06 12 34 56 78"),
        ("en", "212 555 0123, that is 212 555 0123"),
        ("fr", "06 12 34 56 78"),
        ("fr", "zéro six, douze, trente-quatre, cinquante-six, soixante-dix-huit"),
        ("en", "Two large Reginas, four colas, one tiramisu, and 12 garlic breads for 7:30 at 221 Baker Street, 75011"),
        ("fr", "trois margherita, deux reines, quatre cocas, au 45 rue de Rivoli, 75004 Paris, code 4512"),
        ("en", "my loyalty card number is 4417 1234"),
        ("en", "45 12 34 56, 45 12 34 56"),
        ("en", "Can I pay by card? I'm at 4512 Ocean Drive"),
        ("en", "1234 5678 9012 3456 7890 1234"),
    ],
)
def test_phone_numbers_addresses_and_orders_are_no_card_numbers(language: str, said: str) -> None:
    heard = turns(language, said, "Yes, that's all.")

    assert not any(one.is_card for one in heard)
    assert kept(heard) == {"t0": said, "t1": "Yes, that's all."}
    assert without_card_numbers(said, language) == said


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("4111", "1111", "uh", "1111", "and 1111")),
        ("en", ("four one one one", "one one one one", "one one one one one one one one")),
        ("fr", ("alors 4111 1111", "1111", "1111 voilà")),
    ],
)
def test_a_number_said_over_several_turns_is_taken_out_of_all_of_them(language: str, said: tuple[str, ...]) -> None:
    heard = turns(language, *said)

    assert [one.is_card for one in heard] == [False] * (len(said) - 1) + [True]
    assert "1" not in "".join(kept(heard).values())
    assert heard[-1].masked[0] == "t0"


def test_digits_that_may_become_a_cards_are_withheld_until_that_is_known() -> None:
    watch = CardWatch("en")
    first = watch.heard("t0", "4417 123")
    second = watch.heard("t1", "is the code of my door")

    assert first.kept == {"t0": MASK}
    assert second.kept == {"t0": "4417 123", "t1": "is the code of my door"}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("Let me give you my card number.", "4111 1111")),
        ("en", ("my Visa is four one one one",)),
        ("fr", ("mon numéro de carte bleue, c'est 4970",)),
        ("fr", ("ma carte c'est quarante-neuf soixante-dix",)),
    ],
)
def test_who_announces_a_card_number_is_believed_with_its_first_digits(language: str, said: tuple[str, ...]) -> None:
    heard = turns(language, *said)

    assert [one.is_card for one in heard] == [False] * (len(said) - 1) + [True]
    assert heard[-1].kept[f"t{len(said) - 1}"].endswith(MASK)


def test_what_is_left_of_a_number_after_the_caller_was_stopped_is_masked_too() -> None:
    heard = turns("en", "My card number is 4111 1111", "1111 1111", "Okay. Two colas then, at 12 Main Street")

    assert [one.is_card for one in heard] == [True, True, False]
    assert heard[2].kept["t2"] == "Okay. Two colas then, at 12 Main Street"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("The card is fine. My number is 087 123 4567",)),
        ("en", ("My card is a Visa.", "I'm at 1200 Main Street")),
        ("fr", ("Sur votre site la carte est à jour ?", "Alors mon numéro c'est le 06 12 34 56 78")),
        ("fr", ("La carte est belle, je veux le menu à 1200 calories",)),
        ("en", ("The security code of the gate is 4512.",)),
    ],
)
def test_a_phone_number_or_an_address_is_none_because_a_card_was_spoken_of(
    language: str, said: tuple[str, ...]
) -> None:
    heard = turns(language, *said)

    assert [one.is_card for one in heard] == [False] * len(said)


@pytest.mark.parametrize(
    "said",
    [
        ("4111 1111 1111 1111", "the security code is 123"),
        ("4111 1111 1111 1111", "123"),
        ("4111 1111 1111 1111", "and the CVV is", "123"),
        ("4111 1111 1111 1111", "it expires oh four twenty seven"),
        ("the three digits on the back are 123",),
    ],
)
def test_the_codes_of_a_card_are_masked_in_a_turn_of_their_own(said: tuple[str, ...]) -> None:
    last = turns("en", *said)[-1].kept[f"t{len(said) - 1}"]

    assert MASK in last
    assert "123" not in last


@pytest.mark.parametrize("after", ["My phone number is 087 123 4567", "I'm at 1200 Main Street", "0871234567"])
def test_what_comes_after_a_whole_card_number_is_not_taken_for_more_of_it(after: str) -> None:
    heard = turns("en", "My card number is 4111 1111 1111 1111", after, "yes", "17 45 please, at 12 Main Street")

    assert [one.is_card for one in heard] == [True, False, False, False]
    assert heard[1].kept["t1"] == after


@pytest.mark.parametrize(
    ("keys", "is_card"),
    [
        ("4111111111111111#", True),
        ("4111111111111111#1227#123#", True),
        ("4111111111111111*0427", True),
        ("0033612345678#", False),
        ("1", False),
    ],
)
def test_keys_are_a_card_number_with_their_stars_and_hashes(keys: str, is_card: bool) -> None:
    assert has_card_number(keys) is is_card


def test_a_models_text_and_digits_are_checked_alike() -> None:
    assert without_card_numbers("Noted: 4111 1111 1111 1111.", "en") == f"Noted: {MASK}."
    assert is_card_number("4111111111111111")
    assert not is_card_number("0612345678")
