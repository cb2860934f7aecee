"""How the candidate's refusals changed: both directions counted, and an interval that knows that the detector errs.

Read off the same counters as the verdict, on requests that both arms answered: *gained* are refusals of the candidate
where stable answered, *lost* the reverse. A candidate that gains as many as it loses has no drift, and may still refuse
quite other requests than stable did; so both are shown.

Not here: the verdict, which is about the counted rates and needs no model of the detector (`rollback.evidence`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shadow.cells import EVERY, LATTICE_STEPS, PairedCell, parse
from shadow.signals.refusal_change import Change, Counted, change

SIGNALS: Final = ("refusal", "unwilling", "inability")
"""What a user feels as a refusal, and its two kinds."""
_PREFIXES: Final = tuple(f"p/{signal}/{EVERY}/" for signal in SIGNALS)


@dataclass(frozen=True, slots=True)
class RefusalChange:
    """One signal's change, over all stages of the epoch."""

    signal: str
    counted: Counted
    change: Change


def refusal_changes(cells: Mapping[str, int]) -> tuple[RefusalChange, ...]:
    """The change of each signal that has pairs."""
    seen: Counter[tuple[str, int]] = Counter()
    for name, count in cells.items():
        if name.startswith(_PREFIXES) and isinstance(cell := parse(name), PairedCell):
            seen[cell.signal, cell.index] += count
    found = []
    for signal in SIGNALS:
        gained, lost = seen[signal, LATTICE_STEPS], seen[signal, -LATTICE_STEPS]
        counted = Counted(gained + lost + seen[signal, 0], gained, lost)
        made = change(counted)
        if made is not None:
            found.append(RefusalChange(signal, counted, made))
    return tuple(found)
