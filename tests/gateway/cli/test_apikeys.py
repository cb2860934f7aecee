from pathlib import Path

import pytest

from gateway.config.load import load_text
from gateway.keys import SECRET_VARIABLE, KeyRing, stored_hash
from tests.gateway.cli.listener import Run

SECRET = "a secret that is long enough"
CI, SHOP = stored_hash(SECRET, "token-ci"), stored_hash(SECRET, "token-shop")
FILE = f"""\
models: {{a: {{base_url: "${{BASE:-http://x}}/v1"}}}}  # ours
endpoints: {{chat: {{stable: a}}}}
keys:
  - {{name: ci, role: deployer, hash: "{CI}"}}   # the pipeline
  - name: shop     # applications
    role: app
    tenant: shop
    hash: {SHOP}
  - {{name: old, role: viewer, expires: 2020-01-31, hash: "hmac-sha256:{"0" * 64}"}}
"""
ENV = {SECRET_VARIABLE: SECRET}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration with keys in both of YAML's styles."""
    found = tmp_path / "driftgate.yaml"
    found.write_text(FILE, encoding="utf-8")
    return found


def ring(path: Path) -> KeyRing:
    """The keys of the file as a gateway takes them."""
    return KeyRing.from_config(load_text(path.read_text(encoding="utf-8")).keys, SECRET)


@pytest.mark.parametrize(("name", "old"), [("ci", "token-ci"), ("shop", "token-shop")])
def test_an_exchanged_key_and_the_new_one_are_both_valid(run: Run, path: Path, name: str, old: str) -> None:
    """The file keeps its comments and its other keys; nobody is locked out meanwhile."""
    done = run("key", "rotate", name, "--keep", "2h", "--json", **ENV)
    assert (done.code, done.json["name"]) == (0, name)
    both = ring(path)
    for token in (done.json["key"], old):
        caller = both.authenticate(token)
        assert caller is not None
        assert caller.name == name
    text = path.read_text(encoding="utf-8")
    assert [comment in text for comment in ("# ours", "# the pipeline", "# applications", "${BASE:-")] == [True] * 4
    assert done.json["key"] not in text
    third = run("key", "rotate", name, "--json", **ENV)
    assert ring(path).authenticate(old) is None
    assert ring(path).authenticate(third.json["key"]) is not None


def test_a_revoked_key_opens_nothing_and_stays_in_the_list(run: Run, path: Path) -> None:
    """The audit record may still name it."""
    assert run("key", "revoke", "ci").code == 0
    assert ring(path).authenticate("token-ci") is None
    assert ring(path).authenticate("token-shop") is not None
    listed = run("key", "list").out.splitlines()
    assert [line.split()[0] for line in listed] == ["name", "ci", "shop", "old"]
    assert "opens nothing" in listed[1]
    assert "valid, no end" in listed[2]
    assert "opens nothing" in listed[3]
    assert "hmac" not in run("key", "list", "--json").out


def test_what_cannot_be_done_leaves_the_file_as_it_was(run: Run, path: Path) -> None:
    """An unknown name, no secret, a duration that is none."""
    assert "no key 'nobody'" in run("key", "revoke", "nobody").err
    assert SECRET_VARIABLE in run("key", "rotate", "ci").err
    assert run("key", "rotate", "ci", "--keep", "soon", **ENV).code == 2
    assert path.read_text(encoding="utf-8") == FILE


def test_a_key_may_have_an_end_from_the_start(run: Run) -> None:
    """The printed entry says so, and a date that is none is refused."""
    made = run("key", "create", "--name", "tmp", "--role", "viewer", "--expires", "2031-01-31", "--json", **ENV)
    assert made.json["entry"]["expires"] == "2031-01-31"
    refused = run("key", "create", "--name", "tmp", "--role", "viewer", "--expires", "soon", **ENV)
    assert (refused.code, "2027-01-31" in refused.err) == (2, True)
