import re
from pathlib import Path

import pytest

from gateway.config.addresses import Address
from gateway.config.errors import ConfigError
from gateway.config.fields import KeyKind, KeySource
from gateway.config.load import dump_resolved, examine, load_file, load_resolved, load_text
from gateway.config.model import Config

SMALL = "models: {a: {base_url: http://x/v1}}\nendpoints: {chat: {stable: a}}\n"


def problems(text: str, **env: str) -> list[str]:
    """Every problem of `text`, as shown."""
    return [str(problem) for problem in examine(text, "f.yaml", env).problems]


def test_the_documented_sample_loads_whole(sample_file: Path) -> None:
    """Every option that the documentation shows is known and means what it says."""
    config = load_file(sample_file, {"ACME_KEY": "s3cret"})
    chat = config.endpoints["chat"]
    assert config.listen.admin == Address("127.0.0.1", 8081)
    assert config.models["acme-v12"].api_key == "s3cret"
    assert chat.sticky_by[0] == KeySource(KeyKind.HEADER, "x-user-id")
    assert chat.shadow.max_tokens_per_minute == 200_000
    assert [stage.weight_bps for stage in config.plan_for("chat").stages] == [0, 100, 1_000, 5_000, 10_000]
    assert config.keys[1].endpoints == ("chat",)


def test_a_small_file_is_a_whole_configuration() -> None:
    """Models and an endpoint are enough; everything else has its default."""
    config = load_text(SMALL, env={})
    assert config.models["a"].model == "a"
    assert config.workers == "auto"
    assert config.worker_count() >= 1
    assert config.limits.max_body_bytes == 10 << 20


def test_the_resolved_form_comes_back_equal(sample_file: Path) -> None:
    """Children serve exactly what the supervisor read, secrets included."""
    config = load_file(sample_file, {"ACME_KEY": "s3cret"})
    assert load_resolved(dump_resolved(config)) == config


def test_a_secret_does_not_show_in_a_repr(sample_file: Path) -> None:
    """A configuration in a log line gives no key away."""
    assert "s3cret" not in repr(load_file(sample_file, {"ACME_KEY": "s3cret"}))


def test_a_variant_says_what_its_parent_says_but_for_what_it_replaces(sample_file: Path) -> None:
    """`extends` fills in; `overrides` and the prompt's text are the variant's own."""
    models = load_file(sample_file, {"ACME_KEY": "s3cret"}).models
    terse = models["acme-v12-terse"]
    assert (terse.base_url, terse.model, terse.api_key) == ("http://10.0.0.5:8000/v1", "acme-v12", "s3cret")
    assert terse.overrides == {"temperature": 0.2}
    assert terse.system_prompt == "Be terse.\n"
    assert models["acme-v12"].system_prompt is None


def test_overrides_are_merged_down_a_line_of_variants() -> None:
    """A grandchild keeps what its grandparent set and nobody replaced."""
    text = """
models:
  c: {extends: b, overrides: {top_p: 1}}
  b: {extends: a, overrides: {temperature: 1, seed: 2}}
  a: {base_url: http://x/v1, overrides: {temperature: 0, n: 1}, headers: {x-a: "1"}}
endpoints: {chat: {stable: a}}
"""
    model = load_text(text, env={}).models["c"]
    assert model.overrides == {"temperature": 1, "seed": 2, "n": 1, "top_p": 1}
    assert (model.model, model.headers) == ("a", {"x-a": "1"})


