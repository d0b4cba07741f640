"""What English-speaking callers say."""

from __future__ import annotations

import re

from devstack.speech.lexicon.model import Lexicon, any_of, words

_WHO = r"(?:i|we|he|she|they|(?:my|our|the) \w+(?: \w+)?|one of us|someone)"
_NO_ALLERGEN = (
    "a|an|the|any|some|no|and|or|food|my|our|his|her|their|your|this|that|these|those|other|about|with|for|of|on|to|"
    "m|am|is|are|re|ve|s|have|has|had|got|having|bad|severe|serious|strong|slight|regarding|know|check"
)
_NO_FOOD = "it|that|this|them|these|those|much|too|so|all|more|anything|everything|the|both|now|here|there|today|one"

ENGLISH = Lexicon(
    numbers={"zero": 0, "couple": 2, "pair": 2, "dozen": 12},
    homophones={"to": 2, "too": 2, "for": 4},
    cues={
        "a": "a|an|some|any",
        "the": "the|that|this|these|my|our",
        "of": "of",
        "and": "on top of that|and|then|plus|as well as|along with|together with|followed by",
        "or": "or|nor",
        "with": "with|using|use|made with|topped with|on it|on top|including|having",
        "neg": "changed my mind about|nothing|scrap|"
        "none|without|hold the|hold|minus|skip the|skip|leave off|leave out|leave off of|take off|take out|"
        "take away"
        "|remove|cancel|delete|drop|forget|forget about|scratch|get rid of|no more|lose|ditch|free of|no longer want"
        "|leave it off|everything but|everything except|all but|except|except for|apart from|neither|neither of them",
        "not": "not|didn t mean|did not mean|don t mean|don t add|don t put|don t include|don t give me"
        "|no need for|don t want|do not want|didn t say|did not say|didn t want|didn t ask for"
        "|didn t order|never said"
        "|don t need|won t have|not want|rather not have|not have",
        "no": "no|nope|nah",
        "light": "light|lite|easy on|go easy on|a little|a little bit of|just a little|a bit of|less|light on|"
        "a touch of"
        "|not too much|not much|not too many|not many|just a bit of",
        "extra": "extra|lots of|loads of|plenty of|a lot of|double up on|more",
        "side": "on the side|on side|separately|in a separate pot",
        "on": "on|onto|in|into|to|for",
        "both": "on either|on either of them|in either|in either of them|with either"
        "|both|on both|each|on each|for each|all of them|both of them|in both|with both|for both|on all|for all",
        "ones": "ones|the first one|the first of them|"
        "one of the two|one of the three|one of em|one of them|one of those",
        "other": "the other|the other one|the others|the second|the second one|the rest",
        "those": "of those|of them|of these|of that|of it",
        "again": "the same again|same again|the same|another one|one more|another of those|one more of those|"
        "the same one"
        "|another one of those|same thing|the same thing|another one of them|one more of them|same again please",
        "another": "another",
        "more": "more of those|more of them|more of these|more of that|more of the same",
        "last": "it|that|them|that one|this one|the last one|the last item|last one|those|these|all of that|all that",
        "correct": "hold on|"
        "make that|make it|make them|make this|make those|i mean|i meant|no sorry|sorry no|no wait|wait no"
        "|rather|scratch that|change that to|change it to|change them to|i said|correction|actually no|"
        "no actually|wait"
        "|no make that|sorry i mean|sorry i meant|instead|no no|no i said|on second thoughts|on second thought"
        "|should be|it should be|change my mind|sorry make that",
        "weak": "actually",
        "change": "change|replace|swap|switch|turn|swap out|exchange",
        "instead_of": "than|instead of|in place of|rather than",
        "verb": "don t forget|do not forget|one more thing|another thing|something else|add|can you add"
        "|i d like|i would like|i ll have|"
        "i will have|i ll take|i want|we want|can i have|can i get|can i order"
        "|could i have|could i get|could we have|could we get|can we have|can we get|can we do|"
        "can you do|could you do"
        "|i ll try|we ll try|"
        "give me|get me|we d like|we ll have|we ll take|i need|we need|may i have|let me have|let me get|get|just"
        "|i can get|i could get|i can have|i could have|we can get|we could get|we can have|we could have"
        "|i wanted|we wanted|i d love|we d love|can i grab|could i grab|i ll get|we ll get|let s do|let s have"
        "|let s get|do me|have"
        "|put me down for|i ll go for|i want to order|to order|order|can i please have|can i please get"
        "|could i please have|could i please get|may i please have|may i get|may i please get|may we have|like",
        "also": "also|too|as well|and also",
        "half": "half",
        "of_which": "of which",
        "fewer": "fewer",
    },
    others=frozenset(("another one", "one more", "another of those", "one more of those")),
    common=words(
        "sauce sauces topping toppings dip dips mode "
        "drink drinks beverage version versions flavored flavoured "
        "pump pumps spoon spoons spoonful spoonfuls dash squirt squirts helping helpings "
        "anyway anyways box boxes tray trays packet packets bag bags jar "
        "a able about after afternoon again ahead alright am an anything are around as ask at babe back "
        "be because been "
        "before being best better bit boss bottle bottles bowl boyfriend bring brother bucks but buddy "
        "bunch by bye call "
        "calling can cans cardboard check cheers come coming container could couple cup cups customer dad day days "
        "dear definitely delicious did do does doing doll done doozy each eat either else erm euros "
        "evening ever every "
        "everybody everyone everything excuse family feel few find fine folks food friend friends from "
        "get getting girl "
        "girlfriend glass glasses go going gonna good got grab great group guess guy guys had happen has hate hear "
        "hello help her here hey hi him his hiya hmm honey hope hour how hows hungry husband i idea if "
        "ill im inside is "
        "item items ive job kid kids kind know ladies last later leave left let like line little look "
        "looking lot love "
        "lovely lunch dinner breakfast supper tea time ma mam man many mate maybe me meal meals might "
        "mind mine minute "
        "moment morning most mother mr mrs much mum must my myself name need never new next nice night "
        "normal now number "
        "nothing office oh ok okay old once one only onto order orders ordered other our ours out "
        "outside over own party "
        "people perfect perhaps person phone piece pieces place plain plate plates please pop portion "
        "portions possible "
        "pot pots pound pounds pretty probably put quick quickly quite ready really right room round "
        "same sandwiches say "
        "see send serving servings set shall she should sir sister slice slices so somebody someone "
        "something soon sorry "
        "sort start still stuff sub sure sweetheart table take taken taking team tell than thank thanks "
        "that thats their "
        "them there they thing things think this those though thought till today together tomorrow tonight totally "
        "treat try trying two uh uhm um umm under until up us usual usually very wait wanna want wanted "
        "wanting was way "
        "we week weekend well were what whatever when where which while who whole why wife will wish with wonder "
        "wondering work would yeah yep yes yet you your yourself youre ya yo x d ll m re s t ve"
    )
    - words("honey plain sandwiches sub pop tea cardboard doll doozy whole"),
    weak_words=words(
        "and base big black blue classic cold crispy day extra five four free fresh green hot house in large "
        "medium no of on one red side six small special still sweet thin three to two white with plain "
        "regular double "
        "single iced half whole style"
    ),
    declines=any_of(
        "don t (?:add|put|include|give me|want|need)|no need for|do not want|won t have|"
        "rather not have|not have|not want"
    ),
    only=words("only"),
    added=words(""),
    those_with=words(""),
    for_whom=words("for"),
    served_on=words("on in"),
    sparing=frozenset(
        ("easy on", "go easy on", "less", "light on", "not too much", "not much", "not too many", "not many")
    ),
    simple=words("plain bare regular normal ordinary standard"),
    is_head_last=True,
    in_its_place=words("instead rather"),
    takes_it=any_of("(?:i|we) ll (?:take|have|get) (?:it|that|one|some)|give me (?:one|some|that)"),
    lets_go=any_of(
        "never mind|nothing|neither|leave (?:it|that|them)(?: out| off)?|forget (?:it|that|them|about it)|"
        "skip (?:it|that)|(?:go on |fine |okay )?without (?:it|that|them)|don t worry|doesn t matter"
    ),
    restore=any_of("(?:put|add) (?:it|that|them|those|that one) back(?: on| in)?|keep (?:it|that|them) after all"),
    inquiry=any_of(
        "(?:i d like|i would like|i want|i wanted|we d like|just wanted) to (?:know|ask)|"
        "wondering (?:if|whether) (?:you (?:have|had|do|sell|serve)|there)"
    ),
    diet=any_of(rf"{_WHO} (?:m|am|is|are|re|s)(?: a| an| both| all)? (?:vegans?|vegetarians?|pescatarians?)"),
    story=re.compile(
        r"\b(?:i|we) (?:was|were) (?:thinking|going|considering|tempted|looking)\b[^,]*?\bbut\b|"
        r"\bi know (?:it|this|that)\b[^.]*?,? but\b|"
        rf"[^,]*\b(?:last time|{_WHO} (?:recommended|ordered|tried|loved|had) (?:the|a|some|your))\b[^,]*"
    ),
    described=re.compile(
        r"(?:that s|that is|it s|it is|which is|this is) (?:just|basically|simply|made (?:of|with|from)) "
        r"(?!(?:a|an|the|one|two|three|four|for|me|us|it|all|that|my|to|\d+)\b)\w"
    ),
    units=words("euro euros cent cents quid dollar dollars percent minute minutes mins hour hours clock"),
    groups=words("sauce sauces topping toppings dip dips"),
    claims=words(
        "free discount off price manager approved refund coupon voucher promo percent paid zero complimentary"
    ),
    without="no",
    amounts={"light": "light {name}", "extra": "extra {name}", "side": "{name} on the side"},
    taken_off=re.compile(
        r"\b(?:take|leave|cross) (?P<what>(?:the|that|those|my|both) (?:\w+ ){0,2}\w+|"
        r"(?:a|an|one|two|three) (?:\w+ ){0,2}\w+(?= off)|it|them) (?:off|out)\b"
    ),
    of_it=re.compile(
        r"\b(?:(?:i|we) (?:really |actually )?(?:need|want|wanted|meant|d like|would like|"
        r"d prefer|prefer|d rather have)"
        r"(?: to (?:have|get|make|change|switch))? (?:it|that|this|them|those|these|my order|the order|mine)"
        r"(?: to be| to| in(?! (?:a|an|the|my)\b)| so that it s)?|"
        r"(?:it|that|this|they) (?:needs?|has|have|should|must|is supposed|was supposed|were supposed)(?: to)? be|"
        r"(?:can|could|may) (?:i|we)(?: please)? (?:have|get) (?:it|that|this|them|those|these)"
        r"(?: to be| in(?! (?:a|an|the|my)\b))?|"
        r"(?:can|could|would|will) you(?: please)? (?:make|do) (?:it|that|this|them|those|these))"
        r"(?: made)?(?= (?!at|by|for|around|on|to|in|please|now|today|as|too|also|then|deliver|if|because|and|but|or|"
        r"thank|when|back|again|off|out|up|sent|ready|here|there)\w)"
    ),
    made_so="make it",
    of_one=re.compile(
        r"\b(?:for )?(?P<one>one|two|three|one of them|one of those|two of them|the other|"
        r"the other one|the others|the second|the second one|the rest) (?:needs?|should|must|has|have|to)"
        r"(?: to)?(?: be| have| get| come)?(?: made)?(?: with)?(?= \w)"
    ),
    measures=words("shot shots pump pumps dash splash squirt spoon spoonful drop drops sprinkle pinch drizzle"),
    manner=words(
        "degrees degree "
        "hot cold warm lukewarm tepid cool boiling temperature crispy crisp rare done burnt toasted heated reheated "
        "spicy mild salty runny tender chewy"
    ),
    manner_words=words(
        "luke "
        "not too very really extra super nice nicely and a bit quite so slightly more less well piping served room "
        "at just medium be lightly barely"
    ),
    praise=words("a nice nicely really and"),
    hot="hot",
    not_so="not",
    denials=words("isn aren wasn weren don doesn didn shouldn mustn won not never no without"),
    tampering=any_of(
        r"(?:the|your|a|any) (?:price|prices|discount)|discount|percent off|for free|developer mode|"
        r"ignore (?:all|your|the|previous|any)|"
        r"instructions|system prompt|manager (?:said|says|approved)|admin"
    ),
    halves=any_of(
        r"half (?:and half|with|without|of it|on|no)|half \w+(?: \w+){0,2},? (?:and )?(?:the other )?half|and a half|"
        r"on half|one half|the other half|half it|half the pizza"
    ),
    no_allergy=any_of(
        rf"(?:{_WHO} )?(?:(?:m|am|is|are|re|s|have|has|ve|got|do|does) )*"
        r"(?:(?:don|doesn|isn|aren|haven) t(?: have| got)?(?: any)?|"
        r"not(?: have)?(?: any)?|no|without(?: any)?)(?: known| food| other)* (?:allerg(?:y|ies)|(?<!no )allergic)"
        r"(?: to [a-z]+(?: (?:or|and) [a-z]+)?)?"
    ),
    allergy=re.compile(
        rf"(?:{_WHO} )?(?:(?:m|am|is|are|re|s|ve|have|has|got|an?|bad|severe|serious|strong|slight) )*"
        rf"\b(?:tree )?(?P<of>(?!(?:{_NO_ALLERGEN})\b)[a-z]+(?: and (?!(?:{_NO_ALLERGEN})\b)[a-z]+)?) "
        r"(?:allerg(?:y|ies)|intoleran(?:t|ce))\b(?! to\b)|"
        rf"\b{_WHO} (?:(?:m|am|is|are|re|s|an?) )+(?P<are>coeliacs?|celiacs?)\b|"
        rf"\b{_WHO} (?:can t|cannot|can not|mustn t|must not) (?:eat|have|tolerate|digest|drink) (?:any )?"
        rf"(?P<cannot>(?!(?:{_NO_FOOD})\b)[a-z]+(?: (?:and|or) (?!i\b|a\b|the\b)[a-z]+)?)\b|"
        r"(?:i m|i am|we re|we are|(?:my|our|the) \w+(?: \w+)? (?:is|s|are)|he s|she s|he is|she is|"
        r"one of us is|someone is)?"
        r"(?: \w+)? ?\ballerg(?:ic|y|ies)\b(?: to (?:the )?(?P<to>[a-z]+(?:(?: and| or)? (?!so\b|but\b|"
        r"can\b|could\b|i\b|"
        r"and\b|or\b|my\b|our\b|he\b|she\b|please\b|does\b|do\b|is\b|what\b|then\b|we\b)[a-z]+){0,2}))?"
    ),
    insult=any_of(
        r"(?:fuck|screw|damn) (?:you|off|yourself)|shut (?:the \w+ )?up|piss off|go to hell|get lost|bugger off|"
        r"sod off|drop dead|piece of (?:shit|crap|junk)|"
        r"(?:idiot|moron|imbecile|asshole|arsehole|bastard|wanker|dickhead|cunt|motherfucker|scumbag|tosser|bitch|dumbass)(?:s|es)?|"
        r"(?:stupid|useless|dumb|fucking|shitty|crappy|worthless|brainless) (?:\w+ )?(?:machine|robot|computer|bot|ai|"
        r"thing|assistant|system)|you (?:(?:are|re|a|an|so|such|all|really|just) )*(?:stupid|useless|dumb|worthless|"
        r"pathetic|brainless|suck|fucking)"
    ),
    jest=any_of(
        r"(?:a|just|only) (?:joke|prank)|joking|kidding|(?:having|for) a laugh|messing (?:about|around|with you)|"
        r"(?:i|we) don t (?:really |even )?(?:want|need) (?:anything|to order)(?: anything)?"
        r"(?: any ?more| at all| now)?|not (?:going to )?order(?:ing)? (?:anything|today)|wrong number|not interested"
    ),
    yes=any_of(
        "yes|yeah|yep|yup|correct|that s right|that is right|exactly|perfect|sure|absolutely|sounds good|"
        "go ahead|of course|please do|okay|ok|that s fine|all good|that s correct|that is correct|right|it s fine|"
        "that works"
    ),
    no=any_of("no|nope|nah|not really|wrong|incorrect|that s not right"),
    done=any_of(
        "that s (?:all|it|everything)|that is (?:all|it|everything)|that will be (?:all|it)|that ll be (?:all|"
        "it)|nothing (?:else|more)|i m (?:done|good|fine)|no thanks|no thank you|just that|that would be (?:all|"
        "it)|all for now|all done"
    ),
    # Not "bye the way", "a goodbye cake", "don't say goodbye yet".
    goodbye=any_of(
        r"(?<!a )(?<!say )(?<!says )(?:good)?bye"
        r"(?= (?:(?:good)?bye|now|then|for now|thanks|thank you|and|have|see|until|so|to you)\b|$)|"
        r"see you|have a (?:good|nice) (?:day|evening|night|one)"
    ),
    thanks=any_of("thanks|thank you|cheers"),
    please=any_of("please|pls"),
    hello=any_of("hello|hi|hey|good (?:morning|afternoon|evening)"),
    human=any_of(
        r"(?:speak|talk) (?:to|with) (?:a |an |the |some)?\w*\s?(?:human|person|someone|somebody|manager|staff|"
        r"one)|real person|human|put me through|transfer me|the manager|a person|speak to someone"
    ),
    wrong_name=any_of(
        r"name (?:is|s|was) (?:wrong|incorrect|not (?:right|correct))|name isn t (?:right|correct)|wrong name|"
        r"(?:not|isn t) (?:my|the right) name"
    ),
    repeat=any_of(
        "repeat(?: that)?|say (?:that|it) again|pardon|come again|what did you say|say again|i didn t (?:hear|"
        "catch|get) (?:that|you)|one more time"
    ),
    read_back=any_of(
        "what s (?:in )?my order|read (?:it|that|my order|the order) back|what do i have|what have i ordered|"
        "how much (?:is|does) (?:it|that|my order|the order|everything)(?: come to| altogether| in total)?|"
        "what s the total|the total"
    ),
    question=re.compile(
        r"^(?:(?:and|so|hi|hello|um|uh|sorry|excuse me|yes|actually|please) )*(?:how|what|whats|where|which|when|"
        r"who|why|do you|do your|does|is there|is your|is the|is it|is that|are you|are there|are your|are the|"
        r"are dogs|are children|have you got|can you tell|could you tell|can i (?:pay|park|bring|book)|tell me)\b|"
        r"\b(?:allerg\w+|vegan|halal|kosher|parking|park nearby|opening hours|gluten free pizza)\b.*\?"
    ),
    request=any_of(
        r"(?:can|could|would|will) (?:you|we|i) (?:please )?(?:also )?(?:add|change|remove|take|leave|"
        r"make|swap|replace|cancel|put|hold|skip|drop|switch|go|forget|scratch|do|get|have|grab)|"
        r"(?:i|we) (?:can|could|may|might) (?:get|have|order)"
    ),
    order_verb=any_of(
        "i d like|i would like|i ll have|i will have|i ll take|i ll try|i want|"
        "(?:can|could|may) (?:i|we) (?:please |just |also )?(?:have|get|order|take|try|grab)|"
        "give me|get me|we d like|we ll have|i need|(?:i|we) (?:can|could|may|might) (?:get|have|order)|"
        "may i have|to order|let me (?:have|get)|order"
    ),
    allergens=any_of(
        r"allerg\w+|contain|gluten|dairy|nuts|coeliacs?|celiacs?|intolera\w+|(?:is|are) there (?:any )?\w+(?: \w+)? in"
    ),
    contents=any_of("what s (?:in|on)|what is (?:in|on)|what comes|ingredients"),
    hours=any_of("opening hours|open(?:ing)?|close[sd]?|closing|shut|what time are you"),
    special_day=any_of(
        "christmas|new year s?|easter|halloween|bank holidays?|public holidays?|holidays?|january|february|march|april|"
        "june|july|august|september|october|november|december"
    ),
    if_so=any_of("(?:and |then |but )*if (?:so|yes|it is|they are|it does|they do|it s (?:so|ok|okay))(?: then)?"),
    sounds_like={
        "pickup": "pick up|pickup|picking up|collection|collect|take away|take out|carry out",
        "delivery": "delivery|deliver it|delivered",
        "dine_in": "eat in|eating in|dine in",
        "yes": "yes|yeah|yep|yes please",
        "no": "nope|no thanks|no thank you",
    },
    table=any_of("(?:book|reserve) (?:a |the )?table|table for|reservation|booking"),
    placed=any_of(
        r"where(?: is| s) (?:my|our|the) (?:order|food|delivery)|(?:status|news) (?:of|on|about) (?:my|our) "
        r"(?:order|delivery)|(?:is|s) (?:my|our) (?:order|food|delivery)(?: \w+)? ready|"
        r"when (?:is|will|does) (?:my|our) (?:order|food|delivery)|"
        r"how (?:much longer|long)\b.*?(?:my|our) (?:order|food|delivery)|"
        r"(?:i|we) (?:ordered|placed an order|have ordered)\b.*?(?:ago|earlier|before|yesterday)|"
        r"waiting for (?:my|our) (?:order|food|delivery)|(?:check(?: on)?|track) (?:my|our) (?:order|delivery)"
    ),
    change_placed=any_of(
        r"(?:change|modify|amend|alter)\b.*?\b(?:my|our|an|the) order|(?:add|remove)\b.*?\b(?:to|from) (?:my|our) order"
    ),
    cancel_placed=any_of(r"cancel(?:l?ing)? (?:my|our|an|the) (?:order|food|delivery)"),
    everything=any_of(
        "(?:cancel|scratch|delete|remove|forget|drop|clear) (?:everything|(?:the |my )?(?:whole |"
        "entire )?order|it all|all(?: of it)?|the (?:whole )?lot"
        "|the whole thing)|start (?:over|again|from scratch)|forget (?:the whole|"
        "about the whole) (?:thing|order)|never mind the order"
    ),
    all_but=any_of("but|except(?: for)?|apart from|other than|besides"),
    kinds={
        "pickup": any_of(
            "pick(?:ing)? ?up|pick (?:it|them|that) up|collect(?:ion|ing)?|take ?away|take ?out|to go|come (?:and|"
            "to) (?:get|collect|pick)|carry ?out|i ll come|to take away|pickup"
        ),
        "delivery": any_of("deliver(?:y|ed|ing)?|bring it|sent? to my"),
        "dine_in": any_of(
            "eat(?:ing)? in|din(?:e|ing) in|sit(?:ting)? in|"
            r"(?:eat|eating|have|having) (?:(?:it|them|this|that|everything|all|of|both) )*(?:here|there|with you)|"
            r"for here|in the restaurant"
        ),
    },
    name=re.compile(
        r"\b(?:[Mm]y name(?:'s| is)|[Tt]he name(?:'s| is)|[Nn]ame(?:'s| is)|[Ii]t(?:'s| is) for|[Tt]his is|"
        r"[Uu]nder(?: the name)?(?: of)?|[Ii]n the name of|[Tt]hat(?:'s| is) for|[Ii](?:'m| am)|[Cc]all me|"
        r"[Ff]or) (?P<name>[A-Z][\w'-]+(?: [A-Z][\w'-]+)?)"
    ),
    name_answer=re.compile(
        r"^\W*(?:(?:yes|yeah|uh|um|er|so|well|okay|ok|sure|please|it's|its|it is|that's|that is|for|under|"
        r"the name is|the name|my name is|name is|i'm|i am|this is|call me|"
        r"put|no|just)\b[\s,]*)*(?P<name>[^\d?!.,]{1,40}?)(?:,? (?:please|thanks|thank you))?[\s.!,]*$",
        re.IGNORECASE,
    ),
    address=re.compile(
        r"^(?:.*?\b(?:deliver(?:ed|y)?(?: it| that)?(?:,? please)?,? (?:to|at)|address is|live (?:at|in)|"
        r"send it to)|\W*(?:(?:yes|uh|um|sure|okay|it's|it is|that's|to|at|"
        r"my)\b[\s,]*)*)\s*(?P<address>.+?)[\s.,!]*$",
        re.IGNORECASE,
    ),
    street=re.compile(
        r"(?:\b(?:deliver(?:y|ed)?|send it|bring it|ship it)\b[^.!?\d]{0,30}?\b(?:to|at)\s+)?"
        r"\b(?:flat \w+,? |apartment \w+,? )?(?P<address>\d+[a-zA-Z]?,? (?:[A-Z][\w'’-]*\.? ){1,4}"
        r"(?:[Ss]treet|[Rr]oad|[Aa]venue|[Ll]ane|[Dd]rive|[Cc]ourt|[Pp]lace|[Ss]quare|[Tt]errace|[Pp]ark|"
        r"[Cc]lose|[Qq]uay|[Pp]ier|"
        r"[Ww]ay|[Cc]rescent|[Hh]ill|[Gg]rove|[Gg]ardens|[Rr]d|[Ss]t|[Aa]ve|[Ss]trand|[Rr]ow)\b\.?"
        r"(?:,? (?:in )?(?:(?!and\b|for\b|please\b)[A-Z]\w*(?: \d{1,2}\b)?|\d{5}|[A-Z]\d\d?\b)){0,3})"
    ),
    days={
        "today": "today",
        "tomorrow": "tomorrow",
        "tonight": "today",
        "monday": "monday",
        "tuesday": "tuesday",
        "wednesday": "wednesday",
        "thursday": "thursday",
        "friday": "friday",
        "saturday": "saturday",
        "sunday": "sunday",
    },
)
