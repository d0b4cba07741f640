"""The bridge's own sounds for a restaurant: its language, or English where there is no prompt in that."""

from edge_bridge import prompts
from edge_bridge.directory import GreetingClip
from edge_bridge.frames import split

FALLBACK_LANGUAGE = "en"
# What prompts' "greeting" says: the handler's model has to know what the caller has heard.
GREETING_TEXTS = {
    "en": "Hello! You've reached the restaurant. How can I help you?",
    "fr": "Bonjour ! Vous êtes bien au restaurant. Que puis-je faire pour vous ?",
}


def sound(language: str, name: str) -> bytes:
    """µ-law audio of one of ``prompts.NAMES``."""
    return prompts.prompt(language if language in prompts.LANGUAGES else FALLBACK_LANGUAGE, name)


def greeting(language: str) -> GreetingClip:
    """The greeting of a restaurant whose own is not rendered yet."""
    spoken = language if language in prompts.LANGUAGES else FALLBACK_LANGUAGE
    return GreetingClip(tuple(split(sound(spoken, "greeting"))), GREETING_TEXTS[spoken])


def preload() -> None:
    """Read every prompt once, so that no call waits for the disk."""
    for language in prompts.LANGUAGES:
        for name in prompts.NAMES:
            prompts.prompt(language, name)
