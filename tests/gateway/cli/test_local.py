import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.options import KEY_VARIABLE
from gateway.config.load import load_text
from gateway.keys import KeyRing
from gateway.version import __version__, data_path
from tests.gateway.cli.listener import Run

SECRET = "a secret that is long enough"
SMALL = "models: {a: {base_url: http://x/v1}}\nendpoints: {chat: {stable: a}}\n"


def test_what_init_writes_passes_check(run: Run, tmp_path: Path) -> None:
    """The first file that anybody has is a good one."""
    assert run("init").code == 0
    checked = run("check", "driftgate.yaml")
    assert (checked.code, checked.out) == (0, "driftgate.yaml: ok\n")
    assert KEY_VARIABLE not in (tmp_path / "driftgate.yaml").read_text(encoding="utf-8")


def test_init_does_not_overwrite_unless_told_to(run: Run, tmp_path: Path) -> None:
    """Nobody's configuration is lost to a command typed twice."""
    (tmp_path / "driftgate.yaml").write_text("mine", encoding="utf-8")
    refused = run("init")
    assert (refused.code, refused.err) == (
        1,
        "driftgate: driftgate.yaml is there already: name another file, or overwrite it with --force\n",
    )
    assert run("init", "--force", "--json").json == {"written": "driftgate.yaml"}


def test_check_names_every_error_and_ends_with_1(run: Run, tmp_path: Path) -> None:
    """One line for each problem, in the form that editors jump from."""
    (tmp_path / "f.yaml").write_text(f"{SMALL}workrs: 4\nredis: 5\n", encoding="utf-8")
    checked = run("check", "f.yaml")
    assert checked.code == 1
    assert checked.out.splitlines() == [
        "error: f.yaml:3:1: workrs: unknown key: did you mean workers?",
        "error: f.yaml:4:8: redis: not a section: write key: value pairs, indented below it or in braces",
        "f.yaml: 2 errors",
    ]


def test_check_says_the_same_as_json(run: Run, tmp_path: Path) -> None:
    """A CI job reads places, not sentences."""
    (tmp_path / "f.yaml").write_text(f"{SMALL}workrs: 4\n", encoding="utf-8")
    checked = run("check", "f.yaml", "--json")
    assert checked.code == 1
    assert checked.json["ok"] is False
    assert checked.json["problems"][0] | {"message": "", "fix": ""} == {
        "source": "f.yaml", "line": 3, "column": 1, "path": "workrs", "message": "", "fix": "",
    }  # fmt: skip


def test_check_reads_standard_input(tmp_path: Path) -> None:
    """A template's output can be checked without a file; what it names lies relative to where the command runs."""
    (tmp_path / "terse.txt").write_text("Be terse.", encoding="utf-8")
    text = f"{SMALL.replace('}}', ', system_prompt: terse.txt}}', 1)}workrs: 4\n"
    command = [sys.executable, "-m", "gateway.cli", "check", "-"]
    done = subprocess.run(command, input=text, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "error: stdin:3:1: workrs: unknown key: did you mean workers?",
        "stdin: 1 error",
    ]


def test_a_wrong_command_line_is_json_where_json_was_asked_for(run: Run) -> None:
    """A program gets every error in one shape, and the exit code of a wrong command line."""
    for arguments, says in (
        (("status", "--json"), "Missing argument 'endpoint'"),
        (("check", "f.yaml", "--bogus", "--json"), "No such option: --bogus"),
        (("bogus", "--json"), "No such command 'bogus'"),
    ):
        ran = run(*arguments)
        assert (ran.code, ran.json["error"]["message"]) == (2, says)
        assert "--help" in ran.json["error"]["fix"]


def test_check_needs_no_secrets(run: Run, tmp_path: Path) -> None:
    """Unset variables and a missing key secret are warnings here, and errors only for `serve`."""
    text = SMALL.replace("/v1}", "/v1, api_key: ${MODEL_KEY}}")
    (tmp_path / "f.yaml").write_text(text, encoding="utf-8")
    assert "warning: f.yaml:1:46" in run("check", "f.yaml").out
    served = run("serve", "-c", "f.yaml")
    assert served.code == 1
    assert "MODEL_KEY is not set" in served.err
    (tmp_path / "f.yaml").write_text(f"{SMALL}keys: [{{name: a, role: admin, hash: …}}]\n", encoding="utf-8")
    assert run("check", "f.yaml").code == 0
    served = run("serve", "-c", "f.yaml")
    assert (served.code, "DRIFTGATE_KEY_SECRET" in served.err) == (1, True)


def test_a_missing_file_is_one_sentence(run: Run) -> None:
    """Neither `check` nor `serve` shows a traceback for a wrong name."""
    assert "no.yaml:1:1: cannot be read: No such file or directory" in run("check", "no.yaml").out
    served = run("serve", "-c", "no.yaml")
    assert served.code == 1
    assert "cannot be read" in served.err


def test_check_loads_nothing_that_serves(tmp_path: Path) -> None:
    """It runs on every keystroke of some editors: no web framework, no server, no numpy."""
    (tmp_path / "f.yaml").write_text(SMALL, encoding="utf-8")
    program = (
        "import sys; from gateway.cli.main import app; app(['check', sys.argv[1]], standalone_mode=False);"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'litestar', 'uvicorn', 'numpy', 'redis'}))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "f.yaml")], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"


def test_rolling_back_waits_for_no_import_that_it_does_not_need() -> None:
    """At three in the morning the command is there at once: what reads configurations is not imported."""
    program = (
        "import sys; from gateway.cli.main import app; app(['rollback', '--help'], standalone_mode=False);"
        "print(sorted({'yaml', 'gateway.config.load', 'shadow.signals.catalogue'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"


def test_a_created_key_opens_the_gateway_that_has_its_entry(run: Run) -> None:
    """The printed entry can be pasted as it is, and the printed key then works."""
    arguments = ("--name", "shop", "--role", "app", "--tenant", "t1", "--endpoint", "chat", "--pin")
    printed = run("key", "create", *arguments, DRIFTGATE_KEY_SECRET=SECRET).out.splitlines()
    token = printed[0].rpartition(" ")[2]
    config = load_text(f"{SMALL}keys:\n{printed[2]}\n", env={})
    caller = KeyRing.from_config(config.keys, SECRET).authenticate(token)
    assert caller is not None
    assert (caller.name, caller.role, caller.tenant, caller.pin) == ("shop", "app", "t1", True)
    assert caller.endpoints == frozenset({"chat"})


def test_a_created_key_as_json_is_the_key_and_its_entry(run: Run) -> None:
    """Scripts get both without parsing sentences."""
    made = run("key", "create", "--name", "ci", "--role", "deployer", "--json", DRIFTGATE_KEY_SECRET=SECRET).json
    assert set(made) == {"key", "entry"}
    assert set(made["entry"]) == {"name", "role", "hash"}


def test_a_key_needs_the_secret(run: Run) -> None:
    """Without it the hash would be worth nothing."""
    refused = run("key", "create", "--name", "ci", "--role", "deployer", "--json")
    assert refused.code == 1
    assert "DRIFTGATE_KEY_SECRET, which is not set" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["status"], ["start", "chat"], ["key", "create", "--role", "boss"]]
)
def test_a_command_line_that_makes_no_sense_ends_with_2(run: Run, arguments: list[str]) -> None:
    """As everywhere: usage errors are 2."""
    assert run(*arguments).code == 2


def test_the_version_is_printed(run: Run) -> None:
    """`driftgate --version` works without a gateway, and says how its data path was built."""
    assert run("--version").out == f"driftgate {__version__}, data path {data_path()}\n"
