import pytest

from gateway.config.load import examine, load_text

SMALL = "models: {a: {base_url: http://x/v1}}\nendpoints: {chat: {stable: a}}\n"
ADMIN_KEY = "keys: [{name: me, role: admin, hash: …}]\n"


def problems(text: str) -> list[str]:
    """Every problem of `text`, as shown."""
    return [str(problem) for problem in examine(text, "f.yaml", {}).problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen: {data: 0.0.0.0:80}", "without keys everything is open: add keys"),
        ("listen: {admin: 'box:80'}", "without keys everything is open: add keys"),
        ("listen: {data: 127.0.0.1:1, admin: 127.0.0.1:1}", "both planes cannot share one address"),
        ("passthrough: {/v1/audio/speech: nope}", "there is no endpoint 'nope': use one of chat"),
        ("passthrough: {/metrics: chat}", "not a path below /v1/"),
        ("passthrough: {/v1/a/*/b: chat}", "not a plain path"),
        ("passthrough: {/v1/files/../x: chat}", "not a plain path"),
        ("passthrough: {'/v1/*': chat}", "would hide the gateway's own paths"),
        ("plans: {p: {stages: [{weight: 5%}, {weight: 5%}]}}", "p.stages[1].weight: weights must rise"),
        ("plans: {p: {exclude: ['ring:x']}}", "p.exclude[0]: no key is ring:x: write ring: x at the keys"),
        ("plans: {p: {stages: [{weight: 0%, include: ['key:x']}]}}", "no key is key:x: name a key of this file"),
        ("plans: {p: {stages: [{weight: 5%, bake: 5m, deadline: 5m}]}}", "the deadline passes before the bake does"),
        ("plans: {p: {budgets: {zork: {}}}}", "there is no signal 'zork'"),
        ("plans: {p: {budgets: {refusal: {within: 5%}}}}", "refusal is not judged by within"),
        ("plans: {p: {budgets: {refusal: {}}}}", "a budget without a limit guards nothing"),
        ("plans: {p: {budgets: {errors: off}}}", "errors is always a guardrail"),
        ("plans: {p: {budgets: {errors: {max_increase: 1pp, class: signal}}}}", "errors is always a guardrail"),
        ("plans: {p: {budgets: {length: {expected: [1pp, 2pp]}}}}", "a change of length is relative, in %"),
        ("plans: {p: {budgets: {refusal: {expected: [-2%, -1%]}}}}", "a change of refusal is in points, pp"),
    ],
)
def test_sections_that_contradict_each_other_are_named(text: str, said: str) -> None:
    """What each value cannot know by itself is checked between them."""
    (problem,) = problems(f"{SMALL}{text}\n")
    assert said in problem


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("{stable: b}", "endpoints.chat.stable: there is no model 'b': use one of a"),
        ("{stable: a, plan: fast}", "endpoints.chat.plan: there is no plan 'fast': use one of default"),
        ("{stable: a, sticky_by: [cookie:x]}", "'cookie:x' names no place in a request"),
        ("{stable: a, sticky_by: [request]}", "request cannot be used here"),
        ("{stable: a, vote_by: conversation}", "conversation cannot be used here"),
        ("{stable: a, max_tenant_share: 50%}", "nothing says whose a request is: add key.tenant"),
        ("{stable: a, slices: [key.role]}", "'key.role' names no place in a request"),
    ],
)
def test_an_endpoint_refers_to_what_is_there(endpoint: str, said: str) -> None:
    """Models, plans and places in a request are known by name."""
    (problem,) = problems(f"models: {{a: {{base_url: http://x/v1}}}}\nendpoints: {{chat: {endpoint}}}\n")
    assert said in problem


RINGS = """
models: {a: {base_url: http://x/v1}, b: {base_url: http://x/v1, accepts: [health]}}
endpoints: {chat: {stable: a}}
keys:
  - {name: me, role: admin, hash: …}
  - {name: dev, role: app, hash: …, ring: internal, tenant: us}
"""


