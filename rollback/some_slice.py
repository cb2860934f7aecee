"""Harm in *some* slice: one answer for many slices, without the price of asking each of them.

With S slices named beforehand and E_s the e-value of each, the mean

    E = (E_1 + … + E_S) / S,        E_s = 1 for a slice that nothing was seen of

is an e-process for "no slice is harmed", whatever depends on whatever: a weighted mean of e-processes is one, if the
weights are fixed before anything is seen (Vovk & Wang, E-values: calibration, combination and applications, Annals of
Statistics 49, 2021, arXiv 1912.06116). So "some slice is harmed" is said at E ≥ 1/alpha.

*Which* one is more to say, and costs more: a slice is named at E_s ≥ S/alpha, which closed testing allows (E is then
past its own bar, and so is the mean of every group of slices that holds this one). Harm that is spread over several
slices may be shown without any of them being named.

Which slices may take part is fixed when the rollout starts, and only by what no client can write (`Rollout.slices`):
slices by header, prompt or field could be filled by one client at will, until one of them looks bad.
"""

from collections.abc import Sequence
from math import exp, log
from typing import Final

SOME: Final = "some"
"""The slice of a row that is about all deciding slices together; no slice has this name, since theirs have a `=`."""


def log_some(logs: Sequence[float], among: int) -> float:
    """The log e-value of "some of `among` slices is harmed"; `logs` are those of the slices that were seen."""
    if not among:
        return 0.0
    top = max(0.0, *logs) if logs else 0.0
    total = sum(exp(value - top) for value in logs) + (among - len(logs)) * exp(-top)
    return top + log(total) - log(among)
