"""What the assistant says by itself; everything about the order is said by the tools' own ``say``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentPhrases:
    greeting: str
    what_to_order: str
    anything_else: str
    what_else: str
    which_fulfilment: str  # with {kinds}
    kinds: dict[str, str]
    last_or: str
    address: str
    customer_name: str
    confirm: str
    what_to_change: str
    which_allergy: str
    which_allergy_of: str  # with {name}
    unclear_allergy: str  # on the order
    which_one: str  # with {names}
    with_or_without: str  # with {name}
    only_once: str  # with {name}
    no_halves: str
    which_halves: str
    no_tampering: str
    no_card: str
    be_polite: str
    not_like_this: str
    left_out: str
    shall_i_add: str  # with {names}
    closest: str  # with {name} and {only}
    something: str  # that has no name to repeat
    last_and: str
    what_instead: str  # with {name}
    option_instead: str  # with {name}
    right_without: str  # with {name}
    heard_name: str  # with {name}
    spell_name: str
    order_name: str
    put_through: str
    which_message: str
    which_number: str
    stays: str
    stays_here: str
    table_day: str
    table_time: str
    table_covers: str
    table_name: str
    not_understood: tuple[str, ...]
    offer_human: str
    no_human: str
    cut_off: str
    still_there: str
    go_on: str
    farewell: str
    welcome: str
    empty_cart: str
    done: str


ENGLISH = AgentPhrases(
    greeting="Hello! What would you like to order?",
    what_to_order="What would you like to order?",
    anything_else="Anything else?",
    what_else="What else would you like?",
    which_fulfilment="Is that for {kinds}?",
    kinds={"pickup": "pick-up", "delivery": "delivery", "dine_in": "eating in"},
    last_or="or",
    address="What's the address, with the postcode?",
    customer_name="What name is it for?",
    confirm="Shall I confirm the order?",
    what_to_change="What would you like to change?",
    which_allergy="What is the allergy to?",
    which_allergy_of="Is that an allergy to {name}?",
    unclear_allergy="something that was not understood",
    which_one="Which one would you like: {names}?",
    with_or_without="Would you like it with {name}, or without?",
    only_once="I can put {name} on it only once.",
    no_halves="I can't take an order for halves by myself, I'm sorry. Which would you like, as a whole?",
    which_halves="Which two halves would you like? Just their names and the size, please.",
    no_tampering="Prices and rules are the restaurant's, I can't change them.",
    no_card="Please stop, don't tell me any card number: I can't take payments. You pay at the restaurant.",
    be_polite="I'm here to help you, so please stay polite.",
    not_like_this="I'm ending this call now. Goodbye.",
    left_out="Then I leave that out.",
    shall_i_add="Shall I add {names}, then?",
    closest="We don't have {name}. Would you like {only} instead?",
    something="Something you asked for",
    last_and="and",
    what_instead="I didn't find it, so {name} isn't on your order. What would you like instead, or nothing?",
    option_instead="So {name} isn't on your order. What would you like instead, or nothing?",
    right_without="To be clear, {name} isn't on your order. Is it right without it?",
    heard_name="I heard {name}.",
    spell_name="Could you spell the name for me, please, for example A for Alpha?",
    order_name="What name is the order in?",
    which_message="Of course. What shall I tell the team?",
    which_number="On what number can the team ring you back? Digit by digit, please.",
    stays="Then your order stays as it is.",
    stays_here="All right, we stay here.",
    put_through="Shall I put you through to the team?",
    table_day="For which day would you like the table?",
    table_time="At what time?",
    table_covers="For how many people?",
    table_name="What name shall I book it under?",
    not_understood=("Sorry, I didn't catch that.", "I'm sorry, I still didn't get that."),
    offer_human="I'm having trouble understanding. Shall I put you through to someone?",
    no_human="I'm sorry, I'm having trouble understanding. Please call us again in a moment.",
    cut_off="Sorry, we were cut off.",
    still_there="Are you still there?",
    go_on="Please go on.",
    farewell="Thank you, goodbye!",
    welcome="You're welcome.",
    empty_cart="Your order is empty so far.",
    done="Done.",
)

FRENCH = AgentPhrases(
    greeting="Bonjour ! Que désirez-vous commander ?",
    what_to_order="Que désirez-vous commander ?",
    anything_else="Et avec ceci ?",
    what_else="Que désirez-vous d'autre ?",
    which_fulfilment="C'est {kinds} ?",
    kinds={"pickup": "à emporter", "delivery": "en livraison", "dine_in": "sur place"},
    last_or="ou",
    address="Quelle est l'adresse, avec le code postal ?",
    customer_name="C'est à quel nom ?",
    confirm="Je confirme la commande ?",
    what_to_change="Que voulez-vous changer ?",
    which_allergy="C'est une allergie à quoi ?",
    which_allergy_of="C'est bien une allergie : {name} ?",
    unclear_allergy="un aliment que je n'ai pas compris",
    which_one="Lequel désirez-vous : {names} ?",
    with_or_without="Avec {name}, ou sans ?",
    only_once="Je ne peux mettre {name} qu'une seule fois.",
    no_halves="Je ne peux pas prendre de moitiés moi-même, je suis désolée. Lequel désirez-vous, entier ?",
    which_halves="Quelles moitiés désirez-vous ? Seulement leurs noms et la taille, s'il vous plaît.",
    no_tampering="Les prix et les règles sont ceux du restaurant, je ne peux pas les changer.",
    no_card="Arrêtez, ne me donnez pas de numéro de carte : je ne prends aucun paiement. Vous réglez au restaurant.",
    be_polite="Je suis là pour vous aider, restez poli, s'il vous plaît.",
    not_like_this="Je mets fin à cet appel. Au revoir.",
    left_out="Alors je laisse cela de côté.",
    shall_i_add="J'ajoute {names}, alors ?",
    closest="Nous n'avons pas {name}. Voulez-vous {only} à la place ?",
    something="une chose que vous avez demandée",
    last_and="et",
    what_instead="Je n'ai pas trouvé : {name} n'est pas dans votre commande. Que désirez-vous à la place, ou rien ?",
    option_instead="Donc {name} n'est pas dans votre commande. Que désirez-vous à la place, ou rien ?",
    right_without="Je précise : {name} n'est pas dans votre commande. C'est bon sans cela ?",
    heard_name="J'ai entendu {name}.",
    spell_name="Pouvez-vous épeler le nom, s'il vous plaît, par exemple A comme Antoine ?",
    order_name="À quel nom est la commande ?",
    which_message="Bien sûr. Que dois-je dire à l'équipe ?",
    which_number="À quel numéro l'équipe peut-elle vous rappeler ? Chiffre par chiffre, s'il vous plaît.",
    stays="Alors votre commande reste comme elle est.",
    stays_here="D'accord, nous restons ici.",
    put_through="Voulez-vous que je vous passe l'équipe ?",
    table_day="Pour quel jour désirez-vous la table ?",
    table_time="À quelle heure ?",
    table_covers="Pour combien de personnes ?",
    table_name="À quel nom dois-je réserver ?",
    not_understood=("Pardon, je n'ai pas compris.", "Excusez-moi, je n'ai toujours pas compris."),
    offer_human="J'ai du mal à vous comprendre. Voulez-vous que je vous passe quelqu'un ?",
    no_human="Je suis désolée, j'ai du mal à vous comprendre. Merci de rappeler dans un instant.",
    cut_off="Pardon, nous avons été coupés.",
    still_there="Vous êtes toujours là ?",
    go_on="Je vous écoute.",
    farewell="Merci, au revoir !",
    welcome="Je vous en prie.",
    empty_cart="Votre commande est vide pour l'instant.",
    done="C'est fait.",
)

PHRASES = {"en": ENGLISH, "fr": FRENCH}
