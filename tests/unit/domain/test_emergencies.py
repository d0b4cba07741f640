import pytest

from domain.emergencies import emergency_number, is_emergency

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "said",
    [
        "My daughter is having an allergic reaction to your food!",
        "He can't breathe",
        "Help, she's choking",
        "Her throat is swelling",
        "Please call an ambulance",
        "There's a fire in your kitchen",
        "Mon fils fait une réaction allergique !",
        "Elle n'arrive plus à respirer",
        "Il s’étouffe",
        "Appelez les secours",
        "Sa gorge gonfle",
        "C'est un choc anaphylactique",
    ],
)
def test_somebody_in_danger_is_heard(said: str) -> None:
    assert is_emergency(said)


@pytest.mark.parametrize(
    "said",
    [
        "I'm allergic to nuts",
        "Could it cause an allergic reaction?",
        "I had an allergic reaction to nuts last year",
        "A seafood pizza, and make it hot as fire",
        "Is it cooked on a wood fire?",
        "Je suis allergique aux noix",
        "J'ai déjà fait une réaction allergique",
        "Une pizza au feu de bois",
        "Sans oignon, ça risque de faire une réaction",
        "I'd like to order the smothered chicken",
    ],
)
def test_an_allergy_and_an_order_are_no_emergency(said: str) -> None:
    assert not is_emergency(said)


def test_the_number_to_call_is_the_countrys() -> None:
    assert [emergency_number(country) for country in ("FR", "IE", "US")] == ["112", "112", "911"]
