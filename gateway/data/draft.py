"""What is noted of one request while it is served, and the exchange that it becomes.

The one mutable record of a request: the proxy writes to it as things happen, and when the request is over it is turned
into values. It holds no connection and decides nothing.
"""

from typing import Final

from gateway.data.origins import OPENING_BYTES, Made
from gateway.data.sticky import Keyed, Keying, slices, vote_key
from gateway.upstream.encoding import plain
from gateway.upstream.headers import RawHeaders
from gateway.upstream.timer import clock
from routing.arms import CANDIDATE, Arm
from routing.assignment import Assignment
from routing.exposure import Route
from shadow.exchange import Api, Exchange, Outcome
from shadow.windows import window_of

_CANCELLED: Final = Outcome.CANCELLED
_FAILED: Final = Outcome.FAILED
CAPTURE_BYTES: Final = 1024 * 1024
"""Of an answer, for comparison: a long text is 50 KB, and what is above this is no text."""


class Draft:
    """One request being served. Instants `…_at` are monotonic, but for `began_at` (Unix seconds)."""

    presents_name: bool = False
    """Whether the answer names the endpoint as its model."""
    continues: bool = False
    """Whether the request goes on with an answer that only one model has."""
    fallback: str = ""
    failure: str = ""
    stable_failed: bool = False
    broke: str = ""
    status: int = 0
    outcome: Outcome = _FAILED
    attempt_at: float = 0.0
    first_byte_at: float = 0.0
    relayed: bool = False
    follows: str = ""
    """The response or the conversation that the request goes on with; empty where it begins."""
    made: Made | None = None
    """Who made that, where it is known."""
    server: str = ""
    """Where the answer came from, of a model with several servers."""
    opening: bytes | None = None
    """The answer's first bytes, where its id is looked for in them; None where it is not."""
    captures: bool = False
    captured_bytes: int = 0
    capture_whole: bool = True

    def __init__(
        self,
        asked: Keyed,
        keying: Keying,
        api: Api,
        route: Route,
        assignment: Assignment,
        sticky: str | None,
        started_at: float,
        began_at: float,
    ) -> None:
        self.asked = asked
        self.keying = keying
        self.api = api
        self.route = route
        self.assignment = assignment
        self.answered: Arm = assignment.arm
        """The arm that the client's answer is of; until one comes, the arm that is asked."""
        self.sticky = sticky
        self.started_at = started_at
        self.began_at = began_at
        self.stream = bool(asked.fields.stream)
        self.answer_headers: RawHeaders = []
        self.captured: list[bytes] = []

    @property
    def answered_by(self) -> str:
        """The model whose answer the client got."""
        grant = self.assignment.grant
        return grant.candidate if grant is not None and self.answered is CANDIDATE else self.route.stable.model

    def tee(self, chunk: bytes) -> None:
        """Bytes of the answer on their way to the client."""
        if not self.first_byte_at and chunk:
            self.first_byte_at = clock()
        if self.opening is not None and len(self.opening) < OPENING_BYTES:
            self.opening += chunk[:OPENING_BYTES]
        if self.captures:
            self.captured_bytes += len(chunk)
            if self.captured_bytes <= CAPTURE_BYTES:
                self.captured.append(chunk)
            else:
                self.capture_whole = False

    def first_byte_ms(self) -> float:
        """Milliseconds from the request to the answer's first byte; 0 where there was none."""
        return (self.first_byte_at - self.started_at) * 1000 if self.first_byte_at else 0.0


def exchange_of(draft: Draft, now: float) -> Exchange:
    """The finished request as a shadow worker gets it. Only for requests assigned under a live grant."""
    grant, draws = draft.assignment.grant, draft.route.draws
    assert grant is not None
    assert draws is not None
    asked = draft.asked
    vote = vote_key(draft.keying, asked, draft.sticky)
    vote_hash, keyless = draws.vote(vote or asked.request_id), vote is None
    unit_hash = "" if vote == draft.sticky else draws.vote(draft.sticky or asked.request_id)
    answer = b"".join(draft.captured) if draft.capture_whole else None
    if answer:
        answer = plain(draft.answer_headers, answer, CAPTURE_BYTES)
    complete = answer is not None and draft.outcome is not _CANCELLED and not draft.broke
    pinned, drawn = not draft.assignment.is_evidence, draft.assignment.is_drawn
    duration_ms = (now - draft.started_at) * 1000
    return Exchange(  # in the order of its fields: a name given is looked for among all of them
        asked.body,
        answer or b"",
        asked.request_id,
        draft.route.endpoint,
        draft.api,
        draft.stream,
        grant.rollout,
        grant.candidate,
        draft.route.stable.model,
        grant.salt,
        grant.epoch,
        grant.stage,
        grant.weight_bps,
        draft.assignment.arm,
        draft.answered,
        pinned,
        vote_hash,
        keyless,
        slices(draft.keying, asked),
        draft.began_at,
        draft.first_byte_ms(),
        duration_ms,
        draft.outcome,
        draft.failure,
        draft.status,
        asked.incoming.path,
        tuple(asked.incoming.passed),
        complete,
        unit_hash,
        window_of(draft.began_at, grant.started_at),
        drawn,
        asked.caller.data_class or "",
    )
