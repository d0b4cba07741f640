"""Names that many people have, and the words with which they are given: what may be heard after "what name is it for?".

Frequent family and given names of France, Ireland and Britain, those more often met first. Others are heard as well;
of two hearings that are about as likely by their sound, the one with such a name is taken.
"""

from __future__ import annotations

from devstack.speech.lexicon.model import words
from devstack.speech.matching import fold

GIVING = {
    "en": words("it s is that for my the name i m under in of please yes mister mrs miss ms"),
    "fr": words("c est au a nom de d pour je m appelle mon le la ce sera s il vous plait oui monsieur madame"),
}
_ENGLISH = """
smith jones taylor brown williams wilson johnson davies robinson wright thompson evans walker white roberts green
hall wood jackson clarke clark harris lewis martin cooper king lee baker morris turner hill ward moore parker watson
allen young scott carter anderson mitchell james phillips bennett cox hughes richardson miller davis murphy kelly
byrne ryan walsh sullivan connor connors doyle mccarthy gallagher doherty kennedy lynch murray quinn mcloughlin
carroll connolly daly connell dunne brennan burke collins campbell nolan fitzgerald moran hayes farrell nugent flynn
reilly neill brien keane power healy shea sweeney barry higgins khan patel singh ahmed hussain ali shah begum kaur
jack noah daniel liam charlie harry thomas oliver adam sean conor michael john david patrick paul mark peter brian
kevin stephen declan eoin cian oisin fionn darragh cathal ronan rory aidan ben sam tom joe luke matt max leo george
henry william robert richard andrew simon tony frank eric alan colin omar hassan raj dev arjun ravi amir mohammed
yusuf emily grace sophie emma amelia ella ava lucy kate katie anna hannah chloe sarah mary margaret ann anne jane
jean susan linda karen helen claire laura rachel rebecca jessica amy lisa nora aoife niamh ciara sinead siobhan orla
roisin maeve eve zoe mia lily ruby rose rosie alice charlotte isla olivia tess tessa maria fatima priya
meera anita leila zara sofia julia
"""
_FRENCH = """
martin bernard thomas petit robert richard durand dubois moreau laurent simon michel lefebvre lefèvre leroy roux
david bertrand morel fournier girard bonnet dupont lambert fontaine rousseau vincent muller faure andré mercier
blanc guérin boyer garnier chevalier françois legrand gauthier garcia perrin robin clément morin nicolas henry
roussel mathieu gautier masson marchand duval denis dumont marie lemaire noël meyer dufour meunier brun blanchard
giraud joly rivière lucas brunet gaillard barbier arnaud martinez gérard roche renard schmitt roy leroux colin vidal
caron picard roger fabre aubert lemoine renaud dumas lacroix olivier philippe bourgeois pierre benoit rey leclerc
payet rolland leclercq guillaume lecomte lopez jean dupuy guillot hubert berger carpentier sanchez dupuis moulin
louis deschamps huet vasseur perez boucher fleury royer klein jacquet adam paris poirier marty aubry guyot carre
charles renault charpentier ménard maillard baron bertin bailly hervé schneider fernandez collet léger bouvier
julien prévost millet perrot daniel cousin germain breton besson langlois rémy pelletier lévêque perrier leblanc
barré lebrun marchal weber mallet hamon boulanger jacob monnier michaud rodriguez guichard gillet étienne grondin
poulain tessier chevallier collin chauvin bouchet gay lemaître bénard maréchal humbert reynaud antoine hoarau perret
barthélémy cordier pichon lejeune gilbert lamy delaunay pasquier carlier laporte costa ferreira silva santos pereira
nguyen diallo traore benali haddad gomez ruiz goff bihan gall guen gabriel léo raphaël arthur jules hugo nathan paul
théo tom maxime alexandre jacques alain patrick christophe thierry stéphane éric pascal frédéric sébastien bruno
marc serge guy claude yves didier gilles romain kevin mehdi karim mohamed ahmed yanis emma jade louise alice chloé
lina léa rose anna mila manon camille sarah inès juliette julie jeanne lucie clara eva charlotte nathalie isabelle
sylvie catherine françoise monique christine martine valérie sandrine sophie stéphanie céline aurélie émilie
caroline claire hélène anne laura pauline mathilde océane fatima nadia leila samira
"""
PERSON_NAMES = {"en": tuple(_ENGLISH.split()), "fr": tuple(_FRENCH.split())}
FOLDED_NAMES = {language: frozenset(map(fold, names)) for language, names in PERSON_NAMES.items()}
