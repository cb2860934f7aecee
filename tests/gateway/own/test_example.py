"""The example package of the documentation, installed as its readers would."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "own-signal"

PROGRAM = """
import json
from gateway.config.load import load_text
from gateway.own import contained, installed
from shadow.comparison import heard, paired_vote, side
from shadow.signals.catalogue import ALSO
from tests.shadow.making import ask, exchange, says

text = '''
models: {a: {base_url: http://127.0.0.1:1/v1}, b: {base_url: http://127.0.0.1:2/v1}}
endpoints: {chat: {stable: a}}
plans: {default: {budgets: {exclaims: {max_increase: 1pp}}}, other: {budgets: {exclaims: off}}}
'''
config = load_text(text, env={})
budgets = {plan: [b.budget_class for b in config.plan_for("chat", plan).budgets if b.signal == "exclaims"]
           for plan in ("default", "other")}
own = contained.load()
one, other = (side(ask("Hi"), heard(says(said)), {**ALSO, **own}) for said in ("Hello.", "Hello!!"))
vote = paired_vote(exchange(), one, other, ("*",))
print(json.dumps([installed.names(), installed.versions(), budgets, [c for c in vote.cells if "exclaims" in c]]))
"""


@pytest.fixture(scope="module")
def installed_at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the example was built and installed; no index is asked for anything."""
    folder = tmp_path_factory.mktemp("own-signal")
    wheels = folder / "wheels"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(EXAMPLE)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = wheels.iterdir()
    target = folder / "site"
    install = [sys.executable, "-m", "zipfile", "-e", str(wheel), str(target)]
    subprocess.run(install, check=True, capture_output=True, text=True)
    return target


def test_the_example_is_found_budgeted_and_counted(installed_at: Path) -> None:
    """Its name is a budget's name, its version a number, and a candidate that shouts is counted in the pair's vote."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{installed_at}:{ROOT}"},
    )
    assert done.stderr == ""
    names, versions, budgets, cells = json.loads(done.stdout)
    assert names == ["exclaims"]
    assert isinstance(versions["exclaims"], int)
    assert budgets == {"default": ["guardrail"], "other": []}
    assert cells == ["p/exclaims/*/0/20"]
