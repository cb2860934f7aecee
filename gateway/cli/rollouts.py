"""Commands that change a rollout: `start`, `retry`, `pause`, `resume`, `promote`, `approve`, `rollback`."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from gateway.cli import printing, showing, wire
from gateway.cli.client import AdminClient, Answer
from gateway.cli.errors import CommandFailed, ExitCode, Refused
from gateway.cli.options import LOCAL_ADMINS, Endpoint, Json, Reason, Servers

_SERVER_TROUBLE: Final = 500
"""From this HTTP status on, a rollback may have been begun."""


def start(
    endpoint: Endpoint,
    candidate: Annotated[str, typer.Option("--candidate", help="The model to roll out.", show_default=False)],
    servers: Servers = LOCAL_ADMINS,
    *,
    plan: Annotated[str | None, typer.Option("--plan", help="A plan by name; default: the endpoint's.")] = None,
    expect: Annotated[
        list[str] | None, typer.Option("--expect", help="A change that is wanted, such as refusal=+1pp..+6pp.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Roll a running rollout back first.")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Start a rollout of a candidate model."""
    body: dict[str, object] = {"candidate": candidate, "replace": replace}
    body |= {"plan": plan} if plan else {}
    body |= {"reason": reason} if reason else {}
    body |= {"expect": expect} if expect else {}
    with AdminClient(*servers) as client:
        answer = client.start(endpoint, body)
    _show(endpoint, answer, as_json=as_json)


def retry(
    endpoint: Endpoint,
    servers: Servers = LOCAL_ADMINS,
    *,
    candidate: Annotated[str, typer.Option("--candidate", help="Another model; default: the same once more.")] = "",
    plan: Annotated[str, typer.Option("--plan", help="A plan by name; default: the last rollout's.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="What has changed; needed for the same model.")] = "",
    as_json: Json = False,
) -> None:
    """Start again after a rollback, with a change or a reason.

    A changed candidate, or the same one with a --reason for trying it again.
    """
    body: dict[str, object] = {"candidate": candidate, "plan": plan, "reason": reason}
    _command(servers, endpoint, "retry", body, as_json=as_json)


def pause(endpoint: Endpoint, servers: Servers = LOCAL_ADMINS, *, reason: Reason = "", as_json: Json = False) -> None:
    """Stop widening; the weight stays. Harm still rolls back."""
    _command(servers, endpoint, "pause", {"reason": reason}, as_json=as_json)


def resume(endpoint: Endpoint, servers: Servers = LOCAL_ADMINS, *, reason: Reason = "", as_json: Json = False) -> None:
    """Go on widening."""
    _command(servers, endpoint, "resume", {"reason": reason}, as_json=as_json)


def promote(
    endpoint: Endpoint,
    servers: Servers = LOCAL_ADMINS,
    *,
    step: Annotated[bool, typer.Option("--step", help="Go to the next stage now (default).")] = False,
    full: Annotated[bool, typer.Option("--full", help="Make the candidate stable now; needs --reason.")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Widen by hand, past the evidence; the audit record says so."""
    if step and full:
        raise CommandFailed("--step and --full exclude each other", "choose one", ExitCode.USAGE)
    if full and not reason:
        fix = "add --reason TEXT; it is kept in the audit record"
        raise CommandFailed("promote --full goes past all evidence and needs a reason", fix, ExitCode.USAGE)
    _command(servers, endpoint, "promote", {"full": full, "step": not full, "reason": reason}, as_json=as_json)


def approve(endpoint: Endpoint, servers: Servers = LOCAL_ADMINS, *, reason: Reason = "", as_json: Json = False) -> None:
    """Consent to leave a stage whose plan asks for it.

    At the stage's gate, or after its deadline.
    """
    _command(servers, endpoint, "approve", {"reason": reason}, as_json=as_json)


def rollback(
    endpoint: Endpoint,
    servers: Servers = LOCAL_ADMINS,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit record.", show_default=False)],
    to: Annotated[int | None, typer.Option("--to", help="Also go back to this generation of stable.")] = None,
    as_json: Json = False,
) -> None:
    """Send all traffic back to stable. Exits 0 only when that is durable; 4 says what is pending where."""
    body: dict[str, object] = {"reason": reason} | ({} if to is None else {"to": to})
    raw: dict[str, Any] = {}  # Any: the gateways' own JSON, printed as it came
    answers: dict[str, wire.Commanded] = {}
    failures: dict[str, CommandFailed] = {}
    for server in servers:
        try:
            with AdminClient(server) as client:
                answer = client.command(endpoint, "rollback", body)
            answers[server], raw[server] = answer.as_(wire.Commanded), answer.as_json()
        except CommandFailed as error:
            failures[server] = error
    if as_json:
        told = raw | {
            server: {"error": {"message": error.message, "fix": error.fix}} for server, error in failures.items()
        }
        printing.show_json(next(iter(told.values())) if len(told) == 1 else {"servers": told})
    else:
        _show_rollback(endpoint, answers, failures)
    code = _rollback_code(answers, failures)
    if code:
        raise typer.Exit(code)


def _show_rollback(
    endpoint: str,
    answers: dict[str, wire.Commanded],
    failures: dict[str, CommandFailed],
) -> None:
    for server, answer in answers.items():
        printing.show(*showing.commanded(endpoint, answer))
        printing.show(*showing.durability(server, answer.durability or wire.Durability()))
    for server, error in failures.items():
        printing.warn(f"driftgate: {server}: {error.message}" + (f": {error.fix}" if error.fix else ""))
        if _is_open_question(error):
            printing.warn(f"driftgate: {server}: whether it is rolled back there is not known; ask again")


def _rollback_code(answers: Mapping[str, wire.Commanded], failures: Mapping[str, CommandFailed]) -> int:
    """0 durable everywhere; 4 where it is, or may be, under way without being durable; else the failure's own code."""
    durable = all(answer.durability is not None and answer.durability.state == "durable" for answer in answers.values())
    if durable and not failures:
        return ExitCode.OK
    if answers or any(_is_open_question(error) for error in failures.values()):
        return ExitCode.NOT_DURABLE
    return next(iter(failures.values())).code


def _is_open_question(error: CommandFailed) -> bool:
    if isinstance(error, Refused):
        return error.status >= _SERVER_TROUBLE
    return error.code != ExitCode.USAGE


def _command(servers: Sequence[str], endpoint: str, verb: str, body: dict[str, object], *, as_json: bool) -> None:
    with AdminClient(*servers) as client:
        answer = client.command(endpoint, verb, {key: value for key, value in body.items() if value != ""})
    _show(endpoint, answer, as_json=as_json)


def _show(endpoint: str, answer: Answer, *, as_json: bool) -> None:
    if as_json:
        printing.show_json(answer.as_json())
    else:
        printing.show(*showing.commanded(endpoint, answer.as_(wire.Commanded)))
