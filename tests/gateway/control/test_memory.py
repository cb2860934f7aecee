"""The control process' memory, read from outside."""

import subprocess
import sys

LEAVES = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy
from gateway.control.memory import give_back

def kib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4

def judge(_):
    for _ in range(3):
        for mib in (4, 8, 12):
            numpy.ones(mib * 131072)

if sys.argv[1] == "bounded":
    give_back()
pool = ThreadPoolExecutor(4)
list(pool.map(lambda _: sum(range(1000)), range(8)))
before = kib()
list(pool.map(judge, range(16)))
print(kib() - before)
"""


def left_behind(how: str) -> int:
    """KiB that a process has more of after threads have used large tables for a moment."""
    return int(subprocess.run([sys.executable, "-c", LEAVES, how], check=True, capture_output=True).stdout)


def test_what_a_verdict_took_for_a_moment_is_given_back() -> None:
    """Tables of 12 MiB in four threads leave less than one of them behind; without the bounds they leave more."""
    assert left_behind("bounded") < 4096 < left_behind("unbounded")