def test_a_key_loses_the_line_break_of_the_file_it_came_from() -> None:
    """Sent as it stands, it would break every request's head in two."""
    text = SMALL.replace("/v1}", "/v1, api_key: ${KEY}}")
    assert load_text(text, env={"KEY": " sk-1\n"}).models["a"].api_key == "sk-1"
    with pytest.raises(ConfigError, match=r"models\.a\.api_key: holds a character that no key has") as refused:
        load_text(text, env={"KEY": "sk-1\r\nx-forged: 1"})
    assert "sk-1" not in str(refused.value)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ('headers: {"x a": b}', "models.a.headers.x a: 'x a' is no header's name"),
        ('headers: {x-a: "b\\r\\nx-forged: 1"}', "models.a.headers.x-a: holds a character that no header has"),
        ('base_url: "http://x:99999/v1"', "models.a.base_url: 'http://x:99999/v1' leads nowhere"),
        ('base_url: "http://x y/v1"', "models.a.base_url: 'http://x y/v1' leads nowhere"),
        ("base_url: http://x/v1, price: {input: true, output: 1}", "models.a.price.input: not a number"),
    ],
)
def test_what_would_break_a_request_is_found_in_the_file(option: str, said: str) -> None:
    """Otherwise the first request would find it."""
    base = "" if "base_url" in option else "base_url: http://x/v1, "
    (problem,) = problems(f"models: {{a: {{{base}{option}}}}}\nendpoints: {{chat: {{stable: a}}}}\n")
    assert said in problem


def test_the_environment_overrides_the_state_directory() -> None:
    """DRIFTGATE_STATE_DIR wins over the file; a relative directory in the file is beside the file."""
    assert load_text(SMALL, env={"DRIFTGATE_STATE_DIR": "/var/x"}).state_dir == Path("/var/x")
    assert load_text(f"{SMALL}state_dir: state", "/etc/dg/f.yaml", {}).state_dir == Path("/etc/dg/state")


def test_an_unset_variable_stops_serving_but_not_checking() -> None:
    """CI checks a file without its secrets; a gateway does not start without them."""
    text = SMALL.replace("/v1}", "/v1, api_key: ${NOPE}}")
    assert problems(text) == []
    assert "NOPE is not set" in examine(text, "f.yaml", {}).warnings[0]
    with pytest.raises(ConfigError, match=r"f\.yaml:1:46: models.a.api_key: the environment variable NOPE is not set"):
        load_text(text, "f.yaml", {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workrs: 4", "f.yaml:3:1: workrs: unknown key: did you mean workers?"),
        (
            "workers: many",
            "f.yaml:3:10: workers: 'many' is no number of workers: write auto, or a number from 1 to 256",
        ),
        ("listen: {data: nowhere}", "f.yaml:3:16: listen.data: 'nowhere' is not an address"),
        (
            "limits: {max_body: 10}",
            "f.yaml:3:20: limits.max_body: 10 has no unit: write it with its unit, such as 10MiB",
        ),
        ("limits: {max_body_bytes: 10}", "limits.max_body_bytes: unknown key: did you mean max_body?"),
        ("redis: {url: redis+sentinel://h}", "redis.url: a Sentinel address ends in the name that the Sentinels watch"),
        ("redis:", "f.yaml:3:7: redis: has no value"),
        ("keys: {name: x}", "f.yaml:3:7: keys: not a list"),
        ("keys: [{name: x, role: boss, hash: …}]", "f.yaml:3:24: keys[0].role: not one of the known values"),
        ("keys: [{name: x, role: app}]", "f.yaml:3:8: keys[0].hash: missing: add `hash: …`"),
        ("plans: {p: {stages: []}}", "f.yaml:3:21: plans.p.stages: empty"),
        ("plans: {p: {stages: [{weight: 5%, bake: 5}]}}", "plans.p.stages[0].bake: 5 has no unit"),
        ("plans: {p: {budgets: {length: {within: 15}}}}", "plans.p.budgets.length.within: 15 has no unit"),
        ("plans: {P: {}}", "f.yaml:3:9: plans.P: 'P' is not a name"),
        ("alerts: [{url: nowhere}]", "f.yaml:3:16: alerts[0].url: not an http or https address"),
        ("alerts: [{url: 'http://x:99999/'}]", "alerts[0].url: not an http or https address"),
        ("plans: {p: {stages: [{weight: true}]}}", "stages[0].weight: true is not a number: write one, such as 10%"),
        ("plans: {p: {stages: [{weight: 5%, margin: true}]}}", "stages[0].margin: true is not a number"),
        ("plans: {p: {stages: [{weight: 5%, min_keys: true}]}}", "stages[0].min_keys: not a whole number"),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_what_to_do(text: str, said: str) -> None:
    """Line, column, path, what is wrong, what to write instead."""
    (problem,) = problems(SMALL + text)
    assert said in problem


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("{a: {}}", "models.a.base_url: missing"),
        ("{a: {base_url: ftp://x}}", "not an http or https address"),
        ("{a: {base_url: http://me:pw@x}}", "credentials do not belong in base_url"),
        ("{a: {base_url: http://x, api_key: 5}}", "models.a.api_key: not a text: put it in quotes"),
        ("{a: {extends: b}}", "models.a.extends: there is no model 'b': define it under models"),
        ("{a: {extends: a}}", "models extend each other: a → a"),
        (
            "{a: {base_url: http://x, system_prompt: no/such.txt}}",
            "no/such.txt cannot be read: No such file or directory",
        ),
        ("{a: {base_url: http://x, overrides: {model: y}}}", "model cannot be overridden"),
        ("{a: {base_url: http://x, headers: {Host: y}}}", "this header is the gateway's"),
    ],
)
def test_a_wrong_model_is_named(models: str, said: str) -> None:
    """What a model cannot be says so at the model."""
    (problem,) = problems(f"models: {models}\nendpoints: {{chat: {{stable: a}}}}\n")
    assert said in problem


