"""A restaurant's own answers are found by what a question means; what they do not answer is not answered."""

from pathlib import Path

import pytest

from domain.errors import Refused
from domain.faqs import look_up
from domain.restaurant import FaqEntry
from seeds.build import faq_of
from seeds.files import read as read_menu_file

pytestmark = pytest.mark.unit

SEEDS = Path(__file__).parents[3] / "seeds"
ENGLISH = faq_of(read_menu_file(SEEDS / "harbour_pizza.yaml"))
FRENCH = faq_of(read_menu_file(SEEDS / "chez_margot.yaml"))

# What is asked, and a word of the question that has the answer.
ASKED = [
    (ENGLISH, "Is there anywhere to leave the car?", "park"),
    (ENGLISH, "What's your address?", "Where are you"),
    (ENGLISH, "Do you take Visa?", "pay"),
    (ENGLISH, "Can I pay cash at the door?", "pay"),
    (ENGLISH, "Is my puppy welcome?", "dogs"),
    (ENGLISH, "Can we bring our pets?", "dogs"),
    (ENGLISH, "Have you got something for a coeliac?", "gluten"),
    (ENGLISH, "What have you got that's plant based?", "vegan"),
    (ENGLISH, "I don't eat any animal products, what can I get?", "vegan"),
    (ENGLISH, "How much time will it take until you bring the food?", "delivery"),
    (ENGLISH, "My friends only eat halal", "halal"),
    (ENGLISH, "Anything smaller for my toddler?", "children"),
    (ENGLISH, "Avez-vous un menu pour les enfants ?", "children"),
    (FRENCH, "Il y a un parking ?", "garer"),
    (FRENCH, "C'est possible de stationner à côté ?", "garer"),
    (FRENCH, "Vous prenez la carte bleue ?", "payer"),
    (FRENCH, "Les tickets restaurant, ça marche ?", "payer"),
    (FRENCH, "On peut régler en liquide ?", "payer"),
    (FRENCH, "On peut manger dehors ?", "terrasse"),
    (FRENCH, "Je peux venir avec mon chien ?", "animaux"),
    (FRENCH, "Vous avez quelque chose sans viande ?", "végétariens"),
    (FRENCH, "Ma femme est cœliaque, il y a quoi pour elle ?", "gluten"),
    (FRENCH, "Est-ce qu'on doit réserver une table ?", "réserver"),
    (FRENCH, "Do you have vegetarian dishes?", "végétariens"),
]
NOT_ANSWERED = [
    (ENGLISH, "Do you have wifi?"),
    (ENGLISH, "Is it wheelchair accessible?"),
    (ENGLISH, "Do you sell gift cards?"),
    (ENGLISH, "Do you have a loyalty card?"),
    (ENGLISH, "Can I bring my own wine?"),
    (ENGLISH, "Do you cater for weddings?"),
    (ENGLISH, "Are you hiring?"),
    (ENGLISH, "Is there live music on Fridays?"),
    (ENGLISH, "Do you have a student discount?"),
    (ENGLISH, "Do you deliver to Dublin airport?"),
    (ENGLISH, "Is the meat kosher?"),
    (ENGLISH, "I left my umbrella there last night"),
    (ENGLISH, "Are the fries cooked in peanut oil?"),
    (ENGLISH, "Who owns the place?"),
    (FRENCH, "Vous avez le wifi ?"),
    (FRENCH, "C'est accessible en fauteuil roulant ?"),
    (FRENCH, "Vous faites des cartes cadeaux ?"),
    (FRENCH, "La viande est halal ?"),
    (FRENCH, "On peut fêter un anniversaire ?"),
    (FRENCH, "Vous recrutez ?"),
    (FRENCH, "J'ai oublié mon écharpe hier soir"),
    (FRENCH, "Vous passez le match ce soir ?"),
    (FRENCH, "Le vin est bio ?"),
    (FRENCH, "Je peux avoir une facture ?"),
]


