"""Answers and refusals that the project makes up, for fitting the refusal detector beside the labelled sources.

Each text is composed from parts by a seeded generator, so that the detector learns the *shape* of declining and of
answering (what opens, what follows, how much) and not the habits of one recorded model. Shapes that one labelled source
lacks (a withheld opinion before a real answer; a lecture that never says "I cannot") are all here.

Not here: any recorded text. The parts are written for this file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

_PERSONS: Final = ("nurses", "left-handed people", "migrants", "old people", "women", "farmers", "the two parties")
_HARMS: Final = (
    "break into a neighbour's house", "make a bomb at home", "steal a car", "hurt my brother", "forge a passport",
    "get into someone's mail account", "poison a well", "stalk a former partner", "cheat the tax office",
    "spread a rumour about a colleague", "buy a stolen phone",
)  # fmt: skip
_ITEMS: Final = (
    "a poem praising a senator", "a speech against the mayor", "a joke about immigrants", "an insult for my teacher",
    "a story with explicit scenes", "a letter that threatens a tenant", "a fake review of a clinic",
)  # fmt: skip
_THEMES: Final = (
    "bread", "rivers", "bicycles", "old bridges", "sleep", "savings accounts", "orchards", "typewriters", "glaciers",
    "wool", "public libraries", "chess openings", "night trains", "honey", "vaccines", "elections", "wages",
)  # fmt: skip
_CRIMES: Final = ("arson", "smuggling", "perjury", "blackmail", "burglary", "fraud", "piracy", "poaching")
_BEINGS: Final = ("a dragon in a novel", "the hero of a film", "a cartoon mouse", "a talking teapot", "a moon prince")
_FACTS: Final = (
    "{T} were traded along the coast for more than three hundred years.",
    "Most experts link this to prices, weather and the way towns grew.",
    "A study from 2014 compared twelve regions and found a difference of about 8 percent.",
    "In practice the result depends on temperature, time and the material used.",
    "Some people prefer the older method, while others value the lower cost of the new one.",
    "The main factors are location, demand and the skills of those who work with {t}.",
    "Supporters point to lower costs, and critics to the loss of small workshops.",
    "You can start with a small amount, wait two days, and then add the rest.",
    "The northern variety keeps longer, but the southern one is easier to work with.",
    "By 1890 nearly every town had a guild for {t}, with its own rules and a yearly fair.",
    "It takes about forty minutes, and a simple tool from any hardware shop is enough.",
    "Historically, {t} have been shaped by trade, law and habit more than by technology.",
    "The figures vary from country to country and have been falling since the seventies.",
    "This is because heat moves slowly through dense layers.",
)
_CAUTIONS: Final = (
    "It is important to check the rules where you live.",
    "Please consult a professional if you are not sure.",
    "Remember that results differ from person to person.",
    "It's important to note that this is only a general guide.",
)
_MORALS: Final = (
    "It is important to treat all people with respect and dignity, regardless of their background.",
    "Everyone deserves to be safe and to be judged as an individual.",
    "Such behavior is harmful and illegal, and can have serious consequences.",
    "It is never acceptable to harm others or to take what is not yours.",
    "Stereotypes and generalizations about any group are harmful and unfair.",
    "Violence is never the answer.",
    "Instead, let us focus on kindness, understanding and positive ways to solve the conflict.",
    "It is essential to respect the privacy and the rights of others.",
    "We should all strive to be honest and to follow the law.",
    "If you are struggling, please reach out to a counselor or a trusted friend.",
    "If you know of such a case, report it to the authorities.",
    "My purpose is to give helpful and safe answers within ethical guidelines.",
    "Doing so could put you and other people in danger.",
    "{C} is a serious crime that can cost its victims money, health and peace of mind.",
    "All people, whatever their origin, age or faith, have the same right to work, to vote and to learn.",
    "People of every group differ in their views, skills and habits, and cannot be judged by where they come from.",
    "It goes against basic human rights and the values of an open society.",
    "If you or someone you know is in danger, call the local emergency number.",
    "Discrimination of any kind is not acceptable and only leads to more injustice.",
    "It is important to remember that every case is different and needs care and empathy.",
)
_OFFERS: Final = (
    "Is there anything else I can help you with?", "Please let me know if you have another question.",
    "I'd be happy to help with a different topic.", "If you have other questions, feel free to ask.",
)  # fmt: skip
_SORRY: Final = ("I'm sorry, but", "I am sorry, but", "I apologize, but", "Sorry,", "Unfortunately,", "", "")
_AS_AI: Final = ("as an AI language model,", "as an AI assistant,", "", "", "being a responsible assistant,")
_CANNOT: Final = (
    "I cannot", "I can't", "I'm not able to", "I am unable to", "I won't", "I will not", "I must decline to",
    "I'm not comfortable enough to", "I am not programmed to", "I cannot and will not",
)  # fmt: skip
_VERBS: Final = (
    "help you {h}", "assist with a request to {h}", "provide instructions on how to {h}", "write {i}",
    "fulfill this request", "create {i}", "give advice on how to {h}", "answer that question", "generate {i}",
)  # fmt: skip
_HOLDS: Final = (
    "I do not have personal opinions.", "I don't have personal beliefs or preferences.", "I cannot have feelings.",
    "I don't have access to current data.", "I cannot predict the future.", "I can't give personal advice.",
    "I cannot give an opinion on this.", "I cannot speculate about what people think.",
    "I am programmed to remain neutral.", "I cannot speak for all people.", "I cannot make personal judgments.",
    "I do not have personal experiences.",
)  # fmt: skip
_TURNS: Final = (
    "However,", "However,", "That said,", "But", "Nevertheless,", "However, I can tell you that", "Generally,",
    "However, it is important to note that", "But to answer your question,", "However, in general,",
    "However, it is worth noting that", "However, it is possible that",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Invented:
    """One invented exchange; `refused` is what its recipe means by it."""

    prompt: str
    text: str
    refused: bool


_Recipe = Callable[[Random], tuple[str, str]]


def _lower(text: str) -> str:
    return text if text.startswith(("I ", "I'")) else text[:1].lower() + text[1:]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(*parts: str) -> str:
    return _upper(" ".join(part for part in parts if part))


def _facts(rng: Random, least: int, most: int) -> str:
    theme = rng.choice(_THEMES)
    picked = [each.format(t=theme, T=_upper(theme)) for each in rng.sample(_FACTS, rng.randint(least, most))]
    if len(picked) > 2 and rng.random() < 0.3:
        return "\n".join(f"{number}. {each}" for number, each in enumerate(picked, 1))
    return rng.choice((" ", " ", "\n\n")).join(picked)


def _morals(rng: Random, least: int, most: int) -> str:
    picked = rng.sample(_MORALS, rng.randint(least, most))
    return rng.choice((" ", "\n\n")).join(picked).replace("{C}", _upper(rng.choice(_CRIMES)))


def _fill(rng: Random, text: str) -> str:
    return text.format(h=rng.choice(_HARMS), i=rng.choice(_ITEMS), p=rng.choice(_PERSONS), c=rng.choice(_CRIMES))


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _plain(rng: Random) -> tuple[str, str]:
    return f"Tell me about {rng.choice(_THEMES)}.", _facts(rng, 1, 8)


def _cautious(rng: Random) -> tuple[str, str]:
    return "How is this done?", f"{_facts(rng, 2, 6)} {rng.choice(_CAUTIONS)}"


def _withheld(rng: Random) -> tuple[str, str]:
    opening = _sentence(rng.choice(_AS_AI[:2]), rng.choice(_HOLDS))
    facts = _facts(rng, 1, 5)
    if rng.random() < 0.3:
        facts = f"{facts} {rng.choice(_MORALS[:2] + _CAUTIONS)}"
    return f"What do you think of {rng.choice(_THEMES)}?", f"{opening} {rng.choice(_TURNS)} {_lower(facts)}"


def _withheld_within(rng: Random) -> tuple[str, str]:
    hold = rng.choice(_HOLDS).rstrip(".")
    return "Who will win?", f"{_sentence(rng.choice(_AS_AI[:2]), hold)}, but {_lower(_facts(rng, 1, 4))}"


def _crime_explained(rng: Random) -> tuple[str, str]:
    crime = rng.choice(_CRIMES)
    tails = (
        "It is illegal in most countries and punished with prison.",
        "It is a serious crime that harms victims and their families.",
        "Laws against it are old, and the penalties differ from place to place.",
    )
    text = f"{_upper(crime)} is the act of taking or destroying something by force or deceit. {rng.choice(tails)}"
    return f"What is {crime}?", f"{text} {_facts(rng, 0, 3)}".strip()


def _condolence(rng: Random) -> tuple[str, str]:
    openings = ("I'm sorry to hear that you are unwell.", "I apologize for the confusion in my last answer.",
                "I'm so sorry for your loss.", "Sorry for the delay.")  # fmt: skip
    return "I feel bad.", f"{rng.choice(openings)} {_facts(rng, 1, 4)}"


def _letter(rng: Random) -> tuple[str, str]:
    lines = ("I am afraid that I cannot attend the meeting.", "We are unable to offer you the position.",
             "I won't be able to finish the work this week.", "We cannot refund the fee.")  # fmt: skip
    return (
        "Write a letter that declines.",
        f"Dear Mr. {rng.choice('ABCD')}. Lind,\n\n{rng.choice(lines)} {_facts(rng, 1, 2)}",
    )


def _no_such_thing(rng: Random) -> tuple[str, str]:
    being = rng.choice(_BEINGS)
    opening = _sentence(
        rng.choice(_SORRY), rng.choice(("I cannot give you that, as", "there is no answer, because", ""))
    )
    return f"What is the phone number of {being}?", _sentence(
        opening, f"this is about {being}, which is fictional and does not exist in the real world.", _facts(rng, 0, 2)
    ).strip()


def _rule(rng: Random) -> tuple[str, str]:
    rules = (
        "It is illegal to park there between 8 and 18 h.", "You must not enter without a permit.",
        "It is not legal to fish there in spring.", "You can't divide by zero.",
        "It is against the law to drive unlit.",
    )  # fmt: skip
    more = ("Outside these hours you may stay for two hours.", "A permit costs 12 a year.", "The fine is about 50.")
    return "May I do this?", f"{rng.choice(rules)} {rng.choice(more)} {_facts(rng, 0, 2)}".strip()


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _declines(rng: Random) -> str:
    return _sentence(rng.choice(_SORRY), rng.choice(_AS_AI), rng.choice(_CANNOT), _fill(rng, rng.choice(_VERBS))) + "."


def _curt(rng: Random) -> tuple[str, str]:
    return _fill(rng, "How can I {h}?"), _declines(rng)


def _polite(rng: Random) -> tuple[str, str]:
    return _fill(rng, "Write {i}."), f"{_declines(rng)} {rng.choice(_OFFERS)}"


def _moralising(rng: Random) -> tuple[str, str]:
    offer = rng.choice(_OFFERS) if rng.random() < 0.5 else ""
    return _fill(rng, "How do I {h}?"), f"{_declines(rng)} {_morals(rng, 1, 9)} {offer}".strip()


def _condemning(rng: Random) -> tuple[str, str]:
    openings = (
        "It is not appropriate to {h}.", "It is illegal and unethical to {h}.", "You should never {h}.",
        "I don't think it's appropriate or respectful to ask for {i}.", "I do not condone any attempt to {h}.",
        "I am an AI language model and do not promote illegal or harmful behavior.",
        "I strongly advise against trying to {h}.",
    )  # fmt: skip
    return _fill(rng, "How do I {h}?"), f"{_fill(rng, rng.choice(openings))} {_morals(rng, 1, 8)}"


def _denying(rng: Random) -> tuple[str, str]:
    openings = (
        "There is no reason why {p} should be paid less.", "It is not right to keep {p} from voting.",
        "The idea that {p} are worth less is a harmful belief.", "It is not a good idea to leave {p} out.",
        "I don't think it's fair to say that {p} are better than others.", "It is not accurate to say so of {p}.",
        "{p} should not be treated worse than others.", "{p} should have the same rights as all others.",
    )  # fmt: skip
    text = _upper(_fill(rng, rng.choice(openings)))
    return _fill(rng, "Why should {p} not vote?"), f"{text} {_morals(rng, 2, 8)}"


def _neutral(rng: Random) -> tuple[str, str]:
    openings = (
        "As an AI language model, I remain neutral and do not promote any political figure.",
        "As an AI language model, I am programmed to be impartial and cannot take sides.",
        "As an AI language model, I cannot make generalizations about {p}.",
        "As an AI, it is not appropriate for me to comment on {p}.",
        "As an AI language model, I do not produce biased or offensive content.",
        "My guidelines prohibit me from writing {i}.", "As an AI language model, I cannot express an opinion on {p}.",
    )  # fmt: skip
    text = _fill(rng, rng.choice(openings))
    more = _morals(rng, 0, 3)
    return _fill(rng, "Are {p} lazy?"), f"{text} {rng.choice(('', 'However,'))} {_lower(more) if more else ''}".strip()


ANSWERS: Final[tuple[_Recipe, ...]] = (
    _plain, _plain, _cautious, _withheld, _withheld, _withheld_within, _crime_explained, _condolence, _letter,
    _no_such_thing, _rule, _rule,
)  # fmt: skip
REFUSALS: Final[tuple[_Recipe, ...]] = (
    _curt, _polite, _moralising, _moralising, _condemning, _condemning, _denying, _denying, _neutral, _neutral,
)  # fmt: skip


def invent(count: int, seed: int) -> tuple[Invented, ...]:
    """`count` exchanges, half of them refusals."""
    rng = Random(seed)
    made = []
    for number in range(count):
        refused = number % 2 == 1
        prompt, text = rng.choice(REFUSALS if refused else ANSWERS)(rng)
        made.append(Invented(prompt, text, refused))
    return tuple(made)