def test_what_a_variant_inherits_is_complained_of_once() -> None:
    """A mistake in a parent is the parent's alone."""
    text = "models: {a: {base_url: nowhere}, b: {extends: a}}\nendpoints: {chat: {stable: b}}\n"
    (problem,) = problems(text)
    assert problem.startswith("f.yaml:1:24: models.a.base_url")


def test_every_problem_is_told_at_once() -> None:
    """Nobody corrects a file one error per run."""
    assert len(problems(f"{SMALL}workrs: 4\nlisten: {{data: x, admin: y}}\n")) == 3


def test_a_file_that_cannot_be_read_is_one_clear_problem(tmp_path: Path) -> None:
    """A wrong name on the command line is no traceback."""
    with pytest.raises(ConfigError, match=r"no\.yaml:1:1: cannot be read: No such file or directory"):
        load_file(tmp_path / "no.yaml", {})
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_file(tmp_path / "latin.yaml", {})


def test_a_file_that_works_as_meant_has_no_warnings() -> None:
    """A warning that is always there is read by nobody."""
    assert examine(SMALL, "f.yaml", {}).warnings == ()


def test_code_may_pass_plain_numbers() -> None:
    """Units are for people: a test that builds a configuration passes fractions and seconds."""
    config = Config.model_validate(
        {
            "models": {"a": {"base_url": "http://x", "model": "a"}},
            "endpoints": {"e": {"stable": "a", "shadow": {"sample": 0.5}}},
        }
    )
    assert config.endpoints["e"].shadow.sample == 0.5


def test_a_model_may_have_several_servers_and_speak_http_2_to_them() -> None:
    """One address or a list; the version as a number or a text, since YAML reads `2` as a number."""
    text = (
        "models:\n"
        "  a: {base_url: [http://x/v1/, http://y/v1], http: 2, max_in_flight: 8, health: /health}\n"
        '  b: {base_url: http://z/v1, http: "1.1"}\n'
        "endpoints: {chat: {stable: a}}\n"
    )
    models = load_text(text, "f.yaml", {}).models
    assert (models["a"].base_urls, models["a"].http) == (("http://x/v1", "http://y/v1"), "2")
    assert (models["b"].base_urls, models["b"].http) == (("http://z/v1",), "1.1")


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("base_url: []", "0 addresses"),
        ("base_url: [http://x, http://x/]", "the same address twice"),
        ("base_url: [http://x, 7]", "not an address, or a list of addresses"),
        ("base_url: http://x, http: 3", "models.a.http"),
        ("base_url: http://x, health: health", "not a path on the server"),
        ("base_url: http://x, max_in_flight: 0", "models.a.max_in_flight"),
    ],
)
def test_what_cannot_be_asked_is_said_at_its_place(option: str, complaint: str) -> None:
    """Each with the option's name, or what is wrong with its value."""
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load_text(f"models: {{a: {{{option}}}}}\nendpoints: {{chat: {{stable: a}}}}\n", "f.yaml", {})
