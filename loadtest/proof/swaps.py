"""The recorded swaps of models that `proof` replays, and how each must end."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Swap:
    """One swap. `reason` is what the reason must begin with; empty: any."""

    stable: str
    candidate: str
    outcome: str
    reason: str = ""

    @property
    def name(self) -> str:
        """As tables show it."""
        return f"{self.stable} → {'itself' if self.candidate == self.stable else self.candidate}"

    @property
    def candidate_name(self) -> str:
        """The candidate's name in the configuration, which must differ from stable's."""
        return f"{self.candidate}-again" if self.candidate == self.stable else self.candidate

    @property
    def expectation(self) -> str:
        """How it must end, in words."""
        words = self.outcome.replace("_", " ")
        return f"{words}, reason {self.reason}" if self.reason else words


SWAPS: Final = (
    Swap("gpt-4o-2024-05-13", "gpt-4o-mini-2024-07-18", "promoted"),
    Swap("Mistral-7B-Instruct-v0.2", "Mistral-7B-Instruct-v0.3", "promoted"),
    Swap("gpt-4-turbo-2024-04-09", "gpt-4-turbo-2024-04-09", "promoted"),
    Swap("claude-2", "claude-2.1", "rolled_back", "refusal"),
    Swap("gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613", "rolled_back", "length"),
    Swap("gpt-4o-mini-2024-07-18", "openbuddy-falcon-7b-v6", "rolled_back"),
)
