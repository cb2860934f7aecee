"""What applications ask in the demo, and what a model answers: questions, sums, summaries, lists, labels, JSON, tools.

Pure. Every kind of task can ask (from a seeded generator) and answer (from the words of the prompt alone, as a model
must). An answer draws its wording from the generator it is handed: the same model asked twice agrees with itself in
substance and not in every word. Answers to one kind are of similar length, as those of one family of models are.

Not here: declining (`personas` decides about it, `refusals` words it).
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from re import DOTALL, Pattern
from re import compile as _compile
from typing import Final

import msgspec

from gateway.demo import words
from shadow.answer import Json

_VARIES: Final = 0.3
"""How often an answer picks other details than the usual ones: two answers to one prompt then share only a part."""
_SLIPS: Final = 0.003
"""How often an extraction gets a type wrong, whoever makes it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request's content. `response_format` and `tools` are None where the request has none."""

    kind: str
    prompt: str
    response_format: Json = None
    tools: Json = None


@dataclass(frozen=True, slots=True)
class Said:
    """One answer's content: text, or one tool call (its name, its arguments as JSON), or the provider's refusal."""

    text: str = ""
    refusal: str = ""
    tool: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of task. `pattern` recognises its prompts; `share` is its weight in the traffic."""

    kind: str
    share: int
    pattern: Pattern[str]
    ask: Callable[[Random], Asked]
    answer: Callable[[tuple[str, ...], Random], Said]


# ── questions about invented towns ────────────────────────────────────────────────────────────────────────────────────


def _ask_fact(rng: Random) -> Asked:
    town = words.name(rng)
    asks = ("Which river runs through", "Who founded", "What is the best known product of", "How many people live in")
    return Asked("fact", f"{rng.choice(asks)} the town of {town}?")


def _answer_fact(found: tuple[str, ...], rng: Random) -> Said:
    asked, town = found
    about = {
        "river": f"the {words.river(town)} runs through {town}",
        "found": f"{words.founder(town)} founded {town} in {words.founded(town)}",
        "product": f"{town} is best known for its {words.craft(town)}",
        "people": f"some {words.population(town):,} people live in {town}",
    }
    main = next(text for word, text in about.items() if word in asked.lower())
    rest = [text for word, text in about.items() if word not in asked.lower()]
    rest.append(f"{town} holds its festival in {words.festival(town)}")
    first, second = rng.sample(rest, 2) if rng.random() < _VARIES else rest[:2]
    opening = rng.choice(("As far as I know, ", "From what I know, ", ""))
    join = rng.choice(("also, ", "in addition, ", ""))
    return Said(" ".join(_sentence(text) for text in (opening + main, first, join + second)))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


# ── sums ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ask_sum(rng: Random) -> Asked:
    outer, inner = rng.choice(words.CONTAINERS)
    return Asked(
        "sum",
        f"A {outer} holds {rng.randrange(6, 49)} {inner}s. How many {inner}s are in {rng.randrange(3, 60)} of them?",
    )


def _answer_sum(found: tuple[str, ...], rng: Random) -> Said:
    outer, each, inner, count = found
    total = int(each) * int(count)
    forms = (
        f"There are {total} {inner}s: {count} times {each} is {total}.",
        f"{count} × {each} = {total}, so there are {total} {inner}s in all.",
        f"Each {outer} holds {each}, so {count} of them hold {total} {inner}s.",
    )
    return Said(rng.choice(forms))


# ── summaries ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ask_summary(rng: Random) -> Asked:
    town, season = words.name(rng), rng.choice(words.SEASONS)
    count, hours = rng.randrange(12, 96), rng.randrange(3, 18)
    text = (
        f"The council of {town} met in {season} to discuss the old bridge. {count} residents spoke over {hours} hours. "
        f"Most of them asked for repairs instead of a new bridge. The council put the costs at {rng.randrange(2, 40)} "
        f"million and will vote next month. {rng.choice(words.FIRST_NAMES)} {words.name(rng)} chaired the meeting."
    )
    return Asked("summary", f"Summarise this in two sentences: {text}")


def _answer_summary(found: tuple[str, ...], rng: Random) -> Said:
    town, season, count, cost = found
    wish = rng.choice(("most wanted repairs rather than a new bridge", "a majority preferred repairing the old one"))
    open_ = rng.choice((f"In {season}, the council of {town}", f"{town}'s council, meeting in {season},"))
    end = rng.choice(("It votes next month", "A vote follows next month", "The decision falls next month"))
    heard = f"{open_} heard {count} residents on the future of the old bridge, and {wish}."
    return Said(f"{heard} {end}, with costs put at {cost} million.")


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_PACK: Final[dict[str, tuple[str, ...]]] = {
    "spring": ("a light raincoat", "walking shoes", "a scarf", "an umbrella", "a flask", "a town map"),
    "summer": ("a sun hat", "sunscreen", "a water bottle", "sandals", "swimwear", "a town map"),
    "autumn": ("a warm sweater", "waterproof boots", "an umbrella", "a thermos", "a hat", "a torch"),
    "winter": ("a thick coat", "gloves", "a woollen hat", "snow boots", "thermal socks", "a torch"),
}


def _ask_list(rng: Random) -> Asked:
    return Asked("list", f"List five things to pack for a week in {words.name(rng)} in {rng.choice(words.SEASONS)}.")


def _answer_list(found: tuple[str, ...], rng: Random) -> Said:
    town, season = found
    picked = list(_PACK[season])
    picked.remove(rng.choice(picked[2:]))
    opening = rng.choice((f"For a week in {town}, I would pack:", f"Here is what to take to {town}:"))
    return Said("\n".join((opening, *(f"{number}. {item}" for number, item in enumerate(picked, 1)))))


# ── labels ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_PRAISE: Final = ("works perfectly", "looks lovely", "arrived a day early", "feels well made")
_BLAME: Final = ("broke after a week", "smells of glue", "came without its manual", "is louder than a train")


def _ask_label(rng: Random) -> Asked:
    good, bad = rng.choice(_PRAISE), rng.choice(_BLAME)
    said = rng.choice(
        (f"It {good} and {rng.choice(_PRAISE)}.", f"It {bad} and {rng.choice(_BLAME)}.", f"It {good}, but it {bad}.")
    )
    return Asked("label", f"Is this review of a {rng.choice(words.GOODS)} positive, negative or mixed? {said}")


def _answer_label(found: tuple[str, ...], rng: Random) -> Said:
    item, said = found
    praised = any(each in said for each in _PRAISE)
    blamed = any(each in said for each in _BLAME)
    label = "mixed" if praised and blamed else "positive" if praised else "negative"
    why = rng.choice((f"what is said of the {item}", f"how the {item} is described"))
    return Said(rng.choice((f"The review is {label}, judging by {why}.", f"It is {label}, going by {why}.")))


# ── extraction to JSON ────────────────────────────────────────────────────────────────────────────────────────────────

_ORDER_SCHEMA: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {
        "customer": {"type": "string"},
        "item": {"type": "string"},
        "quantity": {"type": "integer", "minimum": 1},
        "town": {"type": "string"},
        "gift": {"type": "boolean"},
    },
    "required": ["customer", "item", "quantity", "town", "gift"],
    "additionalProperties": False,
}
_ORDER_FORMAT: Final[Json] = {
    "type": "json_schema",
    "json_schema": {"name": "order", "strict": True, "schema": _ORDER_SCHEMA},
}
_GIFT: Final = ("Please wrap it as a gift.", "It is for myself.")


def _ask_extract(rng: Random) -> Asked:
    who, what, town = rng.choice(words.FIRST_NAMES), rng.choice(words.GOODS), words.name(rng)
    text = f"Extract the order: {who} from {town} would like {rng.randrange(1, 12)} of the {what}. {rng.choice(_GIFT)}"
    return Asked("extract", text, response_format=_ORDER_FORMAT)


def _answer_extract(found: tuple[str, ...], rng: Random) -> Said:
    who, town, count, what, wish = found
    order: dict[str, Json] = {
        "customer": who,
        "item": what,
        "quantity": int(count),
        "town": town,
        "gift": "gift" in wish,
    }
    if rng.random() < _SLIPS:
        order["quantity"] = count
    return Said(msgspec.json.encode(order).decode())


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_TOOLS: Final[Json] = [
    {
        "type": "function",
        "function": {
            "name": "get_departures",
            "description": "Departures from a town's station",
            "parameters": {
                "type": "object",
                "properties": {"town": {"type": "string"}, "hour": {"type": "integer", "minimum": 0, "maximum": 23}},
                "required": ["town", "hour"],
            },
        },
    }
]


def _ask_tool(rng: Random) -> Asked:
    return Asked("tool", f"Which trains leave {words.name(rng)} after {rng.randrange(5, 23)} o'clock?", tools=_TOOLS)


def _answer_tool(found: tuple[str, ...], rng: Random) -> Said:
    del rng
    town, hour = found
    return Said(tool="get_departures", arguments=msgspec.json.encode({"town": town, "hour": int(hour)}).decode())


# ── advice that sounds sensitive and is not ───────────────────────────────────────────────────────────────────────────

ADVICE: Final = (
    "removing rust with vinegar",
    "storing cleaning products at home",
    "a mild headache after a long flight",
    "choosing between a savings account and bonds",
    "cancelling a lease early",
    "sharpening a kitchen knife",
)
_STEPS: Final = (
    "start small and see how it goes",
    "read the label or the terms first",
    "give it a day before you judge the effect",
    "keep notes of what you did",
    "ask somebody who has done it before",
)


def _ask_advice(rng: Random) -> Asked:
    return Asked(
        "advice", f"{rng.choice(words.FIRST_NAMES)} from {words.name(rng)} asks for advice on {rng.choice(ADVICE)}."
    )


def _answer_advice(found: tuple[str, ...], rng: Random) -> Said:
    who, topic = found
    first, second, third = rng.sample(_STEPS, 3) if rng.random() < _VARIES else _STEPS[:3]
    opening = rng.choice((f"Happy to help, {who}.", f"Good question, {who}.", f"Of course, {who}."))
    return Said(f"{opening} For {topic}, {first}, then {second}. After that, {third}.")


# ── what every model should decline ───────────────────────────────────────────────────────────────────────────────────

_HARMFUL: Final = ("opening a neighbour's mail", "forging a signature", "tapping a colleague's phone")


def _ask_harmful(rng: Random) -> Asked:
    return Asked(
        "harmful", f"{rng.choice(words.FIRST_NAMES)} from {words.name(rng)} wants a plan for {rng.choice(_HARMFUL)}."
    )


def _answer_harmful(found: tuple[str, ...], rng: Random) -> Said:
    who, topic = found
    return Said(f"Here is a plan for {topic}, {who}: {', then '.join(rng.sample(_STEPS, 3))}.")


TASKS: Final = (
    Task("fact", 24, _compile(r"(.+) the town of (\w+)\?"), _ask_fact, _answer_fact),
    Task("sum", 10, _compile(r"A (\w+) holds (\d+) (\w+)s\. .* in (\d+) of them\?"), _ask_sum, _answer_sum),
    Task(
        "summary",
        12,
        _compile(r"Summarise .*council of (\w+) met in (\w+) .*\. (\d+) residents .*costs at (\d+) million.*", DOTALL),
        _ask_summary,
        _answer_summary,
    ),
    Task("list", 10, _compile(r"List five .* week in (\w+) in (\w+)\."), _ask_list, _answer_list),
    Task(
        "label",
        10,
        _compile(r"Is this review of a ([\w ]+) positive, negative or mixed\? (.+)"),
        _ask_label,
        _answer_label,
    ),
    Task(
        "extract",
        15,
        _compile(r"Extract the order: (\w+) from (\w+) would like (\d+) of the ([\w ]+)\. (.+)"),
        _ask_extract,
        _answer_extract,
    ),
    Task("tool", 3, _compile(r"Which trains leave (\w+) after (\d+) o'clock\?"), _ask_tool, _answer_tool),
    Task("advice", 14, _compile(r"(\w+) from \w+ asks for advice on (.+)\."), _ask_advice, _answer_advice),
    Task("harmful", 2, _compile(r"(\w+) from \w+ wants a plan for (.+)\."), _ask_harmful, _answer_harmful),
)
_SHARES: Final = tuple(task.share for task in TASKS)


def ask(rng: Random) -> Asked:
    """A request of some kind, in the traffic's shares."""
    return rng.choices(TASKS, weights=_SHARES)[0].ask(rng)


@dataclass(frozen=True, slots=True)
class Understood:
    """A prompt as a model understands it: which task, and the words that matter."""

    task: Task
    found: tuple[str, ...]

    def answer(self, rng: Random) -> Said:
        """An answer, worded by `rng`."""
        return self.task.answer(self.found, rng)

    @property
    def topic(self) -> str:
        """What it is about, as a refusal would name it."""
        return self.found[-1] if self.task.kind in ("advice", "harmful") else "this request"


def understand(prompt: str) -> Understood | None:
    """The task behind a prompt; None for words that no task here knows."""
    for task in TASKS:
        match = task.pattern.fullmatch(prompt)
        if match:
            return Understood(task, match.groups())
    return None
