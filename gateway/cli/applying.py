"""`driftgate apply -f rollout.yaml`: a rollout as a file, for pipelines that apply the same file again and again.

The file says which candidate an endpoint is to have, and how it is judged. What is so already, or on its way, is left
alone. What runs with another plan, budget or expectation than the file and the configuration now say is named, and is
replaced only where the file says so, since a plan is frozen when its rollout starts. A candidate that was rolled back
is never started again by applying: a pipeline that repeats itself must not repeat an incident.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import Field, ValidationError

from gateway.cli import printing, showing, wire
from gateway.cli.client import AdminClient, Answer
from gateway.cli.errors import CommandFailed, Refused
from gateway.cli.options import LOCAL_ADMINS, Json, Servers
from gateway.config import document
from gateway.config.complaints import complaints
from gateway.config.errors import ConfigError
from gateway.config.plans import Section

_OVERTAKEN: Final = 409


class Wanted(Section):
    """The file: the rollout that there should be."""

    endpoint: str = Field(min_length=1, description="the endpoint's name")
    candidate: str = Field(min_length=1, description="the model that it is to have")
    plan: str | None = Field(default=None, description="a plan by name; default: the endpoint's")
    expect: tuple[str, ...] = Field(default=(), description="changes that are wanted, such as refusal=+1pp..+6pp")
    reason: str = Field(default="", description="why; kept in the audit record")
    replace: bool = Field(
        default=False, description="roll back what runs with another candidate, plan, budget or expectation"
    )

    def body(self) -> dict[str, object]:
        """What is asked of the gateway."""
        chosen = {"plan": self.plan, "expect": list(self.expect), "reason": self.reason, "replace": self.replace}
        return {"candidate": self.candidate} | {name: value for name, value in chosen.items() if value}

    def query(self) -> list[tuple[str, str]]:
        """The same, where it is only asked whether it is so."""
        plan = [("plan", self.plan)] if self.plan is not None else []
        return [("candidate", self.candidate), *plan, *(("expect", text) for text in self.expect)]


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a file did: `started` or `unchanged`, in a sentence, with the gateway's answer if one was asked."""

    action: str
    sentence: str
    answer: Answer | None = None


def apply(
    files: Annotated[list[Path], typer.Option("--file", "-f", help="A rollout file; repeat it for several.")],
    servers: Servers = LOCAL_ADMINS,
    *,
    as_json: Json = False,
) -> None:
    """Start the rollouts that files describe, unless they run already.

    The same file twice changes nothing. What runs otherwise than the file says is named, and left alone unless the file
    says `replace: true`.
    """
    wanted = [read(path, os.environ) for path in files]
    for each in wanted:
        done = _made_so(servers, each)
        if as_json:
            said = done.answer.as_json() if done.answer is not None else {}
            printing.show_json({"endpoint": each.endpoint, "action": done.action, "sentence": done.sentence} | said)
            continue
        printing.show(f"{each.endpoint}: {done.action}: {done.sentence}")
        if done.answer is not None:
            printing.show(*showing.commanded(each.endpoint, done.answer.as_(wire.Commanded)))


def read(path: Path, env: Mapping[str, str]) -> Wanted:
    """The rollout that the file describes; raises `CommandFailed` with the place of each error."""
    try:
        seen = document.read(path.read_text(encoding="utf-8"), str(path), env)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}", "name another file") from error
    except (ConfigError, UnicodeDecodeError) as error:
        raise CommandFailed(str(error)) from error
    for place, name in seen.unset.items():
        seen.problems.append(seen.problem(place, f"the environment variable {name} is not set", f"export {name}"))
    found = None
    try:
        found = Wanted.model_validate(seen.data)
    except ValidationError as error:
        for place, message, fix, at_key in complaints(error, Wanted):
            seen.problems.append(seen.problem(place, message, fix, at_key=at_key))
    if found is None or seen.problems:
        raise CommandFailed("\n".join(map(str, seen.problems)))
    return found


def _made_so(servers: Sequence[str], wanted: Wanted) -> Applied:
    with AdminClient(*servers) as client:
        there = _already(client, wanted)
        if there is not None:
            return there
        try:
            answer = client.start(wanted.endpoint, wanted.body())
        except Refused as error:
            if error.status != _OVERTAKEN:
                raise
            there = _already(client, wanted)  # by the same file, elsewhere
            if there is None:
                raise
            return there
    return Applied("started", f"{wanted.candidate} is being rolled out", answer)


def _already(client: AdminClient, wanted: Wanted) -> Applied | None:
    """What makes a start needless; None where one is needed. Raises where the file must not be applied."""
    endpoint = client.endpoint(wanted.endpoint).as_(wire.Endpoint)
    name, rollout = wanted.endpoint, endpoint.rollout or wire.Rollout()
    if endpoint.stable == wanted.candidate:
        beside = f"; {rollout.id} of {rollout.candidate} is running" if rollout.is_running else ""
        return Applied("unchanged", f"{wanted.candidate} is the stable model already{beside}")
    if rollout.phase == "rolled_back" and rollout.candidate == wanted.candidate:
        raise CommandFailed(
            f"{name}: {rollout.id} of {wanted.candidate} was rolled back: {rollout.reason.rstrip('.')}",
            f"name another candidate, or try this one again with `driftgate retry {name} --reason …`",
        )
    if not rollout.is_running:
        return None
    unlike = client.differences(name, wanted.query()).as_(wire.Differences).differences
    if not unlike:
        return Applied("unchanged", f"{rollout.id} is under way ({rollout.phase})")
    if not wanted.replace:
        raise CommandFailed(
            f"{name}: {rollout.id} is running ({rollout.candidate}, plan {rollout.plan}, {rollout.phase}), and is not "
            f"what the file asks for: {'; '.join(unlike)}",
            "wait for it, roll it back, or write `replace: true`, which rolls it back and begins anew",
        )
    return None
