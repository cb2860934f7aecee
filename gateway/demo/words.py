"""Invented names and facts that everything in the demo talks about. Pure: the same seed gives the same world.

Facts are derived from the names by hashing, so every simulated model knows them without a shared table, and no text is
taken from anywhere.
"""

from random import Random
from typing import Final

_STARTS: Final = (
    "Vel",
    "Ora",
    "Tam",
    "Bri",
    "Kes",
    "Lun",
    "Mar",
    "Sol",
    "Del",
    "Fen",
    "Hol",
    "Rin",
    "Sar",
    "Wes",
    "Yor",
)
_MIDDLES: Final = ("da", "mi", "ro", "ve", "lo", "ne", "ti", "sha", "ri", "bo")
_ENDS: Final = ("ra", "wick", "holm", "dale", "stad", "mere", "ton", "vik", "ford", "gate", "bury", "lund")

FIRST_NAMES: Final = (
    "Anneke", "Bram", "Chidi", "Dalia", "Emre", "Farah", "Goran", "Hana", "Ines", "Jorin", "Kaya", "Levi", "Mina",
    "Noor", "Odile", "Pavel", "Quinn", "Rosa", "Stellan", "Tomas", "Uma", "Viktor", "Wanda", "Ximena", "Yusuf", "Zora",
)  # fmt: skip
GOODS: Final = (
    "lamp", "kettle", "backpack", "desk", "blender", "jacket", "notebook", "speaker", "bicycle pump", "teapot",
    "blanket", "camping stove", "keyboard", "raincoat", "coffee grinder", "wall clock",
)  # fmt: skip
CRAFTS: Final = ("glass", "cheese", "violins", "wool", "honey", "clocks", "paper", "sails", "pottery", "cider", "bells")
RIVERS: Final = ("Amble", "Corrin", "Dray", "Elster", "Hask", "Issel", "Lorn", "Mede", "Sorrow", "Tarn", "Wend")
SEASONS: Final = ("spring", "summer", "autumn", "winter")
CONTAINERS: Final = (("crate", "jar"), ("box", "pencil"), ("shelf", "book"), ("tray", "seedling"), ("bag", "apple"))


def name(rng: Random) -> str:
    """An invented place: about 1,800 of them."""
    return rng.choice(_STARTS) + rng.choice(_MIDDLES) + rng.choice(_ENDS)


def river(town: str) -> str:
    """The river that runs through a town."""
    return _of(town, "river").choice(RIVERS)


def craft(town: str) -> str:
    """What a town is known for."""
    return _of(town, "craft").choice(CRAFTS)


def founder(town: str) -> str:
    """Who founded a town."""
    rng = _of(town, "founder")
    return f"{rng.choice(FIRST_NAMES)} {name(rng)}"


def founded(town: str) -> int:
    """The year in which a town was founded."""
    return _of(town, "year").randrange(1104, 1893)


def population(town: str) -> int:
    """How many people live in a town."""
    return _of(town, "population").randrange(2_100, 89_000)


def festival(town: str) -> str:
    """The season of a town's festival."""
    return _of(town, "festival").choice(SEASONS)


def _of(town: str, what: str) -> Random:
    return Random(f"{town}/{what}")
