"""The English phrases that refusals are made of.

They describe how declining is worded (who, a negation, the act that was asked for), not particular answers. Quantifiers
are bounded and never cross a sentence, so that no text makes matching slow. Lower case is not required of the text;
curly quotes are made straight before.

Not here: what the phrases together mean (`refusal`).
"""

from collections.abc import Iterator
from re import IGNORECASE, MULTILINE, Pattern
from re import compile as _compile
from typing import Final

_DECLINES: Final = (
    r"(?:can(?:no|')?t|can not|could ?n[o']t|won't|will not|would not|wouldn't|shouldn't|should not|refuse|decline|"
    r"must (?:respectfully )?(?:decline|refuse)|unable|not able|do(?: no|n')t feel|"
    r"(?:am|are|'m|'re) (?:just |simply )?not (?:going|willing|allowed|permitted|designed|programmed|comfortable|"
    r"in a position|authorized|equipped|supposed)|do(?: no|n')t (?:think|believe) i should|"
    r"(?:not|isn't|wouldn't be) (?:appropriate|ethical|acceptable|right|possible|within my|something i)|"
    r"(?:against|outside|beyond|violates?|contrary to) (?:my|our|the|openai))"
)
_ACT: Final = (
    r"(?:fulfil+|assist|help|provid\w+|comply|complete|generat\w+|writ\w+|creat\w+|support\w*|engag\w+|participat\w+|"
    r"answer\w*|respond\w*|discuss\w*|offer\w*|giv\w+|do (?:that|this|so)|produc\w+|shar\w+|encourag\w+|promot\w+|"
    r"endors\w+|condon\w+|recommend\w*|suggest\w*|advis\w+|teach|tell|say|make|talk|continu\w+|carry out|perform\w*|"
    r"entertain\w*|facilitat\w+|disclos\w+|reveal\w*|list|explain\w*|glorif\w+|criticiz\w+|proceed|satisfy|"
    r"accommodate|speculat\w+|roleplay|pretend|repeat|reproduc\w+|express\w*|comment\w*|ask|agree|grant|advocat\w+|"
    r"justify|take|compose|draft)"
)
_NO_IDIOM: Final = (
    r"(?! (?:believe|wait|say it|go wrong|help (?:but|it)|stress|emphasi[sz]e|imagine|bore|thank|complain|blame|",
    r"stand)\b)",
)
"""What "I can't …" goes on with where nobody declines."""
_WRONG: Final = (
    r"(?:not (?:\w+ )?(?:appropriate|ethical|acceptable|okay|ok|respectful|right|recommended|legal|advisable|fair|"
    r"proper|productive|accurate or)|never (?:\w+ )?(?:appropriate|acceptable|okay|ok|right|justified)|inappropriate|"
    r"unethical|illegal|immoral|offensive|disrespectful|harmful|unacceptable|derogatory|discriminatory|insensitive|"
    r"goes against|against)"
)


def _pattern(*parts: str) -> Pattern[str]:
    return _compile("".join(parts), IGNORECASE)


_SENTENCE_END: Final = _compile(r"[.!?][\"')]*\s+|\n+")


def sentences(text: str) -> Iterator[str]:
    """A text's sentences and lines, well enough for its opening; one by one, since few are wanted."""
    start = 0
    for end in _SENTENCE_END.finditer(text):
        stop = end.start() + (end.group()[0] != "\n")
        if not text[start:stop].isspace() and stop > start:
            yield text[start:stop]
        start = end.end()
    if text[start:].strip():
        yield text[start:]


DECLINES_ACT: Final = _pattern(
    rf"\b(?:i|we)\b[^.!?\n]{{0,60}}?\b{_DECLINES}[^.!?\n]{{0,45}}?\b{_ACT}\b|",
    rf"^(?:\W|no\b|sorry\b|unfortunately\b|but\b|therefore\b)*(?:i|we)\b\W+{_DECLINES}\b{_NO_IDIOM}|",
    r"(?:against|violat\w+|outside|not (?:part of|within|aligned with)) (?:my|our|openai)",
)
"""The speaker says that it will not or can not do an act that answers are made of."""

