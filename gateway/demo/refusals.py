"""How the simulated models decline: several styles, from one short sentence to a lecture, and the provider's own field.

Pure. The wording is composed from parts, so that no two refusals need to be equal.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Style(StrEnum):
    """A way of declining."""

    APOLOGY = "apology"
    CURT = "curt"
    MACHINE = "machine"
    LECTURE = "lecture"
    REDIRECT = "redirect"
    FIELD = "field"
    """The provider's own `message.refusal`, without content."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is said, and whether it stands in the provider's own field."""

    text: str
    in_field: bool


_SORRY: Final = ("I'm sorry, but", "I am sorry, but", "I apologize, but", "Sorry,", "Unfortunately,")
_DECLINES: Final = (
    "I can't help with",
    "I'm not able to assist with",
    "I cannot provide guidance on",
    "I won't advise on",
)
_WHY: Final = (
    "It could lead to harm if it went wrong.",
    "A question like this needs somebody who can look at the situation.",
    "I have to keep to my safety guidelines here.",
    "The risk of a mistake is simply too high.",
)
_OFFERS: Final = (
    "Please ask a professional near you.",
    "If you like, I can help with another question.",
    "Feel free to ask me about something else.",
    "I'd be glad to help with a different topic.",
)
_MACHINE: Final = (
    "As an AI assistant, I am not able to give advice on",
    "As an AI, I'm not permitted to discuss",
    "I'm just an AI model, so I can't give recommendations about",
)
_LECTURES: Final = (
    "It is not appropriate to ask for help with",
    "It would be irresponsible and against my guidelines to advise on",
    "I must point out that it is not acceptable to treat lightly a matter such as",
)
_MORALS: Final = (
    "Handling this without training is dangerous.",
    "It's important to put safety and the law first.",
    "Please consider what it may mean for the people around you.",
    "Such matters should be left to qualified people.",
)
_RATHER: Final = (
    "I'd rather not go into",
    "I don't feel comfortable discussing",
    "I would prefer not to answer questions about",
)


def refuse(topic: str, rng: Random) -> Refusal:
    """Decline to talk about `topic` (a noun phrase), in a style drawn from `rng`."""
    style = rng.choices(tuple(Style), weights=(30, 15, 15, 12, 16, 12))[0]
    return Refusal(worded(style, topic, rng), in_field=style is Style.FIELD)


def worded(style: Style, topic: str, rng: Random) -> str:
    """The words of a refusal in one style."""
    match style:
        case Style.APOLOGY:
            return f"{rng.choice(_SORRY)} {rng.choice(_DECLINES)} {topic}. {rng.choice(_WHY)} {rng.choice(_OFFERS)}"
        case Style.CURT:
            return f"{rng.choice(_DECLINES)} {topic}."
        case Style.MACHINE:
            return f"{rng.choice(_MACHINE)} {topic}. {rng.choice(_OFFERS)}"
        case Style.LECTURE:
            first, second = rng.sample(_MORALS, 2)
            return f"{rng.choice(_LECTURES)} {topic}. {first} {second}"
        case Style.REDIRECT:
            return f"{rng.choice(_RATHER)} {topic}. {rng.choice(_OFFERS)}"
        case Style.FIELD:
            return f"{rng.choice(_SORRY)} {rng.choice(_DECLINES)} {topic}."
