"""What signals cost: `python -m loadtest.signals_speed` prints the time of each, of a pair, and of a worker.

Texts are invented (no recorded answers), of three lengths; every number is CPU time of one core, the best of a few
rounds, because other processes only ever add to it. The worker's row is the whole of it: the wire parsed, both answers
read, agreement of a triple, cells named and added up; everything but the mirror's own waiting and Redis.
"""

import json
import sys
from collections.abc import Callable
from time import process_time
from typing import Final

from routing.arms import Arm
from routing.bucketing import key_hash
from shadow.answer import Answer, Ask, Unreadable
from shadow.capture import ask_of, read_answer, read_request
from shadow.comparison import Heard, Side, heard, paired_vote, read, side, split_vote, triple_vote
from shadow.exchange import Api, Exchange, Outcome
from shadow.signals import agreement, length, refusal
from shadow.signals.catalogue import EVENTS

PAIR_MS: Final = 1.5
"""The bar: all default signals for one pair."""
PAIRS_PER_SECOND: Final = 500
SIGNAL_US: Final = 100.0
REFUSAL_US: Final = 250.0
AGREEMENT_US: Final = 300.0
_ROUNDS: Final = 5
_PROSE: Final = """
the river rises in the northern hills and flows through three provinces before it reaches a wide delta near Marlow
where engineers built a barrage in 1931 it supplies water for about two million people and irrigates rice cotton and
sugar cane perhaps the most important crossing is the old bridge of Sant Elia which carries a railway and a road
"""
_WORDS: Final = _PROSE.split()


def words(count: int, offset: int) -> str:
    """A text of sentences, every seventeenth word ending one, every hundredth a paragraph with a bullet."""
    said = []
    for i in range(count):
        word = _WORDS[(i * 7 + offset * (i // 13)) % len(_WORDS)]
        said.append(word + ("\n- " if i % 100 == 99 else ". " if i % 17 == 16 else " "))
    return "".join(said).strip()


def answer(text: str) -> bytes:
    """A chat completion's body."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], "usage": {"completion_tokens": len(text) // 4}}).encode()


def exchange(number: int, body: bytes) -> Exchange:
    """One exchange that stable served while the candidate had 10 %."""
    asked = {"model": "chat", "messages": [{"role": "user", "content": "Where does the river Marlow rise, and why?"}]}
    return Exchange(
        request_id=f"r-{number}",
        endpoint="chat",
        api=Api.CHAT,
        stream=False,
        rollout="chat-1",
        candidate="new",
        stable="old",
        salt="salt",
        epoch=1,
        stage=1,
        weight_bps=1_000,
        assigned=Arm.STABLE,
        answered=Arm.STABLE,
        pinned=False,
        vote_key=key_hash("salt", str(number)),
        keyless=False,
        slices=(),
        started_at=1_000.0,
        first_byte_ms=100.0,
        duration_ms=500.0,
        outcome=Outcome.COMPLETED,
        failure="",
        status=200,
        path="/v1/chat/completions",
        headers=(),
        request_body=json.dumps(asked).encode(),
        answer_body=body,
        complete=True,
    )


def best(task: Callable[[], object], times: int) -> float:
    """Seconds of one call."""
    rounds = []
    for _ in range(_ROUNDS):
        began = process_time()
        for _ in range(times):
            refusal.classify.cache_clear()  # the same answers again and again: as if each were new
            task()
        rounds.append((process_time() - began) / times)
    return min(rounds)


def _answers(count: int) -> tuple[Ask, list[Answer]]:
    made = [read_answer(Api.CHAT, answer(words(count, seed)), stream=False) for seed in (1, 2, 3)]
    readable = [said for said in made if not isinstance(said, Unreadable)]
    return ask_of(Api.CHAT, read_request(exchange(0, b"").request_body)), readable


def each_signal(count: int) -> dict[str, float]:
    """Microseconds of each signal on one answer (agreement: on one pair)."""
    ask, said = _answers(count)
    took = {name: best(lambda signal=signal: signal(ask, said[0]), 200) for name, signal in EVENTS.items()}  # type: ignore[misc]  # a lambda's default has no type to infer
    took["length"] = best(lambda: length.read(ask, said[0]), 200)
    took["agreement"] = best(lambda: agreement.agree(ask, said[0], said[1]), 100)
    return {name: seconds * 1e6 for name, seconds in took.items()}


def one_pair(count: int) -> float:
    """Milliseconds for all default signals of one pair: both answers read, their agreement, the cells."""
    ask, said = _answers(count)
    of = exchange(1, b"")

    def work() -> None:
        paired_vote(of, side(ask, heard(said[0])), side(ask, heard(said[1])), ("*",))
        agreement.agree(ask, said[0], said[1])

    return best(work, 100) * 1e3


def worker_pairs(count: int) -> float:
    """Pairs per second that one core scores, from the wire's bytes to the cells of the vote; one in ten is a triple."""
    bodies = [answer(words(count, seed)) for seed in (1, 2, 3)]
    number = iter(range(1_000_000))

    def work() -> None:
        index = next(number)
        of = exchange(index, bodies[0])
        ask = ask_of(of.api, read_request(of.request_body))
        own, other = (heard(read_answer(of.api, body, stream=False)) for body in bodies[:2])
        readings = read(ask, own.said)
        split_vote(of, ask, readings, ("*",))
        paired_vote(of, Side(readings, own.failed), side(ask, other), ("*",))
        if index % 10 == 0:
            again: Heard = heard(read_answer(of.api, bodies[2], stream=False))
            triple_vote(of, ask, own, again, other, ("*",))

    return 1.0 / best(work, 100)


def main() -> int:
    """Print the tables; 1 where a bar is missed on answers of ordinary length (250 words)."""
    lengths = (50, 250, 1_000)
    took = {count: each_signal(count) for count in lengths}
    print("| microseconds per answer of … words | " + " | ".join(str(count) for count in lengths) + " |")
    print("|---|" + "---:|" * len(lengths))
    for name in took[lengths[0]]:
        print(f"| {name} | " + " | ".join(f"{took[count][name]:.1f}" for count in lengths) + " |")
    print()
    print("| answers of … words | ms for one pair | pairs/s of one worker |\n|---:|---:|---:|")
    pairs = {count: (one_pair(count), worker_pairs(count)) for count in lengths}
    for count, (milliseconds, rate) in pairs.items():
        print(f"| {count} | {milliseconds:.2f} | {rate:,.0f} |")
    # one classification serves the three, once for each answer
    bars = {**dict.fromkeys(("refusal", "unwilling", "inability"), REFUSAL_US), "agreement": AGREEMENT_US}
    slow = [name for name, us in took[250].items() if us > bars.get(name, SIGNAL_US)]
    milliseconds, rate = pairs[250]
    print(f"\nover the bar at 250 words: {', '.join(slow) or 'none'}")
    return int(bool(slow) or milliseconds > PAIR_MS or rate < PAIRS_PER_SECOND)


if __name__ == "__main__":
    sys.exit(main())
