"""What is sent to a model: the application's bytes, or, for a variant, its body written anew."""

import json

import pytest

from gateway.config.model import Model
from gateway.upstream.prepare import Preparer, target_of

BODY = b'{"messages":[{"role":"system","content":"old"},{"role":"user","content":"hi"}],"model":"chat","top_p":1.00}'


def sent(model: Model, body: bytes = BODY, path: str = "/v1/chat/completions") -> tuple[list[str], bytes]:
    """Head lines and body as they go out."""
    outgoing = Preparer().request(target_of("m", model), path, [(b"x-a", b"1"), (b"x-b", b"2")], body, model="chat")
    return outgoing.head.decode().split("\r\n"), outgoing.body


def test_a_plain_model_gets_the_bytes_with_its_own_name() -> None:
    """Nothing else in the body changes; length and host are those of the request that goes out."""
    head, body = sent(Model(base_url="http://h:1234/base/v1", model="v12", api_key="k"))
    assert body == BODY.replace(b'"chat"', b'"v12"')
    assert head[0] == "POST /base/v1/chat/completions HTTP/1.1"
    assert "host: h:1234" in head
    assert "authorization: Bearer k" in head
    assert f"content-length: {len(body)}" in head
    assert head[-2:] == ["", ""]


def test_a_model_of_the_endpoints_own_name_gets_the_very_object() -> None:
    """No copy where nothing differs."""
    assert sent(Model(base_url="http://h/v1", model="chat"))[1] is BODY


def test_overrides_and_prompt_make_a_variant() -> None:
    """The arm's parameters and instructions replace the application's; the rest keeps its bytes."""
    model = Model(base_url="http://h/v1", model="v12", overrides={"temperature": 0.2}, system_prompt="Be terse.")
    _, body = sent(model)
    assert b'"top_p":1.00' in body
    assert json.loads(body) == {
        "messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "hi"}],
        "model": "v12",
        "top_p": 1.0,
        "temperature": 0.2,
    }


def test_anthropics_prompt_and_key_have_their_own_places() -> None:
    """`system` is a member of the body there, and the key is x-api-key."""
    head, body = sent(
        Model(base_url="http://h/v1", model="v", api_key="k", system_prompt="S"),
        b'{"model":"chat","messages":[{"role":"user","content":"hi"}]}',
        "/v1/messages",
    )
    assert json.loads(body)["system"] == "S"
    assert "x-api-key: k" in head


def test_a_models_own_headers_win() -> None:
    """A configured header replaces the client's of the same name."""
    head, _ = sent(Model(base_url="http://h/v1", model="v", headers={"X-A": "mine"}))
    assert [line for line in head if line.startswith("x-")] == ["x-a: mine", "x-b: 2"]


def test_headers_cannot_carry_a_second_request() -> None:
    """Line breaks in a configured header are refused when it is read."""
    with pytest.raises(ValueError, match="line breaks"):
        target_of("m", Model(base_url="http://h/v1", model="v", headers={"x": "a\r\nb: c"}))


def test_ports_and_tls_are_read_from_the_address() -> None:
    """The port is the scheme's own unless given; IPv6 keeps its brackets in Host."""
    (place,) = target_of("m", Model(base_url="https://[::1]/v1", model="v")).places
    assert (place.origin.tls, place.origin.host, place.origin.port) == (True, "::1", 443)
    assert place.origin.host_header == "[::1]"
    assert target_of("m", Model(base_url="http://h:80/v1", model="v")).places[0].origin.host_header == "h"
