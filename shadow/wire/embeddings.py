"""/v1/embeddings: texts in, vectors out. There is nothing to read in a vector, only whether there is one for each text.

Vectors of two models are not comparable: what a pair says is whether the other model fails where this one does not.
"""

from collections.abc import Iterable

from shadow.answer import Answer, Ask, Json, Unreadable
from shadow.wire.sse import Event
from shadow.wire.tolerant import items, mapping, number


def ask(request: Json) -> Ask:  # noqa: ARG001 - as every wire's
    """What a request asks for: nothing that could be read."""
    return Ask("", False, None, (), None, has_words=False)


def unary(document: Json) -> Answer | Unreadable:
    """What a whole response says: its tokens, if there are vectors at all."""
    vectors = [vector.get("embedding") for vector in items(document, "data")]
    if not vectors or not all(isinstance(vector, list | str) and vector for vector in vectors):
        return Unreadable("no_embeddings")
    return Answer("", "", False, "", False, (), None, number(mapping(document, "usage"), "prompt_tokens"))


def streamed(events: Iterable[Event]) -> Unreadable:  # noqa: ARG001 - as every wire's
    """There are no streams of vectors."""
    return Unreadable("no_embeddings")
