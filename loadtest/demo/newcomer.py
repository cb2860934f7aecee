"""A stopwatch for somebody new: from the checkout to the first automatic rollback that they see.

`python3 loadtest/demo/newcomer.py` copies the project as it is committed into an empty directory, types what the README
says (`make demo ARGS=--headless`), and prints how many commands and minutes it took until the demo said `rolled_back`.
It needs nothing but Python's standard library, since a newcomer has nothing else. Packages come from pip's cache where
it has them: the second run in a row is the one with a warm cache.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
COMMAND: Final = ("make", "demo", "ARGS=--headless")
MOST_COMMANDS: Final = 2
MOST_SECONDS: Final = 180.0


def main() -> int:
    """Run the stopwatch; 0 where it took at most two commands and three minutes."""
    with tempfile.TemporaryDirectory(prefix="newcomer-") as place:
        checkout = Path(place) / "driftgate"
        began = monotonic()
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(checkout)], check=True)
        cloned = monotonic()
        rolled_back = _watched(checkout)
    if rolled_back is None:
        print("the demo ended without a rollback", file=sys.stderr)
        return 1
    seconds = rolled_back - began
    print(f"clone: {cloned - began:.0f} s")
    print(f"first automatic rollback seen after: {seconds:.0f} s ({seconds / 60:.1f} min)")
    print(f"commands: {MOST_COMMANDS} (git clone, {' '.join(COMMAND)})")
    return 0 if seconds <= MOST_SECONDS else 1


def _watched(checkout: Path) -> float | None:
    """When the demo said that it rolled back; everything that it started is ended then."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DRIFTGATE_", "VIRTUAL_ENV"))
    }
    process = subprocess.Popen(
        COMMAND, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("{") and json.loads(line).get("outcome") == "rolled_back":
                return monotonic()
        return None
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


if __name__ == "__main__":
    sys.exit(main())
