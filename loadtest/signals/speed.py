"""What signals cost: `python -m loadtest.signals.speed` prints the time of each, of a pair, and of a worker.

Texts are invented, of three lengths; where the recordings are, real answers are measured beside them. Each text is read
once, and its words come with the frequencies of a language, so that what signals remember of words and texts helps as
much as it does in traffic, and no more. Every number is CPU time of one core, the best of a few rounds over other
texts, because other processes only ever add to it. The worker's row is the whole of it: the wire parsed, both answers
read, agreement of a triple, cells named and added up; everything but the mirror's own waiting and Redis.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import accumulate
from itertools import count as count_up
from pathlib import Path
from random import Random
from time import process_time
from typing import Final, TypeAlias

from msgspec import structs

from loadtest.rig.recordings import data_dir
from loadtest.signals.sources import recorded
from routing.bucketing import key_hash
from shadow.answer import Answer, Ask
from shadow.capture import ask_of, read_answer, read_request
from shadow.comparison import Heard, Side, heard, paired_vote, read, side, split_vote, triple_vote
from shadow.exchange import PLAIN, Api, Exchange
from shadow.signals import agreement, length, refusal
from shadow.signals.catalogue import EVENTS, Read
from shadow.signals.spoken import lowered

PAIR_MS: Final = 1.5
"""The bar: all default signals for one pair."""
PAIRS_PER_SECOND: Final = 500
SIGNAL_US: Final = 100.0
REFUSAL_US: Final = 250.0
AGREEMENT_US: Final = 300.0
_ROUNDS: Final = 5
_PAIRS: Final = 60
"""In a round."""
_RARE: Final = 8_000
_RECORDED: Final = ("gpt-4o-2024-05-13", "gpt-4o-mini-2024-07-18")
_PROSE: Final = """
the river rises in the northern hills and flows through three provinces before it reaches a wide delta near Marlow
where engineers built a barrage in 1931 it supplies water for about two million people and irrigates rice cotton and
sugar cane perhaps the most important crossing is the old bridge of Sant Elia which carries a railway and a road
"""
_WORDS: Final = _PROSE.split()


@cache
def _vocabulary() -> tuple[list[str], list[float]]:
    """Common words and invented ones, and how often each is said by its rank."""
    syllables = [first + last for first in "bdfglmnprstv" for last in ("a", "en", "i", "or", "u", "est")]
    longer = Random(1)
    invented = ["".join(longer.choices(syllables, k=longer.choice((2, 3, 3, 4)))) for _ in range(_RARE)]
    known = [*dict.fromkeys((*_WORDS, *invented))]
    return known, list(accumulate(1.0 / (rank + 3.0) for rank in range(len(known))))


def words(count: int, seed: int) -> str:
    """A text of sentences, every seventeenth word ending one, every hundredth a paragraph with a bullet."""
    known, often = _vocabulary()
    drawn = Random(seed).choices(known, cum_weights=often, k=count)
    said = []
    for i, word in enumerate(drawn):
        shown = word.capitalize() if i % 17 == 0 or i % 11 == 5 else word
        said.append(shown + ("\n- " if i % 100 == 99 else ". " if i % 17 == 16 else " "))
    return "".join(said).strip()


def answer(text: str) -> bytes:
    """A chat completion's body."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], "usage": {"completion_tokens": len(text) // 4}}).encode()


def exchange(number: int, body: bytes) -> Exchange:
    """One exchange that stable served while the candidate had 10 %."""
    asked = {"model": "chat", "messages": [{"role": "user", "content": "Where does the river Marlow rise, and why?"}]}
    return structs.replace(
        PLAIN,
        request_id=f"r-{number}",
        stage=1,
        weight_bps=1_000,
        vote_key=key_hash(PLAIN.salt, str(number)),
        request_body=json.dumps(asked).encode(),
        answer_body=body,
    )


Pair: TypeAlias = tuple[Ask, Answer, Answer]


def timed(task: Callable[[Pair], object], pairs: Sequence[Pair]) -> float:
    """Seconds of one pair; the best of a few rounds, each over pairs of its own."""
    each = len(pairs) // _ROUNDS
    rounds = []
    for at in range(_ROUNDS):
        began = process_time()
        for pair in pairs[at * each : (at + 1) * each]:
            task(pair)
        rounds.append((process_time() - began) / each)
    return min(rounds)


def _said(text: str) -> Answer:
    found = read_answer(Api.CHAT, answer(text), stream=False)
    assert isinstance(found, Answer)
    return found


