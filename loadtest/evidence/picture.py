"""The picture of `docs/statistics.md`: false rollbacks as they come, and exposure at equal false rollbacks."""

from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

from loadtest.evidence.contest import METHODS
from loadtest.evidence.page import ROOT, Results

PICTURE: Final = ROOT / "docs" / "images" / "statistics.svg"
_INK: Final = "#1f2937"
_COLOURS: Final = {
    METHODS[0]: "#0f766e",
    METHODS[1]: "#b45309",
    METHODS[2]: "#7c3aed",
    METHODS[3]: "#94a3b8",
}


def write(results: Results) -> None:
    """Draw it; the same numbers give the same file."""
    with mpl.rc_context({"svg.hashsalt": "driftgate", "font.size": 9, "axes.edgecolor": _INK, "text.color": _INK}):
        figure = Figure(figsize=(11, 4.4), layout="constrained")
        wrong, exposed = figure.subplots(1, 2, width_ratios=[1, 1.5])
        _draw_wrong(wrong, results)
        _draw_exposed(exposed, results)
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(PICTURE, metadata={"Date": None})


def _draw_wrong(axes: "mpl.axes.Axes", results: Results) -> None:
    """A candidate that equals stable: the share of rollouts that each method, as documented, rolls back."""
    methods = list(results.documented)
    harmless = [
        max(row.rate for row in results.documented[method] if row.name.endswith("no drift")) for method in methods
    ]
    colours = [_COLOURS["driftgate"] if method == "driftgate" else "#b45309" for method in methods]
    bars = axes.barh(methods[::-1], [100 * rate for rate in harmless[::-1]], color=colours[::-1])
    axes.bar_label(bars, fmt="%.1f %%", padding=3)
    axes.axvline(5, color=_INK, linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 125)
    axes.set_xlabel("% of rollouts rolled back, worst traffic (dotted: alpha)")
    axes.set_title("The candidate equals stable: false rollbacks", loc="left", fontsize=10)


def _draw_exposed(axes: "mpl.axes.Axes", results: Results) -> None:
    """Five times the limit: requests served by the candidate before the rollback, on a logarithmic axis."""
    rows = [row for row in results.exposures if row.times == 5]
    width = 0.8 / len(METHODS)
    for number, method in enumerate(METHODS):
        places = [place + number * width for place in range(len(rows))]
        axes.bar(places, [row.exposed[method] for row in rows], width, label=method, color=_COLOURS[method])
    axes.set_yscale("log")
    axes.set_xticks(
        [place + 1.5 * width for place in range(len(rows))],
        [row.ground.replace(", ", ",\n") for row in rows],
        fontsize=8,
    )
    axes.set_ylabel("requests served by the candidate")
    axes.set_title("Drift of 5 × the limit: exposure at equal false rollbacks", loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=8, ncols=2)
