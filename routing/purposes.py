"""What hashes decide.

Every choice that must be reproducible is a hash of a key: which arm (`BUCKET`), whether a request is mirrored
(`SAMPLE`), whether it is sent to stable twice (`FLOOR`), how a continuous value is rounded (`ROUND`), whether
observed signals are read while time is short (`OBSERVE`), whether a pair is kept for review (`AUDIT`). The purposes
must be independent, or the mirrored requests would be just those of one arm.

Apart from `routing.bucketing`: mypyc cannot compile an enumeration with an `__init__` of its own.
"""

from enum import Enum


class Purpose(Enum):
    """What a hash decides. The value is BLAKE2b's personalisation: at most 16 bytes, never reused."""

    person: bytes
    """The value again: an enumeration's own `value` costs ten times as much to read."""

    def __init__(self, person: bytes) -> None:
        self.person = person

    BUCKET = b"dg.bucket"
    SAMPLE = b"dg.sample"
    FLOOR = b"dg.floor"
    VOTE = b"dg.vote"
    ROUND = b"dg.round"
    AUDIT = b"dg.audit"
    OBSERVE = b"dg.observe"
