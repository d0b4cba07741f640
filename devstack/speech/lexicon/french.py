"""What French-speaking callers say."""

from __future__ import annotations

import re

from devstack.speech.lexicon.model import Lexicon, any_of, words
from domain.number_words import FRENCH_SMALL

FRENCH = Lexicon(
    numbers={
        "zero": 0,
        **FRENCH_SMALL,
        "dix-sept": 17,
        "dix-huit": 18,
        "dix-neuf": 19,
        "vingt": 20,
        "deu": 2,
        "douzaine": 12,
    },
    homophones={},
    articles=words("ce cette d de des du l la le les ma mes mon un une"),
    fillers=words(
        "assiette autre autres bouteille bouteilles canette canettes fois part parts pizza pizzas portion "
        "portions verre verres x"
    ),
    with_words=words("ajouter ajoutez avec extra plus rajoutez supplement supplements"),
    without_words=words("enlevez pas retirez sans"),
    without="sans",
    joiners=words("aussi d de des du et l la le les ou puis un une"),
    weak_words=words(
        "a au aux avec base bien blanc blanche chaud chaude cinq de des deux du en et frais grand grande jour la "
        "le les maison moyen moyenne petit petite pizza point quatre rouge sans sauce supplement trois un une "
        "vert verte verts"
    ),
    yes=any_of(
        "oui|ouais|d accord|c est (?:bien )?(?:ca|exact|bon|parfait|juste|correct)|exactement|"
        "parfait|tout a fait|ok|tres bien|voila|allez y|volontiers|je confirme|bien sur|c est bien ca"
    ),
    no=any_of("non|pas du tout|ce n est pas (?:ca|bon)|c est pas (?:ca|bon)"),
    done=any_of(
        "c est tout|ce sera tout|ca sera tout|ca ira|rien d autre|rien de plus|non merci|c est bon|ca suffit|"
        "j ai fini|tout est bon|ce serait tout|se sera tout"
    ),
    goodbye=any_of("au revoir|bonne (?:journee|soiree)|a bientot|salut|a tout a l heure"),
    thanks=any_of("merci"),
    hello=any_of("bonjour|bonsoir|allo"),
    human=any_of(
        "parler a (?:quelqu un|une personne|un humain|un responsable|un employe|un serveur|une vraie personne|"
        "l equipe)|un humain|une vraie personne|passez moi quelqu un|le patron|un conseiller"
    ),
    repeat=any_of(
        "repete[rz]?|pardon|comment|vous pouvez redire|redites|encore une fois|je n ai pas (?:compris|entendu)"
    ),
    read_back=any_of(
        "ma commande c est quoi|relisez|recapitule[rz]?|qu est ce que j ai commande|combien (?:ca|cela) fait|"
        "ca fait combien|quel est le total|le total"
    ),
    question=re.compile(
        r"^(?:(?:et|alors|bonjour|euh|pardon|excusez moi|oui|dites) )*(?:comment|quels?|quelles?|ou est|ou etes|"
        r"quand|pourquoi|qui|est ce qu\w*|avez vous|vous avez|y a t il|il y a|c est quoi|combien (?:de temps|"
        r"coute|ca|cela)|faites vous|vous faites|acceptez vous|vous acceptez|peut on|on peut|puis je|qu est ce|"
        r"etes vous|vous etes|livrez vous|vous livrez|a quelle heure|jusqu a quelle)\b|\b(?:allerg\w+|vegan|halal|"
        r"casher|parking|stationnement)\b.*\?"
    ),
    order_verb=any_of(
        "je voudrais|j aimerais|je vais prendre|je prends|je prendrai|je veux|on voudrait|on va prendre|"
        "donnez moi|mettez(?: moi)?|pour commander|commander|il me faudrait|je souhaite|je souhaiterais|"
        "j aurais voulu|est ce que je (?:peux|pourrais) avoir|puis je avoir|on prend|ajoutez|rajoutez"
    ),
    allergens=any_of(r"allerg\w+|contient|gluten|lactose|fruits a coque"),
    contents=any_of("qu est ce qu il y a|il y a quoi|c est quoi|ingredients|composition"),
    hours=any_of("horaires?|ouverts?|ouvrez|fermez|fermes?|a quelle heure|jusqu a quelle heure|ouverture|fermeture"),
    table=any_of("reserver|reservation|une table"),
    correction=any_of(
        "plutot|je voulais dire|non pardon|pardon non|finalement|en fait non|mettez en plutot|rectification|"
        "mettez en|faites en|non attendez"
    ),
    change=any_of("changez|changer|remplacez|remplacer|echangez|mettez|mettre|transformez|passez"),
    into=any_of("par|en|contre|pour|avec"),
    instead=any_of("a la place|au lieu|plutot que"),
    remove=any_of(
        "enlevez|enlever|enleve|retirez|retirer|retire|supprimez|supprimer|annulez|annuler|oubliez|"
        "je ne veux (?:plus|pas)|je veux plus|sans|laissez tomber|otez"
    ),
    negated=re.compile(r"\b(?:pas|plus)(?: de| d| du| la| le| l)?$"),
    everything=any_of("annulez (?:tout|la commande|ma commande)|on recommence|recommencez|tout annuler|oubliez tout"),
    the_last=any_of("ca|cela|le dernier|la derniere|celui la|celle la"),
    another=any_of("encore une?|une? (?:autre|de plus)"),
    kinds={
        "pickup": any_of(
            "a? ?emporter|emportee?|a en portee?|a import(?:er|ee?)|(?:venir|viens) (?:la |le |les )?chercher|viendrai|"
            "je passe(?:rai)?|passer (?:la |le |les )?(?:prendre|chercher)|retirer sur place|a retirer|"
            "click and collect"
        ),
        "delivery": any_of("livraison|livre[rzse]?|livrees?|faire livrer|a domicile"),
        "dine_in": any_of("sur place|manger (?:la|ici|chez vous)|au restaurant"),
    },
    name=re.compile(
        r"\b(?:[Jj]e m['’]appelle|[Mm]on nom(?:,? c['’]est| est)|[Aa]u nom d[e'’]|[Cc]['’]est pour|"
        r"[Ll]e nom(?:,? c['’]est| est)|[Cc]['’]est au nom de|[Aa]u nom|[Pp]our) ?(?:[Mm]onsieur |[Mm]adame |"
        r"[Mm]\. |[Mm]me )?(?P<name>[A-ZÀ-Ý][\w'’-]+(?: [A-ZÀ-Ý][\w'’-]+)?)"
    ),
    name_answer=re.compile(
        r"^\W*(?:(?:oui|euh|alors|bah|ben|donc|c['’]est|ce sera|ça sera|au nom de|au nom d['’]|mon nom est|"
        r"mon nom c['’]est|le nom est|je m['’]appelle|pour|mettez|monsieur|madame)(?:\b|"
        r"(?<=['’]))[\s,]*)*(?P<name>[^\d?!.,]{2,40}?)(?:,? (?:s['’]il vous pla[iî]t|merci))?[\s.!,]*$",
        re.IGNORECASE,
    ),
    address=re.compile(
        r"^(?:.*?\b(?:adresse(?:,? c['’]est| est)|livr(?:er|ez|aison|ée?)(?: moi)?(?:,? s'il vous plaît)?,? (?:au|"
        r"à|chez moi au)|habite(?: au| à)?)|\W*(?:(?:oui|euh|alors|c['’]est|au|à|donc)(?:\b|"
        r"(?<=['’]))[\s,]*)*)\s*(?P<address>.+?)[\s.,!]*$",
        re.IGNORECASE,
    ),
    days={
        "aujourd hui": "aujourd’hui",
        "demain": "demain",
        "ce soir": "aujourd’hui",
        "lundi": "lundi",
        "mardi": "mardi",
        "mercredi": "mercredi",
        "jeudi": "jeudi",
        "vendredi": "vendredi",
        "samedi": "samedi",
        "dimanche": "dimanche",
    },
)