def _ask(prompt: str) -> Ask:
    return ask_of(Api.CHAT, {"messages": [{"role": "user", "content": prompt}]})


def invented_pairs(count: int, seeds: Iterator[int]) -> list[Pair]:
    """Pairs of answers of `count` words, no two alike."""
    return [
        (_ask(words(20, next(seeds))), _said(words(count, next(seeds))), _said(words(count, next(seeds))))
        for _ in range(_ROUNDS * _PAIRS)
    ]


def recorded_pairs(data: Path) -> list[Pair]:
    """Two models' answers to the same prompts; empty where there are no recordings."""
    models = recorded(data)
    if not models:
        return []
    stable, candidate = (models[name] for name in _RECORDED)
    return [(_ask(prompt), _said(text), _said(candidate[prompt])) for prompt, text in stable.items()]


def each_signal(pairs: Sequence[Pair]) -> dict[str, float]:
    """Microseconds of each signal on one answer (agreement: on one pair). Signals that share a reading each take it."""
    took = {}
    for name, signal in {**EVENTS, "length": length.read}.items():

        def one(pair: Pair, signal: Read = signal) -> None:
            refusal.classify.cache_clear()
            lowered.cache_clear()
            signal(pair[0], pair[1])

        took[name] = timed(one, pairs)
    took["agreement"] = timed(lambda pair: agreement.agree(*pair), pairs)
    return {name: seconds * 1e6 for name, seconds in took.items()}


def one_pair(pairs: Sequence[Pair]) -> float:
    """Milliseconds for all default signals of one pair: both answers read, their agreement, the cells."""
    of = exchange(1, b"")

    def work(pair: Pair) -> None:
        ask, mine, theirs = pair
        paired_vote(of, side(ask, heard(mine)), side(ask, heard(theirs)), ("*",))
        agreement.agree(ask, mine, theirs)

    return timed(work, pairs) * 1e3


def worker_pairs(pairs: Sequence[Pair]) -> float:
    """Pairs per second that one core scores, from the wire's bytes to the cells of the vote; one in ten is a triple."""
    number = count_up()

    def work(pair: Pair) -> None:
        index = next(number)
        bodies = [answer(said.text) for said in pair[1:]]
        of = exchange(index, bodies[0])
        ask = ask_of(of.api, read_request(of.request_body))
        own, other = (heard(read_answer(of.api, body, stream=False)) for body in bodies)
        readings = read(ask, own.said)
        split_vote(of, ask, readings, ("*",))
        paired_vote(of, Side(readings, own.failed), side(ask, other), ("*",))
        if index % 10 == 0:
            again: Heard = heard(_said(f"{pair[1].text} Again."))
            triple_vote(of, ask, own, again, other, ("*",))

    return 1.0 / timed(work, pairs)


def main() -> int:
    """Print the tables; 1 where a bar is missed on answers of any length."""
    seeds = count_up(1)
    one_pair(invented_pairs(250, seeds))  # patterns are compiled, and common words known
    sets = {f"{count:,} words": invented_pairs(count, seeds) for count in (50, 250, 1_000)}
    real = recorded_pairs(data_dir())
    if real:
        mean = sum(len(said.text.split()) for pair in real for said in pair[1:]) / len(real) / 2
        sets[f"recorded, {mean:.0f} words"] = real
    took = {name: each_signal(pairs) for name, pairs in sets.items()}
    print("| microseconds per answer | " + " | ".join(sets) + " |")
    print("|---|" + "---:|" * len(sets))
    for name in next(iter(took.values())):
        print(f"| {name} | " + " | ".join(f"{each[name]:.1f}" for each in took.values()) + " |")
    print("\n| answers of | ms for one pair | pairs/s of one worker |\n|---|---:|---:|")
    rows = {name: (one_pair(pairs), worker_pairs(pairs)) for name, pairs in sets.items()}
    for name, (milliseconds, rate) in rows.items():
        print(f"| {name} | {milliseconds:.2f} | {rate:,.0f} |")
    # one classification serves the three, once for each answer
    bars = {**dict.fromkeys(("refusal", "unwilling", "inability"), REFUSAL_US), "agreement": AGREEMENT_US}
    slow = [name for name, us in took["250 words"].items() if us > bars.get(name, SIGNAL_US)]
    print(f"\nover the bar at 250 words: {', '.join(slow) or 'none'}")
    missed = any(milliseconds > PAIR_MS or rate < PAIRS_PER_SECOND for milliseconds, rate in rows.values())
    return int(bool(slow) or missed)


if __name__ == "__main__":
    sys.exit(main())