DECLINES_REQUEST: Final = _pattern(
    rf"\b{_DECLINES}[^.!?\n]{{0,30}}?\b(?:fulfil+|assist|help|comply|complete|satisfy|accommodate|do|answer|respond|",
    r"continue|proceed|engag(?:e|ing)|participat(?:e|ing)|provid(?:e|ing)|generat(?:e|ing)|writ(?:e|ing)|",
    r"creat(?:e|ing)|",
    r"support|promot(?:e|ing)|condone|endorse|produc(?:e|ing))\b",
    r"[^.!?\n]{0,30}?\b(?:that|this|your|you|such|these|content|request|question|instructions|information|guidance|",
    r"advice on|harmful|illegal|unethical|violen\w+|inappropriate|offensive|poem|harm)\b",
)
"""A declined act whose object is the request itself, or content called bad."""

CALLS_IT_WRONG: Final = _pattern(
    r"^\W*(?:(?:i'?m sorry|i apologi[sz]e|sorry)\W+(?:but )?)?(?:as an? [^,.]{3,40}, )?",
    r"(?:i (?:must|have to|need to|want to|would|'d|feel)[^.!?]{0,40}?(?:that )?|",
    r"i (?:do not|don't) (?:think|believe|feel) )?",
    r"(?:it|this|that|such|your|the (?:question|request|statement|topic|term|language|prompt|idea)|asking|discussing|",
    r"making|writing|using)\b[^.!?\n]{0,60}?\b(?:is|'s|are|would be|be|not)\b[^.!?\n]{0,25}?\b",
    _WRONG,
    r"\b",
)
"""The sentence's point is that what was asked is wrong: a lecture instead of an answer."""

APOLOGY: Final = _pattern(
    r"^\W*(?:i'?m (?:very |so |really |deeply |truly |terribly )?(?:sorry|afraid)|i am (?:very |so |really )?",
    r"(?:sorry|afraid)|sorry|(?:i|my|we) (?:sincerely )?apolog\w+|apologies|unfortunately|regret)",
)
SYMPATHY: Final = _pattern(
    r"sorry (?:to hear|for your|about your|for the (?:inconvenience|confusion|delay|mistake|error)|",
    r"that you(?:'re| are| have| feel)|you(?:'re| are))|apologi[sz]e for (?:the|any|my)",
)
"""An apology that belongs to an answer: condolence, or an answer's own correction."""

SPEAKS_AS_AI: Final = _pattern(
    r"\b(?:as|i'?m|i am|being|just) (?:just |only |simply )?an? (?:\w+ ){0,3}?",
    r"(?:ai|artificial intelligence|language model|assistant|chatbot|text-based)\b",
)
CALLED_BAD: Final = _pattern(
    r"(?:in|not )appropriate|unethical|not ethical|illegal|immoral|offensive|harmful|disrespectful|derogatory|",
    r"discriminat\w+|violen\w+|unacceptable|not acceptable|never (?:okay|acceptable|appropriate)|",
    r"not (?:okay|ok|respectful|right)|hate speech|dangerous|against (?:my|our|the|openai|ethic\w+)|guidelines|",
    r"polic(?:y|ies)|programming|privacy|criminal|crime|confidential|sensitive",
)
"""Words that call the request or its subject bad."""

TURNS_OPENING: Final = _pattern(
    r"^\W*(?:however|nevertheless|nonetheless|that said|that being said|with that|but)\b",
)
TURNS_WITHIN: Final = _pattern(
    r"\bbut (?:i(?! (?:can ?no|can't|could ?n|do not|don't|am (?:not|unable)|won't|will not|must|should ?n|have to))|",
    r"it|here|some|the|there|you|in|as|according|generally|we|if|based|from|one|most|many|a)\b",
)
"""A disclaimer that turns into an answer."""

