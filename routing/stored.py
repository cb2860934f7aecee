"""Leases and generations as they are stored, for gateways of two versions at once. Pure.

A lease that a gateway of version 1 would misread is sealed: it lies in an envelope that such a gateway cannot open, and
what cannot be read grants nothing. So who is left out of a rollout stays out of it on every gateway of the fleet. One
that uses nothing of the kind is stored as ever, and gives a user the same arm everywhere.
"""

from typing import Final, TypeVar

import msgspec

from routing.exposure import Generation, Grant

SEALED_VERSION: Final = 2


class _Sealed(msgspec.Struct):
    version: int
    grant: Grant


_T = TypeVar("_T")

_encoder = msgspec.json.Encoder()
_grants = msgspec.json.Decoder(Grant)
_sealed = msgspec.json.Decoder(_Sealed)
_generations = msgspec.json.Decoder(Generation)


def grant_to_json(grant: Grant) -> bytes:
    """The lease as stored: sealed where a gateway of version 1 would misread it."""
    if grant.include or grant.exclude or grant.kept:
        return _encoder.encode(_Sealed(SEALED_VERSION, grant))
    return _encoder.encode(grant)


def grant_from_json(data: bytes) -> Grant | None:
    """A stored lease; None, which grants nothing, where it cannot be read or is of a version not known."""
    sealed = decoded(_sealed, data)
    if sealed is not None:
        return sealed.grant if sealed.version == SEALED_VERSION else None
    return decoded(_grants, data)


def generation_to_json(generation: Generation) -> bytes:
    """A generation as stored."""
    return _encoder.encode(generation)


def generation_from_json(data: bytes) -> Generation | None:
    """A stored generation; None where it cannot be read."""
    return decoded(_generations, data)


def decoded(decoder: "msgspec.json.Decoder[_T]", data: bytes) -> _T | None:
    """What the bytes say; None where they do not say it."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, ValueError):
        return None
