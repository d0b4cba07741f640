"""What English-speaking callers say."""

from __future__ import annotations

import re

from devstack.speech.lexicon.model import Lexicon, any_of, words
from domain.number_words import ENGLISH_SMALL

ENGLISH = Lexicon(
    numbers={
        "zero": 0,
        **ENGLISH_SMALL,
        "twenty": 20,
        "couple": 2,
        "pair": 2,
        "dozen": 12,
    },
    homophones={"to": 2, "too": 2, "for": 4},
    articles=words("a an another my some that the this"),
    fillers=words(
        "bottle bottles can cans glass glasses more of order orders pizza pizzas plate portion portions side "
        "sides slice x"
    ),
    with_words=words("add added extra on plus topped with"),
    without_words=words("hold minus no remove without"),
    without="no",
    joiners=words("a also and of or please some the then"),
    weak_words=words(
        "a and base big black blue classic cold crispy day extra five four free fresh green hot house in large "
        "medium no of on one pizza red side six small special still sweet the thin three to two white with"
    ),
    yes=any_of(
        "yes|yeah|yep|yup|correct|that s right|that is right|exactly|perfect|sure|absolutely|sounds good|"
        "go ahead|of course|please do|okay|ok|that s fine|all good|that s correct|that is correct|right"
    ),
    no=any_of("no|nope|nah|not really|wrong|incorrect|that s not right"),
    done=any_of(
        "that s (?:all|it|everything)|that is (?:all|it|everything)|that will be (?:all|it)|that ll be (?:all|"
        "it)|nothing (?:else|more)|i m (?:done|good|fine)|no thanks|no thank you|just that|that would be (?:all|"
        "it)|all for now|all done"
    ),
    goodbye=any_of("bye|goodbye|bye bye|see you|have a (?:good|nice) (?:day|evening|night|one)"),
    thanks=any_of("thanks|thank you|cheers"),
    hello=any_of("hello|hi|hey|good (?:morning|afternoon|evening)"),
    human=any_of(
        r"(?:speak|talk) (?:to|with) (?:a |an |the |some)?\w*\s?(?:human|person|someone|somebody|manager|staff|"
        r"one)|real person|human|put me through|transfer me|the manager|a person|speak to someone"
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
    order_verb=any_of(
        "i d like|i would like|i ll have|i will have|i ll take|i want|can i (?:have|get|order|take)|"
        "could i (?:have|get|order)|could we have|can we (?:have|get)|give me|get me|we d like|we ll have|i need|"
        "may i have|to order|let me (?:have|get)|order"
    ),
    allergens=any_of(r"allerg\w+|contain|gluten|dairy|nuts"),
    contents=any_of("what s (?:in|on)|what is (?:in|on)|what comes|ingredients"),
    hours=any_of("opening hours|open(?:ing)?|close[sd]?|closing|what time are you"),
    table=any_of("(?:book|reserve) (?:a |the )?table|table for|reservation|booking"),
    correction=any_of(
        "make (?:that|it|this|them|those)|i mean|i meant|no sorry|sorry no|no wait|wait no|rather|scratch that|"
        "change (?:that|it) to|on second thoughts?|correction|actually no"
    ),
    change=any_of("change|replace|swap|switch|make|turn"),
    into=any_of("to|with|for|by|into"),
    instead=any_of("instead|in place|rather than"),
    remove=any_of(
        "remove|take (?:off|out|away)|cancel|delete|drop|forget|scratch|get rid of|leave out|i don t want|"
        "don t want|without|skip|no longer want|take the"
    ),
    negated=re.compile(r"\bno(?: more| the)?$"),
    everything=any_of(
        "cancel (?:everything|the order|my order|it all|all)|start (?:over|again|from scratch)|forget everything"
    ),
    the_last=any_of("that|it|that one|this one|the last one|the last item|last one"),
    another=any_of("another one|one more|and another"),
    kinds={
        "pickup": any_of(
            "pick(?:ing)? ?up|pick (?:it|them|that) up|collect(?:ion|ing)?|take ?away|take ?out|to go|come (?:and|"
            "to) (?:get|collect|pick)|carry ?out|i ll come|to take away|pickup"
        ),
        "delivery": any_of("deliver(?:y|ed|ing)?|bring it|sent? to my"),
        "dine_in": any_of(
            "eat(?:ing)? in|din(?:e|ing) in|sit(?:ting)? in|eat (?:it )?(?:here|there)|in the restaurant"
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
        r"put)\b[\s,]*)*(?P<name>[^\d?!.,]{2,40}?)(?:,? (?:please|thanks|thank you))?[\s.!,]*$",
        re.IGNORECASE,
    ),
    address=re.compile(
        r"^(?:.*?\b(?:deliver(?:ed|y)?(?: it| that)?(?:,? please)?,? (?:to|at)|address is|live (?:at|in)|"
        r"send it to)|\W*(?:(?:yes|uh|um|sure|okay|it's|it is|that's|to|at|"
        r"my)\b[\s,]*)*)\s*(?P<address>.+?)[\s.,!]*$",
        re.IGNORECASE,
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