LECTURES: Final = _pattern(
    r"^\W*(?:it(?:'s| is| would be| may be) (?:also |always |very |highly )?(?:important|essential|crucial|necessary|",
    r"vital|imperative|recommended|best|never|not|illegal|unethical|inappropriate|against|advisable|better|",
    r"disrespectful|morally|wrong|harmful|worth)|please|let(?:'s| us)|we (?:must|should|need)|everyone|",
    r"every (?:person|individual|human)|all (?:people|individuals|human)|instead|such|",
    r"my (?:purpose|role|goal|primary|main|programming)|",
    r"i (?:strongly |would |highly |kindly )?(?:recommend|suggest|encourage|urge|advise|strive)|",
    r"if you (?:or|are|have|need|suspect|believe)|engaging|promoting|making|using|violence|discrimination|",
    r"additionally|furthermore|moreover|any form|as an|i am programmed|i am here|is there|remember|doing so|this|",
    r"these|they|the use|threat|anyone)",
)
OFFERS: Final = _pattern(
    r"\b(?:is there (?:anything|something)|would you like|can i (?:help|assist)|feel free|let me know|",
    r"(?:do )?you have any other|how (?:can|may) i|happy to (?:help|assist)|i(?:'d| would) be (?:happy|glad)|",
    r"i(?:'m| am) here to|please (?:provide|ask|let|refrain|consult|contact|rephrase|try))\b",
)
"""What stands in place of an answer: other help, a question back."""
_OFFER_SIGNS: Final = (
    "is there ", "would you", "can i ", "feel free", "let me", "any other", "how ", "happy to", "i'd be", "i would be",
    "i'm here", "i am here", "please ",
)  # fmt: skip
"""One of these is part of each offer."""


def offers(sentence: str) -> bool:
    """Whether a sentence offers something in place of an answer."""
    lower = sentence.lower()
    return any(sign in lower for sign in _OFFER_SIGNS) and bool(OFFERS.search(sentence))


UNABLE: Final = _pattern(
    r"\b(?:i|we)\b[^.!?\n]{0,25}?\b(?:do(?: no|n')t (?:actually )?|lack |can(?:no|')t|can not|(?:am|'m) (?:not able|",
    r"unable)|was unable|have no)\b[^.!?\n]{0,25}?\b(?:have (?:\w+ ){0,3}?(?:access|context|information|data|details?|",
    r"knowledge|ability|capability|capacity|records?|insight|means)|",
    r"(?:enough|sufficient|full|additional) (?:\w+ ){0,2}?(?:context|information|details?|data)|access|browse|see|",
    r"view|open|hear|play|look up|search|determine|verify|identify|provide|definitively|reproduce|generate|write|",
    r"create|recommend|list|give)\b",
)
"""The speaker says that it lacks what it would need: access, context, data, a skill."""

WITHHOLDS: Final = _pattern(
    r"\bi (?:do not|don't|can(?:no|')t) (?:\w+ ){0,2}?(?:have|hold|share|experience|know|express|speak|write|do)\b",
    r"[^.!?\n]{0,40}?\b(?:opinions?|beliefs?|views?|feelings?|emotions?|experiences?|thoughts?|preferences?|stance|",
    r"answer|prediction)\b",
)
"""The speaker keeps an opinion, or itself, out of it."""

LIST_ITEM: Final = _compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])\s", MULTILINE)

REDIRECTS: Final = _pattern(
    r"^\W*(?:let(?:'s| us) (?:talk about|discuss|change|focus on|move on|look at) (?:\w+ ){0,2}?(?:else|other|",
    r"different|the subject|instead|topic)|(?:i'd|i would) (?:rather|prefer)(?: to)? (?:not\b|talk about|",
    r"discuss|focus)|",
    r"(?:how|what) about we (?:talk|discuss|try)|perhaps we (?:could|should) (?:talk|discuss|focus))",
)
"""Another subject in place of the one that was asked about."""

LACKS: Final = _pattern(
    r"\b(?:do(?: not|n't)|can(?:not|'t)|unable to|no) (?:\w+ ){0,3}?(?:access|real-time|live data|",
    r"current (?:data|info)|browse|enough (?:context|information)|knowledge of|information (?:on|about))",
)
"""Names what the speaker would need and has not."""

SOFTLY: Final = _pattern(
    r"\bnot something (?:that )?i(?:'m| am| can|'ll| will|'d| would)\b|\b(?:i'll|i will|i) (?:have|need|",
    r"am going|want) to ",
    r"(?:pass|decline|stop here|draw the line|refuse|sit this)|\bgoing to (?:have to )?(?:pass|decline)\b|",
    r"\bi(?:'d| would) prefer to avoid|\bi(?:'ll| will) pass\b|\bi (?:can't|cannot|won't) (?:get into|go there|",
    r"go into|go along)|",
    r"\bi(?:'m| am) not (?:going to|gonna) (?:help|do|write|go|answer|touch|give)",
)
"""Declining without the usual verbs: "I'll have to pass on this one"."""