@pytest.mark.parametrize(("faq", "question", "found"), ASKED, ids=[one[1] for one in ASKED])
def test_a_question_in_other_words_is_answered(faq: tuple[FaqEntry, ...], question: str, found: str) -> None:
    assert found in look_up(faq, question)[0].question


@pytest.mark.parametrize(("faq", "question"), NOT_ANSWERED, ids=[one[1] for one in NOT_ANSWERED])
def test_what_the_texts_do_not_answer_is_not_answered(faq: tuple[FaqEntry, ...], question: str) -> None:
    with pytest.raises(Refused) as refused:
        look_up(faq, question)

    assert refused.value.code == "no_answer"


def test_every_question_is_answered_by_its_own_entry_in_its_own_words() -> None:
    for faq in (ENGLISH, FRENCH):
        assert [look_up(faq, entry.question)[0] for entry in faq] == list(faq)


NO_NUTS = FaqEntry("1", "I have a nut allergy, is it safe?", "Yes, we use no nuts.")
PEANUT_OIL = FaqEntry("1", "Do you use peanut oil?", "No.")
GLUTEN_FREE = FaqEntry("1", "Do you have gluten free dishes?", "Yes, every pizza can be gluten free.")
VEGAN_FRIES = FaqEntry("1", "Are your fries vegan?", "Yes.")
HALAL_CHICKEN = FaqEntry("1", "Is the chicken halal?", "Yes.")
CARE = FaqEntry("1", "Do you cater for allergies?", "Tell us, and we will say what we know.")


@pytest.mark.parametrize(
    ("entry", "question"),
    [
        (NO_NUTS, "I'm allergic to sesame"),
        (NO_NUTS, "I have a shellfish allergy"),
        (NO_NUTS, "peanut allergy?"),
        (NO_NUTS, "I'm allergic to kiwi"),
        (NO_NUTS, "I have an allergy, is it safe?"),
        (PEANUT_OIL, "do you use sesame oil?"),
        (GLUTEN_FREE, "is the tiramisu gluten free?"),
        (GLUTEN_FREE, "is the beer gluten free?"),
        (CARE, "I'm allergic to peanuts, can I have the satay?"),
        (VEGAN_FRIES, "Are your burgers vegan?"),
        (HALAL_CHICKEN, "Is the beef halal?"),
    ],
)
def test_what_is_said_of_one_allergen_or_dish_answers_nothing_about_another(entry: FaqEntry, question: str) -> None:
    with pytest.raises(Refused) as refused:
        look_up((entry,), question)

    assert refused.value.code == "no_answer"


def test_an_allergen_is_answered_by_what_is_said_of_it_or_of_all() -> None:
    assert look_up((NO_NUTS,), "Is it safe with a nut allergy?")
    assert look_up((GLUTEN_FREE,), "Which pizza is gluten free?")
    assert look_up((GLUTEN_FREE,), "Do you have gluten free options?")
    assert look_up((VEGAN_FRIES,), "Are the fries vegan?")
    assert look_up((HALAL_CHICKEN,), "Is your chicken halal?")
    assert look_up((CARE,), "I'm allergic to peanuts")


def test_a_slip_in_a_word_does_not_matter() -> None:
    faq = (FaqEntry("1", "Do you have tournedos?", "On Sundays."), FaqEntry("2", "Do you hold wakes?", "No."))

    assert look_up(faq, "have you got turnedos")[0].id == "1"


def test_what_is_so_on_one_day_answers_nothing_about_another() -> None:
    christmas = FaqEntry("f-1", "Are you closed at Christmas?", "We are closed from 24 to 26 December.")
    with pytest.raises(Refused):
        look_up([christmas], "Are you closed on Monday?")
    assert look_up([christmas], "Are you closed at Christmas?") == (christmas,)
    assert look_up([christmas], "Are you closed on holidays in December?") == (christmas,)
