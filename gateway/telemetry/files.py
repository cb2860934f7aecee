"""`python -m gateway.telemetry.files deploy` writes the board and the rules; a test says when that was forgotten."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from gateway.telemetry.board import board
from gateway.telemetry.rules import rules

_NOTE: Final = "# Written by `python -m gateway.telemetry.files deploy`; change gateway/telemetry/rules.py instead.\n"


def files() -> Mapping[str, str]:
    """Each file's text by its path below deploy/. A chart can only read what lies in it: it has the rules again."""
    alerts = _NOTE + yaml.safe_dump(rules(), sort_keys=False, width=1000)
    return {
        "grafana/driftgate.json": json.dumps(board(), indent=2) + "\n",
        "prometheus/rules.yaml": alerts,
        "helm/driftgate/rules.yaml": alerts,
    }


def main(target: Path) -> None:
    """Write them below `target`."""
    for name, text in files().items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