def test_rings_come_before_percentages_and_add_up() -> None:
    """Two stages of one weight, where the later one includes more; who is included stays so."""
    stages = "[{weight: 0%}, {weight: 0%, include: ['ring:internal']}, {weight: 0%, include: ['key:me']}, {weight: 9%}]"
    text = f"{RINGS}plans: {{p: {{exclude: ['tenant:us'], stages: {stages}}}}}"
    assert problems(text) == []
    plan = load_text(text, "f.yaml", {}).plan_for("chat", "p")
    rings = ("ring:internal",), ("ring:internal", "key:me"), ("ring:internal", "key:me")
    assert (plan.exclude, tuple(stage.include for stage in plan.stages)) == (("tenant:us",), ((), *rings))


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ("[{weight: 0%, include: ['key:me']}, {weight: 0%, include: ['key:me']}]", "or include somebody more"),
        ("[{weight: 5%}, {weight: 1%, include: ['key:me']}]", "weights must rise"),
        ("[{weight: 5%, include: ['tenant:us']}]", "tenant:us is excluded by the plan"),
        ("[{weight: 5%, include: [internal]}]", "include[0]"),
    ],
)
def test_a_stage_that_includes_nobody_more_is_no_stage(stages: str, said: str) -> None:
    """A later stage reaches more, and nobody less; who is left out cannot be included."""
    (problem,) = problems(f"{RINGS}plans: {{p: {{exclude: ['tenant:us'], stages: {stages}}}}}")
    assert said in problem


def test_classes_of_data_meet_on_both_sides() -> None:
    """A key whose data no stable model takes, and a stable model that nobody may send data to."""
    (problem,) = problems(RINGS.replace("ring: internal", "class: health"))
    assert "keys[1].class: no stable model accepts data of class 'health': write accepts: [health]" in problem
    (problem,) = problems(RINGS.replace("stable: a", "stable: b"))
    assert "endpoints.chat.stable: no key may send data to b: give a key class: health" in problem
    both = RINGS.replace("stable: a}", "stable: a}, safe: {stable: b}").replace("ring: internal", "class: health")
    assert problems(both) == []


def test_keys_are_told_apart() -> None:
    """Two entries with one name, or one key, could not be told apart in the audit record."""
    digest = "hmac-sha256:" + "0" * 64
    entries = (
        f"keys: [{{name: x, role: admin, hash: '{digest}'}}, {{name: x, role: app, hash: '{digest}', endpoints: [no]}}]"
    )
    said = "\n".join(problems(f"{SMALL}{entries}\n"))
    assert "two keys are called x" in said
    assert "two entries hold the same key" in said
    assert "keys[1].endpoints[0]: there is no endpoint 'no'" in said


def test_with_keys_a_gateway_may_listen_anywhere() -> None:
    """Loopback is the rule only while everything is open."""
    assert problems(f"{SMALL}{ADMIN_KEY}listen: {{data: 0.0.0.0:80, admin: '[::]:81'}}\n") == []


def test_a_free_port_may_be_asked_for_on_both_planes() -> None:
    """Port 0 is no clash."""
    assert problems(f"{SMALL}listen: {{data: 127.0.0.1:0, admin: 127.0.0.1:0}}\n") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SMALL.replace("stable: a}", "stable: a, shadow: {noise_floor: 0}}"), "cannot be judged without a noise floor"),
        (SMALL.replace("stable: a}", "stable: a, slices: [key.tenant]}"), "key.… is empty without keys"),
        (
            SMALL.replace("stable: a}", "stable: a, slices: ['header:x-route']}")
            + "plans: {default: {slices_roll_back: true}}\n",
            "no slice can roll back: clients can choose all of them",
        ),
        (f"{SMALL}keys: [{{name: x, role: app, hash: …}}]", "no key may start a rollout"),
        (f"{SMALL}{ADMIN_KEY}", "this key opens nothing"),
    ],
)
def test_what_works_hardly_as_meant_is_a_warning(text: str, said: str) -> None:
    """A warning does not stop a gateway, but it is said."""
    examined = examine(text, "f.yaml", {})
    assert examined.config is not None
    assert any(said in warning for warning in examined.warnings)
