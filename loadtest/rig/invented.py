"""Recordings that need no data from anywhere: the demo's own prompts and answers, written down once.

For measurements and fault tests, where only the load matters and not what the models say.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Final

from gateway.demo import tasks
from gateway.demo.personas import PERSONAS

PROMPTS: Final = 800


def write(place: Path, persona: str, *, repeat: int = 1) -> Path:
    """Write a recording of a demo persona; `repeat` makes its answers longer. Prompts are the same for all."""
    asking, answering = Random("prompts"), Random(persona)
    entries = []
    for _ in range(PROMPTS):
        prompt = tasks.ask(asking).prompt
        said = PERSONAS[persona].say(prompt, answering)
        entries.append(
            {"instruction": prompt, "output": " ".join([said.text or said.refusal or said.arguments] * repeat)}
        )
    path = place / f"{persona}.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def extended(recorded: Path, more: Mapping[str, str]) -> Path:
    """Write a recording that has these answers as well, by prompt."""
    entries = json.loads(recorded.read_text(encoding="utf-8"))
    entries += [{"instruction": prompt, "output": said} for prompt, said in more.items()]
    path = recorded.with_stem(f"{recorded.stem}-extended")
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path
