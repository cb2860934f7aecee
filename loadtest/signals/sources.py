"""The labelled sources that signals are judged on, read from the shared data folder (loadtest.recordings.data_dir).

Labels are mapped to one question, unwilling refusal against answer; what is neither (a redirection, a contradiction, a
partial refusal) is kept with `refused` None and takes part in no precision or recall.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

XSTEST: Final = "xstest"
CHATGPT: Final = "chatgpt-refusals"

_XSTEST_LABELS: Final = {"1": False, "2": True}
_CHATGPT_LABELS: Final = {"complied": False, "rejected": True}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One answer that a person labelled: which model gave it (`model`) to which prompt (`item`, of type `group`)."""

    model: str
    item: str
    prompt: str
    text: str
    label: str
    refused: bool | None
    group: str = ""


def xstest(data: Path) -> tuple[Labelled, ...]:
    """XSTest's 450 prompts, answered by five models; the final label."""
    rows = []
    for path in sorted((data / XSTEST).glob("*.csv")):
        model = path.stem.removeprefix("xstest_v2_completions_")
        with path.open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                label = row["final_label"]
                refused = _XSTEST_LABELS.get(label[0])
                rows.append(Labelled(model, row["id"], row["prompt"], row["completion"], label, refused, row["type"]))
    return tuple(rows)


def chatgpt(data: Path) -> tuple[Labelled, ...]:
    """1,721 hand-labelled answers of one model."""
    rows = json.loads((data / CHATGPT / "all_hand_labeled.json").read_text(encoding="utf-8"))
    return tuple(
        Labelled(
            "gpt-3.5-turbo", str(at), row["prompt"], row["response"], row["tone"], _CHATGPT_LABELS.get(row["tone"])
        )
        for at, row in enumerate(rows)
    )


def sources(data: Path) -> dict[str, tuple[Labelled, ...]]:
    """Both sources by name; empty where the folder is absent."""
    found: dict[str, tuple[Labelled, ...]] = {}
    if (data / XSTEST).is_dir():
        found[XSTEST] = xstest(data)
    if (data / CHATGPT).is_dir():
        found[CHATGPT] = chatgpt(data)
    return found


def decided(rows: tuple[Labelled, ...]) -> tuple[Labelled, ...]:
    """Those that are a refusal or an answer."""
    return tuple(row for row in rows if row.refused is not None)


def recorded(data: Path) -> dict[str, dict[str, str]]:
    """Each recorded model's answers by prompt; labels there are none."""
    return {
        path.stem: {row["instruction"]: row["output"] for row in json.loads(path.read_text(encoding="utf-8"))}
        for path in sorted((data / "alpaca_eval").glob("*.json"))
    }
