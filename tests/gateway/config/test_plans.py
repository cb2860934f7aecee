from pathlib import Path

import pytest

from gateway.config.load import dump_resolved, examine, load_file, load_resolved, load_text
from gateway.config.plans import PlanSpec, expecting
from rollback.errors import InvalidPlan
from rollback.hours import Hours
from rollback.plan import Budget, BudgetClass, Plan
from shadow.signals.catalogue import ALSO

SMALL = "models: {a: {base_url: http://x/v1}}\nendpoints: {chat: {stable: a}}\n"


def budgets_of(plan: Plan) -> dict[str, Budget]:
    """The plan's budgets by signal."""
    return {budget.signal: budget for budget in plan.budgets}


def test_the_built_in_plan_is_the_documented_one(sample_file: Path) -> None:
    """The sample writes the defaults out; without `plans` they are the same."""
    written = load_file(sample_file, {"ACME_KEY": "k"}).plan_for("chat")
    assert load_text(SMALL, env={}).plan_for("chat") == written


def test_a_signal_that_is_not_named_keeps_its_budget() -> None:
    """Forgetting a signal does not switch its guard off; `off` does."""
    text = f"{SMALL}plans: {{p: {{budgets: {{agreement: off, refusal: {{max_increase: 1pp}}}}}}}}\n"
    budgets = budgets_of(load_text(text, env={}).plan_for("chat", "p"))
    assert "agreement" not in budgets
    assert budgets["refusal"] == Budget(signal="refusal", max_increase=0.01)
    assert budgets["length"].within == 0.15
    assert budgets["ttft"].budget_class is BudgetClass.SIGNAL


def test_the_other_signals_are_observed_until_a_budget_says_more() -> None:
    """Each has limits by default, so that their rows say what would have happened; a named one is replaced whole."""
    text = f"{SMALL}plans: {{p: {{budgets: {{empty: {{max_increase: 1pp}}, lists: off}}}}}}\n"
    budgets = budgets_of(load_text(text, env={}).plan_for("chat", "p"))
    assert budgets["empty"] == Budget(signal="empty", max_increase=0.01)
    assert "lists" not in budgets
    assert {budgets[name].budget_class for name in ALSO if name not in ("empty", "lists")} == {BudgetClass.OBSERVE}
    assert budgets_of(expecting(load_text(text, env={}).plan_for("chat"), ["tool_call=+5pp..+20pp"]))[
        "tool_call"
    ].expected == (0.05, 0.2)


def test_an_endpoint_names_its_own_plan() -> None:
    """A rollout takes the endpoint's plan unless it names one."""
    text = SMALL.replace("stable: a}", "stable: a, plan: p}") + "plans: {p: {alpha: 1%, stages: [{weight: 100%}]}}\n"
    config = load_text(text, env={})
    assert config.plan_for("chat").alpha == 0.01
    assert config.plan_for("chat", "default").alpha == 0.05
    with pytest.raises(InvalidPlan, match="there is no plan 'q'; the configuration has default, p"):
        config.plan_for("chat", "q")


def test_a_wanted_change_replaces_what_the_budget_expects() -> None:
    """`start --expect` reaches the frozen plan."""
    plan = expecting(PlanSpec().resolve("default"), ["refusal=+1pp..+6pp", "length=-30%..-10%"])
    assert budgets_of(plan)["refusal"].expected == (0.01, 0.06)
    assert budgets_of(plan)["length"].expected == (-0.3, -0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "not an expectation"),
        ("zork=+1pp..+2pp", "judges no change of 'zork'"),
        ("agreement=+1pp..+2pp", "judges no change of 'agreement'"),
        ("refusal=-30%..-10%", "in points: write pp"),
        ("length=+1pp..+2pp", "relative: write %"),
    ],
)
def test_a_wanted_change_that_does_not_fit_is_refused(text: str, said: str) -> None:
    """Signal and unit must fit, and the refusal says how."""
    with pytest.raises(InvalidPlan, match=said):
        expecting(PlanSpec().resolve("default"), [text])


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        (
            "{days: mon-fri, hours: 09:00-17:00, zone: Europe/Berlin}",
            (Hours((0, 1, 2, 3, 4), 540, 1020, "Europe/Berlin"),),
        ),
        ("[{days: [sat, sun]}, {hours: 22:00-06:00}]", (Hours((5, 6), 0, 1440), Hours(tuple(range(7)), 1320, 360))),
        ("{days: fri-mon}", (Hours((0, 4, 5, 6), 0, 1440),)),
    ],
)
def test_hours_in_which_a_plan_may_widen_are_a_section_or_a_list(written: str, hours: tuple[Hours, ...]) -> None:
    """Days, a clock of 24 hours, a zone; each has a default, and the file survives being handed to other processes."""
    config = load_text(f"{SMALL}plans: {{p: {{widen_during: {written}}}}}\n", env={})
    assert config.plan_for("chat", "p").widen_during == hours
    assert load_resolved(dump_resolved(config)).plan_for("chat", "p").widen_during == hours


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{days: mon-xyz}", "'mon-xyz' names no days: write mon-fri"),
        ("{hours: 9-17}", "'9-17' are no hours: write from and to on a clock of 24 hours"),
        ("{hours: 09:00-25:00}", "are no hours"),
        ("{hours: 09:00-09:00}", "is no time at all"),
        ("{zone: Mars/Base}", "'Mars/Base' is no time zone that this machine knows"),
        ("{day: mon}", "unknown key: did you mean days?"),
    ],
)
def test_hours_that_mean_nothing_are_refused(written: str, said: str) -> None:
    """With what to write instead."""
    (problem,) = examine(f"{SMALL}plans: {{p: {{widen_during: {written}}}}}\n", "f.yaml", {}).problems
    assert said in str(problem)


def test_slices_that_may_roll_back_are_those_of_callers_who_reach_the_endpoint() -> None:
    """By what their key says, never by what they write; operators' keys ask no model."""
    keys = ", ".join(
        f"{{name: {name}, role: {role}, tenant: {tenant}, hash: 'hmac-sha256:{number:064d}'{more}}}"
        for number, (name, role, tenant, more) in enumerate(
            [
                ("a", "app", "shop", ""),
                ("b", "app", "b.ank", ", endpoints: [chat]"),
                ("c", "app", "press", ", endpoints: [mail]"),
                ("d", "deployer", "ops", ""),
            ]
        )
    )
    text = SMALL.replace("stable: a}}", "stable: a, slices: [key.tenant, 'header:x-route', task]}, mail: {stable: a}}")
    config = load_text(f"{text}keys: [{keys}]\n", env={})
    assert config.deciding_slices("chat") == ("key.tenant=b.ank", "key.tenant=shop")
    assert config.deciding_slices("mail") == ()
    assert not config.plan_for("chat").slices_roll_back
