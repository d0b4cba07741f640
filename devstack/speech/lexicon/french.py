"""What French-speaking callers say."""

from __future__ import annotations

import re

from devstack.speech.lexicon.model import Lexicon, any_of, words

_WHO = r"(?:je|j|on|il|elle|ils|elles|nous|(?:ma|mon|mes|notre|nos|le|la|les) \w+)"
_TO = r"(?:aux|au|a la|a l|a|de la|de l|de|des|du|d|les|le|la|l)"
_FOOD = (
    r"[a-z]+(?: (?:et|ou|ni)(?: (?:aux|au|a la|a l|les|le|la|l|de|d))?"
    r" (?!je\b|un\b|une\b|on\b|ma\b|mon\b|allerg|intol)[a-z]+)?"
)

FRENCH = Lexicon(
    numbers={"zero": 0, "deu": 2, "douzaine": 12, "dizaine": 10, "demi douzaine": 6, "quinzaine": 15, "vingtaine": 20},
    homophones={},
    cues={
        "a": "un|une|des|du|de la|de l",
        "the": "le|la|les|l|ce|cet|cette|ces|mon|ma|mes|celui|celle|ceux|celles",
        "of": "de|d|au|aux|a la|a l|a",
        "and": "et|puis|et puis|plus|ainsi que|et aussi|ensuite|avec ca|et avec ca",
        "or": "ou|ni",
        "with": "avec|par dessus|au dessus|dessus|supplement|supplements|en supplement",
        "neg": "j ai change d avis pour|"
        "sans|pas de|pas d|plus de|plus d|enlevez|enlever|enleve|retirez|retirer|retire|supprimez|"
        "supprimer|annulez"
        "|annuler|annule|oubliez|oublie|laissez tomber|otez|otes|virez|vire|pas du|pas la|pas le|pas les|"
        "pas un|pas une"
        "|aucun|aucune|zero|sauf|tout sauf|excepte",
        "not": "je ne veux pas de|je ne veux pas du|je ne veux pas|je veux pas|je ne veux plus|je veux plus|"
        "j ai pas dit"
        "|je n ai pas dit|pas|je n ai pas demande|j ai pas demande|je n ai pas commande|je ne prends pas|"
        "j en veux pas",
        "no": "non|nan",
        "light": "peu de|un peu de|un peu d|juste un peu de|moins de|moins d|pas trop de|pas trop d|leger en|"
        "legere en"
        "|une touche de|un soupcon de",
        "extra": "extra|beaucoup de|beaucoup d|plein de|double dose de|davantage de|en extra|bien de|un max de",
        "side": "a part|a cote|separement|a cote s il vous plait",
        "on": "sur|dans|pour|par|contre",
        "both": "sur les deux|les deux|chacun|chacune|pour les deux|dans les deux|pour chaque|tous|toutes|"
        "a chaque fois",
        "ones": "la premiere|le premier|"
        "une des deux|un des deux|l une des deux|l un des deux|une d elles|un d eux|une d entre elles|"
        "un d entre eux|une des trois|un des trois|d entre eux|d entre elles",
        "other": "l autre|les autres|l autre part|la deuxieme|le deuxieme|le second|la seconde",
        "those": "de ceux la|de celles la|de ca|comme ca",
        "again": "la meme chose|pareil|idem|encore un|encore une|un autre|une autre|un de plus|une de plus|"
        "le meme|la meme"
        "|les memes|encore la meme chose|un deuxieme|une deuxieme|et pareil|la meme encore",
        "another": "encore",
        "more": "de plus|en plus",
        "last": "ca|cela|le dernier|la derniere|celui la|celle la|tout ca",
        "correct": "plutot|je voulais dire|non pardon|pardon non|pardon|finalement|en fait non|en fait|"
        "mettez en plutot"
        "|rectification|mettez en|faites en|non attendez|attendez|non non|j ai dit|j avais dit|enfin non|"
        "non enfin|ou plutot"
        "|non plutot|mettez plutot|euh non|finalement non|ah non|non finalement|non en fait|mets en|"
        "j en veux|j en voulais"
        "|excusez moi|enfin|a la place",
        "weak": "actuellement",
        "change": "changez|changer|remplacez|remplacer|echangez|transformez|passez|change|remplace",
        "instead_of": "a la place de|a la place du|a la place des|a la place d|au lieu de|au lieu du|au lieu d|"
        "plutot que",
        "verb": "n oubliez pas|oubliez pas|sans oublier|un autre truc|autre chose|une autre chose|"
        "encore une chose|encore un truc|ajouter|ajoutez|"
        "ajoute|rajoutez|rajoute|rajouter|je voudrais|j aimerais|je vais prendre|je prends|je prendrai|"
        "je prendrais|je veux|on voudrait|on va prendre"
        "|donnez moi|mettez moi|mettez|mets|mets moi|pour commander|commander|il me faudrait|il me faut|"
        "il nous faudrait|je souhaite"
        "|je souhaiterais|j aurais voulu|est ce que je peux avoir|puis je avoir|on prend|on prendra|"
        "juste|ce serait|ca serait"
        "|ce sera|ca sera|j aurais aime|je vous prends|je pourrais avoir|je peux avoir|on aimerait|"
        "nous voudrions|j en prends",
        "also": "aussi|egalement",
        "half": "moitie|demi|demie",
        "of_which": "dont",
        "fewer": "de moins|en moins",
    },
    others=frozenset(("un autre", "une autre", "encore un", "encore une", "un de plus", "une de plus")),
    common=words(
        "sauce sauces garniture "
        "cuillere cuilleres dose doses pompe pompes "
        "boite boites sachet sachets paquet paquets plateau plateaux "
        "accord adieu ai aide ailleurs aime ainsi allez allo alors ami amie amis amities an ans appelle "
        "apres ardemment as assiette "
        "assiettes attends au aujourd aurai aurais autant autour autre autres aux avais avait avant avec "
        "avez avoir bah beaucoup "
        "ben bien bientot bon bonne bonjour bonsoir bouteilles bref bureau c ca canette canettes car carte "
        "ce cela celui ces cet cette chez chose choses clients collegue collegues combien comme comment "
        "commande commander copain "
        "copine cote d da dans de deja demain demande depuis derriere des deux devant dire dis dit dites "
        "doit donc donner dont du eh elle "
        "elles en encore enfants enfin entre es est et etait ete etes etre eu euh euros eux excusez faim "
        "faire fait fais faites "
        "famille faudra faut femme fille fils fois fort gens gentil grace heure heures heureux hein hier "
        "hop hum ici il ils j "
        "jamais je jour journee juste l la le les leur lui m ma madame maintenant mais maman manger mari "
        "matin me meme merci mere "
        "mes mets mettez mettre midi mien mieux minute minutes moi moins moment mon monsieur n ne nom "
        "normal nos notre nous oh on "
        "ont ou ouais oui papa par pardon parle part parts parce pas passe pense personne personnes pere "
        "petit peu peut peux "
        "plaisir plait plat plats plus plutot portion portions possible pour pourrais pourrait pourquoi "
        "pouvez prend prendre prends "
        "prenez presque prochain puis qu quand que quel quelle quelque quelqu quelques qui quoi rapide "
        "surtout repas rien s sa sais sait salut samedi seul seule seulement "
        "dimanche lundi mardi mercredi jeudi vendredi se semaine sera serait ses si simple soeur soir "
        "soit sommes son sont souhaite "
        "suis super sur sympa t table te tiens toi tous tout toute toutes tres trop truc trucs tu un une "
        "va vais vas verrai vers "
        "veut veux veuillez vient viens vite voici voila voir vont vos votre voudrais voulais vous vraiment vu y x"
    ),
    weak_words=words(
        "a au aux avec base bien blanc blanche chaud chaude cinq de des deux du en et frais grand grande jour la "
        "le les maison moyen moyenne petit petite point quatre rouge sans supplement trois un une "
        "vert verte verts double simple demi garni garnie"
    ),
    declines=any_of("(?:je )?(?:ne )?veux (?:pas|plus)(?: de| du)?|j en veux pas"),
    only=words("seulement seul seule uniquement"),
    added=words("supplement supplements"),
    those_with=words("celui celle ceux celles"),
    for_whom=words("pour"),
    served_on=words("en sur dans"),
    sparing=frozenset(("peu de", "moins de", "moins d", "pas trop de", "pas trop d", "leger en", "legere en")),
    simple=words("nature normal normale classique ordinaire standard"),
    is_head_last=False,
    in_its_place=frozenset(("plutot", "a la place", "finalement")),
    takes_it=any_of(
        "(?:je|on) (?:le|la|les|l) (?:prends?|veux|veut|prendrai)|(?:j|on) en (?:prends?|veux|veut)(?: une?)?"
    ),
    lets_go=any_of(
        "rien|tant pis|laissez(?: (?:tomber|ca|cela))?|laisse(?: tomber)?|oubliez(?: ca| cela)?|"
        "sans (?:ca|cela)|pas grave|peu importe|aucun|aucune"
    ),
    restore=any_of(
        "remet(?:tez|s|tre)?(?: moi)? (?:la|le|les|ca|en)|gard(?:ez|e) (?:la|le|les) (?:finalement|quand meme)"
    ),
    inquiry=any_of(
        "(?:je voudrais|j aimerais|je voulais|on voudrait) (?:juste )?(?:savoir|demander)|je me demandais si"
    ),
    diet=any_of(
        rf"{_WHO} (?:suis|est|sont|sommes)(?: tous| toutes)? (?:vegan(?:e?s?)|vegetarien(?:ne)?s?|vegetalien(?:ne)?s?)"
    ),
    story=re.compile(
        r"\b(?:je|on) (?:pensais|hesitais|songeais|comptais|allais|voulais d abord)\b[^,]*?\bmais\b|"
        r"[^,]*\b(?:la derniere fois|(?:j ai|j avais|on a|on avait|(?:ma|mon|un|une) \w+ (?:m )?a) (?:deja )?"
        r"(?:pris|mange|goute|recommande|conseille|adore) (?:la|le|les|l|un|une|des|vos|votre))\b[^,]*"
    ),
    described=re.compile(
        r"(?:c est|ca c est) (?:juste|simplement|fait (?:de|avec)) "
        r"(?!(?:un|une|deux|trois|quatre|le|la|les|pour|moi|nous|ca|tout|\d+)\b)\w"
    ),
    units=words("euro euros balles centime centimes pourcent minute minutes heure heures"),
    groups=words("sauce sauces garniture garnitures supplement supplements"),
    claims=words(
        "paye payee payes regle reglee gratis gratos cadeau "
        "gratuit gratuite offert offerte remise reduction promo prix patron gerant rembourse bon zero"
    ),
    without="sans",
    amounts={"light": "peu de {name}", "extra": "extra {name}", "side": "{name} à part"},
    taken_off=re.compile(r"(?!)(?P<what>)"),
    of_it=re.compile(
        r"\b(?:je|j|on|nous) (?:le|la|les|l) (?:veux|voudrais|voudrait|veut|aimerais|aimerait|prends|prend|prendrai|"
        r"prefere|souhaite|souhaiterais)|"
        r"\b(?:il|elle) (?:doit|devrait) etre|"
        r"\b(?:vous pouvez|pouvez vous|est ce que vous pouvez|vous pourriez|pourriez vous) (?:me )?(?:le|la|les|l) "
        r"(?:faire|mettre|servir|preparer)"
    ),
    made_so="plutot",
    of_one=re.compile(
        r"\b(?:(?:pour|mettez|mets) )?(?P<one>une|un|deux|une des deux|un des deux|l une|l un|l autre|les autres|"
        r"la deuxieme|le deuxieme|la seconde|le second) (?:doit|devrait|doivent) (?:etre|avoir)(?: faite?)?"
        r"(?: avec)?(?= \w)"
    ),
    measures=words("dose doses trait pincee cuillere cuilleres goutte gouttes nuage filet"),
    manner=words(
        "degres degre "
        "chaud chaude chauds chaudes froid froide froids froides tiede tiedes ambiante brulant brulante croustillant "
        "croustillante cuit cuite cuits cuites saignant saignante grille grillee rechauffe rechauffee doux douce epice "
        "epicee epices epicees releve relevee moelleux moelleuse"
    ),
    manner_words=words("pas trop tres bien peu un plus moins assez juste temperature a servi servie super et"),
    praise=words("un bien et"),
    hot="chaud",
    not_so="pas",
    denials=words("pas non sans jamais ni"),
    tampering=any_of(
        r"(?:le|les|vos|ton|votre) (?:prix|tarifs?)|remise|reduction|gratuit\w*|mode developpeur|"
        r"ignore[rz]? (?:toutes|les|tes|vos)|"
        r"instructions|consignes|(?:le|la) (?:patron|patronne|gerant|responsable) a dit"
    ),
    halves=any_of(
        r"moitie moitie|moitie \w+(?: \w+){0,3} moitie|(?:une|la) moitie|moitie avec|sur la moitie|"
        r"et demie?|l autre moitie|"
        r"moitie sans|demie? \w+ demie?"
    ),
    no_allergy=any_of(
        rf"(?:{_WHO} )?(?:(?:ne|n|y|a|suis|est|ai|avons|sommes) )*(?:pas d|pas de|pas|aucune|sans)(?: autre)? "
        rf"allerg(?:ies?|iques?)(?: {_TO} {_FOOD})?"
    ),
    allergy=re.compile(
        rf"(?:\b{_WHO} )?(?:(?:suis|est|sont|sommes|ai|a|une|fais|fait) )*"
        rf"\bintoleran(?:te?s?|ces?)\b(?: {_TO} (?P<of>{_FOOD}))?|"
        rf"\b{_WHO} (?:suis|est|sont|sommes) (?P<are>coeliaques?)\b|"
        rf"\b{_WHO} (?:ne |n )?(?:(?:supporte\w*|tolere\w*|digere\w*) pas|(?:peux|peut|peuvent) pas manger) "
        rf"{_TO} (?P<cannot>{_FOOD})|"
        r"(?:je suis|on est|(?:ma|mon|notre) \w+ est|il est|elle est|j ai une)?(?: \w+)? ?\ballergi(?:que|ques|e)\b"
        r"(?: (?:a la|a l|au|aux|a|des|de|du) (?P<to>[a-z]+(?:(?: et| ou)?(?: aux| au| a la|"
        r" a l)? (?!donc\b|ma\b|mon\b|intol|mais\b|je\b|et\b|ou\b|"
        r"est\b|mettez\b|vous\b|alors\b|s\b|on\b)[a-z]+){0,2}))?"
    ),
    insult=any_of(
        r"(?:va|allez)(?: vous)? (?:te )?(?:faire (?:voir|foutre|mettre|cuire un oeuf)|chier|crever)|ta gueule|"
        r"(?:ferme|fermez) la|degagez?|casse toi|cassez vous|fous le camp|nique \w+|je t emmerde|"
        r"(?:espece|bande) de? \w+|(?:robot|machine|ordinateur|assistante?) (?:debile|stupide|pourrie?|de merde|"
        r"a la con|inutile)|(?:connard|connasse|salope|salaud|encule|batard|abruti|abrutie|imbecile|cretin|cretine)s?|"
        r"fils de pute|(?:pauvre|sale|gros|grosse) (?:con|conne|merde|naze)|"
        r"(?:vous etes|t es|tu es|tu n es|vous n etes) (?:(?:qu|un|une|vraiment|tellement|trop|completement) )*"
        r"(?:nul|nulle|nuls|idiot|idiote|stupide|bete|con|conne|debile|incapable)s?"
    ),
    jest=any_of(
        r"pour (?:rire|rigoler|plaisanter)|une (?:blague|plaisanterie)|un canular|je (?:plaisant|rigol|blagu)\w+|"
        r"(?:je|on) (?:ne )?(?:veux|veut|voulait|voulais) (?:plus )?rien(?: commander)?(?: du tout)?|"
        r"(?:je|on) (?:ne )?(?:commande|prend|prends) (?:plus )?rien|(?:trompee?|erreur) de numero|"
        r"(?:faux|mauvais) numero"
    ),
    yes=any_of(
        "oui|ouais|d accord|c est (?:bien )?(?:ca|exact|bon|parfait|juste|correct)|exactement|"
        "parfait|tout a fait|ok|tres bien|voila|allez y|volontiers|je confirme|bien sur|c est bien ca|ca marche|"
        "ca me va"
    ),
    no=any_of("non|pas du tout|ce n est pas (?:ca|bon)|c est pas (?:ca|bon)"),
    done=any_of(
        "c est tout|ce sera tout|ca sera tout|ca ira|rien d autre|rien de plus|non merci|c est bon|ca suffit|"
        "j ai fini|tout est bon|ce serait tout|se sera tout"
    ),
    goodbye=any_of("au revoir|bonne (?:journee|soiree)|a bientot|(?<=[a-z] )salut(?=$)|a tout a l heure"),
    thanks=any_of("merci"),
    please=any_of("s il (?:vous|te) plait|svp|stp"),
    hello=any_of("bonjour|bonsoir|allo|salut"),
    human=any_of(
        "parler a (?:quelqu un|une personne|un humain|un responsable|un employe|un serveur|une vraie personne|"
        "l equipe)|un humain|une vraie personne|passez moi quelqu un|le patron|un conseiller"
    ),
    wrong_name=any_of(
        "nom (?:n est|est) pas (?:le )?(?:bon|correct|juste)|nom est (?:faux|mauvais)|mauvais nom|"
        "pas (?:du tout )?(?:le bon|mon) nom|nom ne va pas"
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
    request=any_of(
        r"(?:pouvez vous|vous pouvez|vous pourriez|pourriez vous|tu peux|on peut|peut on) (?:m |me |nous |"
        r"y )?(?:ajouter|changer|enlever|retirer|mettre|remplacer|annuler|supprimer|faire|rajouter|avoir|"
        r"preparer)"
    ),
    order_verb=any_of(
        "je voudrais|j aimerais|je vais prendre|je prends|je prendrai|je veux|on voudrait|on va prendre|"
        "donnez moi|mettez(?: moi)?|pour commander|commander|il me faudrait|je souhaite|je souhaiterais|"
        "j aurais voulu|est ce que je (?:peux|pourrais) avoir|puis je avoir|on prend|ajoutez|rajoutez"
    ),
    allergens=any_of(
        r"allerg\w+|contient|gluten|lactose|fruits a coque|coeliaques?|intolera\w+|"
        r"(?:il y a|y a t il) (?:du|de la|de l|des) \w+ dans"
    ),
    contents=any_of("qu est ce qu il y a|il y a quoi|c est quoi|ingredients|composition"),
    hours=any_of(
        "horaires?|ouverte?s?|ouvrez|fermez|fermee?s?|a quelle heure|jusqu a quelle heure|ouverture|fermeture"
    ),
    special_day=any_of(
        "noel|nouvel an|jour de l an|paques|toussaint|feries?|vacances|janvier|fevrier|mars|avril|juin|juillet|aout|"
        "septembre|octobre|novembre|decembre"
    ),
    if_so=any_of("(?:et |alors |mais )*si (?:oui|c est le cas|c est bon|c est ca|elle l est|il l est)(?: alors)?"),
    sounds_like={
        "pickup": "a emporter|emporter|chercher|je viens chercher|venir chercher|je passe chercher",
        "delivery": "livraison|en livraison|livrer",
        "dine_in": "sur place|manger sur place",
        "yes": "oui|ouais|oui merci",
        "no": "non merci|nan",
    },
    table=any_of("reserver(?! (?:une? (?!table|place)|deux|trois|quatre|des|le|la|les)\\b)|reservation|une table"),
    placed=any_of(
        r"ou (?:en )?est (?:ma|notre|la) (?:commande|livraison)|ou (?:elle )?en est (?:elle )?(?:ma|notre) commande|"
        r"(?:ma|notre) (?:commande|livraison)(?: \w+){0,3} (?:prete|arrivee?|partie|en route|en est)|"
        r"quand(?: \w+){0,6} (?:ma|notre) (?:commande|livraison)|combien de temps\b.*?(?:ma|notre) "
        r"(?:commande|livraison)|(?:des )?nouvelles de (?:ma|notre) (?:commande|livraison)|"
        r"(?:suivre|suivi de) (?:ma|notre) (?:commande|livraison)|"
        r"(?:j ai|on a|nous avons) (?:deja )?(?:commande|passe (?:une )?commande)\b.*?(?:tout a l heure|ce midi|il y a|"
        r"hier|plus tot)|attend\w*(?: \w+){0,3} (?:ma|notre) (?:commande|livraison)"
    ),
    change_placed=any_of(
        r"(?:changer?|modifier|completer)\b.*?\b(?:ma|notre|une|la) commande|"
        r"(?:r?ajouter|enlever|retirer)\b.*?\b(?:a|de|dans|sur) (?:ma|notre) commande"
    ),
    cancel_placed=any_of(r"annule[rz]? (?:ma|notre|une|la) (?:commande|livraison)"),
    everything=any_of(
        "annule[rz]? (?:tout|(?:toute )?(?:la|ma) commande)|on (?:annule|recommence|oublie) tout|"
        "on recommence|recommencez|"
        "(?:je veux )?tout annuler|oubliez tout|laissez tomber (?:tout|la commande)|enleve[rz]? tout|"
        "supprime[rz]? tout"
    ),
    all_but=any_of("sauf|excepte|a part|hormis"),
    kinds={
        "pickup": any_of(
            "a? ?emporter|emportee?|a en portee?|a import(?:er|ee?)|(?:venir|viens|viendrai|passe(?:r|"
            "rai)?|viendrons) "
            "(?:(?:la |le |les )?(?:prendre|chercher|recuperer))|viendrai|je passe(?:rai)?|"
            "retirer sur place|a retirer|"
            "click and collect"
        ),
        "delivery": any_of("livraison|livre[rzse]?|livrees?|faire livrer|a domicile"),
        "dine_in": any_of(
            r"sur place|mange(?:r|rai|rais|rons|ra|ons)? (?:(?:tout|le tout|ca|tous) )*(?:la|la bas|ici|chez vous)|"
            r"au restaurant"
        ),
    },
    name=re.compile(
        r"\b(?:[Jj]e m['’]appelle|[Mm]on nom(?:,? c['’]est| est)|[Aa]u nom d[e'’]|[Cc]['’]est pour|"
        r"[Ll]e nom(?:,? c['’]est| est)|[Cc]['’]est au nom de|[Aa]u nom|[Pp]our) ?(?:[Mm]onsieur |[Mm]adame |"
        r"[Mm]\. |[Mm]me )?(?P<name>[A-ZÀ-Ý][\w'’-]+(?: [A-ZÀ-Ý][\w'’-]+)?)"
    ),
    name_answer=re.compile(
        r"^\W*(?:(?:oui|euh|alors|bah|ben|donc|c['’]est|ce sera|ça sera|au nom de|au nom d['’]|mon nom est|"
        r"mon nom c['’]est|le nom est|je m['’]appelle|pour|mettez|monsieur|madame|non|juste)(?:\b|"
        r"(?<=['’]))[\s,]*)*(?P<name>[^\d?!.,]{1,40}?)(?:,? (?:s['’]il vous pla[iî]t|merci))?[\s.!,]*$",
        re.IGNORECASE,
    ),
    address=re.compile(
        r"^(?:.*?\b(?:adresse(?:,? c['’]est| est)|livr(?:er|ez|aison|ée?)(?: moi)?(?:,? s'il vous plaît)?,? (?:au|"
        r"à|chez moi au)|habite(?: au| à)?)|\W*(?:(?:oui|euh|alors|c['’]est|au|à|donc)(?:\b|"
        r"(?<=['’]))[\s,]*)*)\s*(?P<address>.+?)[\s.,!]*$",
        re.IGNORECASE,
    ),
    street=re.compile(
        r"(?:\b(?:livr\w*|envoyer|apporter)\b[^.!?\d]{0,30}?\b(?:au|à|a)\s+)?"
        r"\b(?P<address>\d+(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|bd|place|allée|chemin|impasse|"
        r"quai|cours|route|passage|square|"
        r"montée|esplanade|faubourg)\b(?: (?:de la|de l['’]|de|des|du|d['’]|la|le|les|l['’]|à)(?:(?<=['’])| ?)| )*"
        r"[A-ZÀ-Ýa-zà-ÿ][\wÀ-ÿ'’-]*(?: [A-ZÀ-Ý][\wÀ-ÿ'’-]*)*(?:,? (?:à |code postal )?(?:\d{5}|"
        r"\d{2} \d{3}))?(?: [A-ZÀ-Ý][\wÀ-ÿ-]+)?)",
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
