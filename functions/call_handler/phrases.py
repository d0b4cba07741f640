"""What the handler itself has to say in the restaurant's language: to a silent caller, to an engine that resumes."""

import msgspec

from domain.phrases import wording_for


class Phrases(msgspec.Struct, frozen=True):
    """``resumed``, ``resumed_blank``, ``renewed``, ``transfer_failed`` and ``card_number`` are for the engine, the
    others are spoken word for word.

    ``caller_for_you`` and ``ordered_so_far`` are for whom the caller is put through to.
    ``resumed_blank``: of the call that goes on, nothing but its greeting is known.
    """

    still_there: str
    time_is_up: str
    goodbye: str
    resumed: str
    resumed_blank: str
    renewed: str
    transfer_failed: str
    not_saved: str
    not_changed: str
    not_booked: str
    not_left: str
    not_done: str
    caller_for_you: str
    ordered_so_far: str
    card_number: str
    no_card_numbers: str


_STILL_THERE = {"en": "Are you still there?", "fr": "Vous êtes toujours là ?"}
_TIME_IS_UP = {
    "en": "I have to end our call here. Please call again if you need anything else. Goodbye!",
    "fr": "Je dois terminer notre appel. Rappelez-nous si besoin. Au revoir !",
}
_RESUMED = {
    "en": (
        "The line was cut for a moment; the same caller is still there. The conversation"
        " so far is above. The cart as it stands: {cart}. Apologise in three words and go on where you stopped;"
        " do not greet again and do not ask again for what you know."
    ),
    "fr": (
        "La ligne a été coupée un instant ; le même client est toujours là. La"
        " conversation est ci-dessus. Le panier en l'état : {cart}. Excusez-vous en trois mots et reprenez où vous"
        " en étiez ; ne saluez pas à nouveau et ne redemandez pas ce que vous savez déjà."
    ),
}
_RESUMED_BLANK = {
    "en": (
        "The line was cut for a moment; the same caller is still there, but what they said after your greeting is lost."
        " Apologise in three words and ask what they would like; do not greet again."
    ),
    "fr": (
        "La ligne a été coupée un instant ; le même client est toujours là, mais ce qu'il a dit après votre accueil est"
        " perdu. Excusez-vous en trois mots et demandez-lui ce qu'il souhaite ; ne saluez pas à nouveau."
    ),
}
_RENEWED = {
    "en": (
        "The conversation so far is above, and it goes on: the caller has noticed nothing. The cart as it stands:"
        " {cart}. Wait for the caller; do not greet, and do not ask again for what you know."
    ),
    "fr": (
        "La conversation est ci-dessus et continue : le client n'a rien remarqué. Le panier en l'état : {cart}."
        " Attendez le client ; ne saluez pas et ne redemandez pas ce que vous savez déjà."
    ),
}
_TRANSFER_FAILED = {
    "en": "The transfer failed: nobody answered. The caller has just been told so. Offer to go on with you.",
    "fr": (
        "Le transfert a échoué : personne n'a répondu. Le client vient de l'apprendre. Proposez de continuer avec vous."
    ),
}

_NOT_SAVED = {
    "en": "I'm sorry, I could not place your order: it did not reach the kitchen. Shall I put you through to the team?",
    "fr": (
        "Désolé, je n’ai pas pu enregistrer votre commande : la cuisine ne l’a pas reçue. Voulez-vous que je vous passe"
        " l’équipe ?"
    ),
}
_NOT_CHANGED = {
    "en": "I'm sorry, I couldn't save that: your order is as it was. I can put you through to the team.",
    "fr": "Je suis désolée, je n’ai pas pu l’enregistrer : votre commande est inchangée. Je peux vous passer l’équipe.",
}
_NOT_BOOKED = {
    "en": "I'm sorry, I could not book your table. Shall I put you through to the team?",
    "fr": "Désolé, je n’ai pas pu réserver votre table. Voulez-vous que je vous passe l’équipe ?",
}
_NOT_LEFT = {
    "en": "I'm sorry, I could not leave your message. Shall I put you through to the team?",
    "fr": "Désolé, je n’ai pas pu laisser votre message. Voulez-vous que je vous passe l’équipe ?",
}
_NOT_DONE = {
    "en": "I'm sorry, that did not work. Could you say it once more?",
    "fr": "Désolé, cela n’a pas fonctionné. Pouvez-vous le redire ?",
}

_CALLER_FOR_YOU = {
    "en": "This is the assistant, with a caller for you. The reason: {reason}.",
    "fr": "Ici l’assistant, avec un client pour vous. La raison : {reason}.",
}
_ORDERED_SO_FAR = {"en": "Ordered so far: {items}.", "fr": "Commandé jusqu’ici : {items}."}

_CARD_NUMBER = {
    "en": (
        "The caller said a card number, which is not kept; they have been asked not to. Never repeat a digit of it."
        " Payment is made with the restaurant. Go on where you stopped."
    ),
    "fr": (
        "Le client a dit un numéro de carte, qui n'est pas gardé ; on lui a demandé de ne pas le faire. N'en répétez"
        " aucun chiffre. Le paiement se fait avec le restaurant. Reprenez où vous en étiez."
    ),
}
_NO_CARD_NUMBERS = {
    "en": (
        "Please don't tell me your card number. I can't take it, and I don't keep it; you pay the restaurant directly."
        " Let's go on without it."
    ),
    "fr": (
        "Ne me donnez pas votre numéro de carte, s’il vous plaît. Je ne peux pas le prendre et je ne le garde pas ;"
        " vous réglez directement au restaurant. Continuons sans lui."
    ),
}


def phrases_for(language: str) -> Phrases:
    """French for ``fr`` and its variants, English for anything else."""
    wording = wording_for(language)
    return Phrases(
        still_there=_STILL_THERE[wording.language],
        time_is_up=_TIME_IS_UP[wording.language],
        goodbye=wording.goodbye,
        resumed=_RESUMED[wording.language],
        resumed_blank=_RESUMED_BLANK[wording.language],
        renewed=_RENEWED[wording.language],
        transfer_failed=_TRANSFER_FAILED[wording.language],
        not_saved=_NOT_SAVED[wording.language],
        not_changed=_NOT_CHANGED[wording.language],
        not_booked=_NOT_BOOKED[wording.language],
        not_left=_NOT_LEFT[wording.language],
        not_done=_NOT_DONE[wording.language],
        caller_for_you=_CALLER_FOR_YOU[wording.language],
        ordered_so_far=_ORDERED_SO_FAR[wording.language],
        card_number=_CARD_NUMBER[wording.language],
        no_card_numbers=_NO_CARD_NUMBERS[wording.language],
    )
