import pytest

from domain.notices import tells_of_ai, tells_of_recording

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "greeting",
    [
        "Hello, this is the AI assistant of Luigi's. What can I get you?",
        "Hi! You are speaking with an AI.",
        "Hi, I'm Ella, an artificial intelligence.",
        "Good evening, our virtual assistant takes your order.",
        "Luigi's, I am a robot and take your order",
        "Hello, I'm your A.I. host.",
        "You are talking to an automated voice assistant.",
        "Hello, I'm Luigi's digital receptionist",
        "Hello - this is a voice assistant - how can I help?",
    ],
)
def test_an_english_greeting_says_that_a_machine_speaks(greeting: str) -> None:
    assert tells_of_ai(greeting, "Luigi's", "en")


@pytest.mark.parametrize(
    ("greeting", "name"),
    [
        ("Welcome to Luigi's, what can I get you?", "Luigi's"),
        ("Welcome to The AI Diner, what can I get you?", "The AI Diner"),
        ("Welcome to Robot Burger!", "Robot Burger"),
        ("You are not speaking with an AI.", "Luigi's"),
        ("There's no robot here, only us.", "Luigi's"),
        ("I'm a real person, never a virtual assistant.", "Luigi's"),
        ("Hello from Shanghai! Our lai chai is famous.", "Luigi's"),
        ("Bonjour, je suis une intelligence artificielle.", "Luigi's"),
        ("Our assistant manager says hello.", "Luigi's"),
        ("Hello, ask us whether a robot cooks.", "Luigi's"),
        ("", "Luigi's"),
    ],
)
def test_an_english_greeting_says_nothing_of_a_machine(greeting: str, name: str) -> None:
    assert not tells_of_ai(greeting, name, "en")


@pytest.mark.parametrize(
    "greeting",
    [
        "Bonjour, ici l’assistant IA de Chez Léa.",
        "Bonjour, je suis une intelligence artificielle, que désirez-vous ?",
        "Bonsoir ! L'assistant vocal de Chez Léa vous écoute.",
        "Bonjour, vous parlez à un robot.",
        "Bonjour, je suis l’agent virtuel du restaurant.",
        "Bonjour, notre standard automatique prend votre commande.",
        "Bonjour, ici une I.A.",
    ],
)
def test_a_french_greeting_says_that_a_machine_speaks(greeting: str) -> None:
    assert tells_of_ai(greeting, "Chez Léa", "fr")


@pytest.mark.parametrize(
    ("greeting", "name"),
    [
        ("Bonjour, Chez Léa, que puis-je faire pour vous ?", "Chez Léa"),
        ("Bonjour, ici L’IA Gourmande.", "L’IA Gourmande"),
        ("Vous ne parlez pas à une IA.", "Chez Léa"),
        ("Pas de robot chez nous !", "Chez Léa"),
        ("Sans intelligence artificielle, comme toujours.", "Chez Léa"),
        ("Bonjour, j’y vais, il y a du via, un maïa.", "Chez Léa"),
        ("Hello, this is an AI assistant.", "Chez Léa"),
        ("Notre serveur arrive.", "Chez Léa"),
    ],
)
def test_a_french_greeting_says_nothing_of_a_machine(greeting: str, name: str) -> None:
    assert not tells_of_ai(greeting, name, "fr")


@pytest.mark.parametrize(
    "greeting",
    [
        "Hello! This call is recorded.",
        "Hello! We record calls.",
        "Calls may be recorded for training purposes. What can I get you?",
        "Your call is being recorded, what can I get you?",
        "For your safety, this phone call will be recorded.",
        "You are on a recorded line.",
        "You are being recorded. Do not tell us card numbers.",
        "Record Pizza here; this call is automatically recorded.",
    ],
)
def test_an_english_greeting_announces_the_recording(greeting: str) -> None:
    assert tells_of_recording(greeting, "Record Pizza", "en")


@pytest.mark.parametrize(
    ("greeting", "name"),
    [
        ("Welcome to Record Pizza, how can I help you?", "Record Pizza"),
        ("Welcome to Record Pizza, how can I help you?", "Luigi's"),
        ("This call is not recorded.", "Luigi's"),
        ("This call isn't recorded.", "Luigi's"),
        ("No call is recorded here.", "Luigi's"),
        ("We never record calls.", "Luigi's"),
        ("We don't record your call.", "Luigi's"),
        ("Ask us whether your call is recorded.", "Luigi's"),
        ("Our band has recorded an album.", "Luigi's"),
        ("A record of your order is kept.", "Luigi's"),
        ("We hold the record for the largest calzone.", "Luigi's"),
        ("Call our record shop next door.", "Luigi's"),
        ("Cet appel est enregistré.", "Luigi's"),
    ],
)
def test_an_english_greeting_announces_no_recording(greeting: str, name: str) -> None:
    assert not tells_of_recording(greeting, name, "en")


@pytest.mark.parametrize(
    "greeting",
    [
        "Bonjour ! Cet appel est enregistré.",
        "Bonjour, votre appel peut être enregistré à des fins de qualité.",
        "Les conversations téléphoniques sont systématiquement enregistrées.",
        "Nous enregistrons les appels.",
        "Bonjour, pour votre sécurité, vous êtes enregistré.",
        "Cet appel est susceptible d’être enregistré. Que désirez-vous ?",
        "CET APPEL EST ENREGISTRE",
    ],
)
def test_a_french_greeting_announces_the_recording(greeting: str) -> None:
    assert tells_of_recording(greeting, "Chez Léa", "fr")


@pytest.mark.parametrize(
    "greeting",
    [
        "Bonjour, goûtez notre recette enregistrée au patrimoine !",
        "La pizza enregistrée est à vous.",
        "Cet appel n’est pas enregistré.",
        "Aucun appel n'est enregistré.",
        "Nous n’enregistrons pas les appels.",
        "Votre commande est enregistrée dès votre oui.",
        "Votre appel est important, votre commande est enregistrée.",
        "Ici l’Enregistreur, bonjour.",
        "This call is recorded.",
        "Demandez-nous si l’appel est enregistré.",
    ],
)
def test_a_french_greeting_announces_no_recording(greeting: str) -> None:
    assert not tells_of_recording(greeting, "Chez Léa", "fr")
