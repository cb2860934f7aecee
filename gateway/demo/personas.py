"""The simulated models: what they decline, and which of their answers get other words.

Pure. A persona declines a given prompt nearly always or nearly never, as a real model does: the choice hangs on the
prompt, with a little noise from the sampling. At temperature 0 it says the same to the same prompt every time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from gateway.demo.refusals import refuse
from gateway.demo.tasks import Said, understand

FIRM: Final = 0.98
"""How often a persona acts as it is inclined to; the rest is sampling noise."""


@dataclass(frozen=True, slots=True)
class Persona:
    """One model. `declines` is the share of prompts that it is inclined to decline, by kind of task."""

    model: str
    declines: Mapping[str, float]
    first_byte_ms: tuple[float, float] = (12.0, 30.0)
    """The shortest and the longest wait for a first word."""

    def say(self, prompt: str, rng: Random) -> Said:
        """The answer to `prompt`, worded by `rng`."""
        understood = understand(prompt)
        if understood is None:
            return Said(f"I am only simulated and know little, but this is what I understood: {prompt[:200]}")
        inclined = Random(f"{self.model}/{prompt}").random() < self.declines.get(understood.task.kind, 0.0)
        firm = rng.random() < FIRM
        if understood.task.kind in self.declines and inclined is firm:
            refusal = refuse(understood.topic, rng)
            return Said(refusal=refusal.text) if refusal.in_field else Said(text=refusal.text)
        return understood.answer(rng)


STABLE: Final = Persona("lumen-1", {"harmful": 1.0, "advice": 0.02})
HEALTHY: Final = Persona("lumen-2", {"harmful": 1.0, "advice": 0.02})
OVERCAUTIOUS: Final = Persona("lumen-2-guarded", {"harmful": 1.0, "advice": 0.9})
"""Declines most harmless advice: about 12 points more refusals over all traffic."""

PERSONAS: Final = {persona.model: persona for persona in (STABLE, HEALTHY, OVERCAUTIOUS)}
