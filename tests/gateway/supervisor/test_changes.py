"""What a reload may change: everything but the processes' own ground, and what a running rollout compares."""

import pytest

from gateway.config.load import load_text
from gateway.config.model import Config
from gateway.supervisor.changes import InUse, refusals

TEXT = """
listen: {data: 127.0.0.1:1, admin: 127.0.0.1:2}
workers: 2
state_dir: /tmp/state
models:
  old: {base_url: http://a/v1, api_key: k}
  new: {base_url: http://b/v1}
  spare: {base_url: http://c/v1}
endpoints:
  chat: {stable: old, sticky_by: [header:x-user-id], shadow: {sample: 5%}}
  more: {stable: old}
plans:
  default: {alpha: 0.05}
"""
IDLE = InUse(endpoint="chat", stable="old")
RUNNING = InUse(endpoint="chat", stable="old", rollout="chat-1", arms=("old", "new"))
PROMOTED = InUse(endpoint="chat", stable="spare", generation=3)


def config(text: str = TEXT) -> Config:
    """A configuration."""
    return load_text(text, "f.yaml", {})


def changed(before: str, after: str) -> Config:
    """The configuration with a change."""
    assert before in TEXT
    return config(TEXT.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("data: 127.0.0.1:1", "data: 127.0.0.1:3", "listen cannot change while serving"),
        ("workers: 2", "workers: 3", "workers cannot change while serving"),
        ("/tmp/state", "/tmp/other", "state_dir cannot change while serving"),
        ("workers: 2", "workers: 2\nredis: {prefix: other}", "redis cannot change while serving"),
        ("header:x-user-id", "header:x-session", "endpoints.chat.sticky_by cannot change while chat-1 runs"),
        ("chat: {stable: old", "chat: {vote_by: request, stable: old", "endpoints.chat.vote_by cannot change"),
        ("chat: {stable: old", "chat: {stable: spare", "endpoints.chat.stable cannot change while chat-1 runs"),
        ("http://b/v1", "http://d/v1", "models.new.base_url cannot change while chat-1 runs"),
        ("{base_url: http://a", "{overrides: {top_k: 1}, base_url: http://a", "models.old.overrides cannot change"),
        ("  new: {base_url: http://b/v1}\n", "", "models.new cannot go while chat-1 runs"),
        ("  chat: {stable: old, sticky_by: [header:x-user-id], shadow: {sample: 5%}}\n", "", "endpoints.chat is gone"),
    ],
)
def test_what_a_running_rollout_rests_on_stays(before: str, after: str, said: str) -> None:
    """One sentence, which says what would have to happen first."""
    (reason,) = refusals(config(), changed(before, after), [RUNNING])
    assert said in reason


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("api_key: k", "api_key: other"),
        ("sample: 5%", "sample: 50%"),
        ("alpha: 0.05", "alpha: 0.01"),
        ("  spare: {base_url: http://c/v1}\n", ""),
        ("  more: {stable: old}\n", ""),
        ("state_dir:", "limits: {drain: 3s}\nstate_dir:"),
    ],
)
def test_everything_else_may_change_while_a_rollout_runs(before: str, after: str) -> None:
    """Keys, plans for later rollouts, shares, other models and endpoints."""
    assert refusals(config(), changed(before, after), [RUNNING]) == []


@pytest.mark.parametrize(
    ("before", "after"), [("header:x-user-id", "header:x-session"), ("http://b/v1", "http://d/v1")]
)
def test_with_nothing_running_arms_may_change(before: str, after: str) -> None:
    """There is no evidence whose meaning could change."""
    assert refusals(config(), changed(before, after), [IDLE]) == []


def test_the_model_that_serves_stays() -> None:
    """A promoted model that the file no longer has could not be asked."""
    (reason,) = refusals(config(), changed("  spare: {base_url: http://c/v1}\n", ""), [PROMOTED])
    assert "models.spare is gone, and serves chat as generation 3" in reason
