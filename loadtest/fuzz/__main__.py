"""Coverage-guided fuzzing of everything that reads bytes from outside.

    python -m loadtest.fuzz --seconds 600          every target in turn, this long each
    python -m loadtest.fuzz sse --seconds 3600     one of them

Each target states what must hold for any bytes at all; an exception or a failed claim is a finding, whose input is
written below `--findings` and belongs into a test. A corpus that grew is kept beside it, for the next run.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import atheris

from loadtest.fuzz.seeds import SEEDS

with atheris.instrument_imports(include=["routing", "shadow", "gateway"]):
    from gateway.config.errors import ConfigError
    from gateway.config.load import load_text
    from gateway.upstream.encoding import opening, plain
    from routing import request
    from routing.errors import MalformedRequest
    from routing.model_name import model_span, with_model
    from routing.request import conversation_key, merged, with_system_prompt
    from shadow.answer import Unreadable
    from shadow.capture import ask_of, read_answer, read_request
    from shadow.comparison import read as read_signals
    from shadow.exchange import Api
    from shadow.signals import agreement
    from shadow.wire.sse import EventReader, events_of

Target: TypeAlias = Callable[[bytes], None]

FINDINGS: Final = Path("out/fuzz")
LONGEST: Final = 8_192
"""Bytes of an input: structures worth finding are small."""
CODINGS: Final = (b"gzip", b"deflate", b"br", b"zstd")
MOST_UNPACKED: Final = 4_096


def routing_fields(data: bytes) -> None:
    """A body is refused in the API's words, or its `model` is replaced and nothing else of it."""
    try:
        fields = request.read(data)
        span = model_span(data)
    except MalformedRequest:
        return
    changed = with_model(data, b'"m-2"', span)
    assert changed[: span[0]] == data[: span[0]]
    assert changed[len(changed) - (len(data) - span[1]) :] == data[span[1] :]
    assert json.loads(data[slice(*span)]) == fields.model
    assert request.read(changed).model == "m-2"
    conversation_key(data)
    with suppress(MalformedRequest):  # only a variant of a model needs the whole body
        merged(data, {"temperature": 0.5})
        with_system_prompt(data, "be kind")


def sse(data: bytes) -> None:
    """However a stream is cut, its events are the same. The first byte says where it is cut."""
    if not data:
        return
    step, body = data[0] + 1, data[1:]
    reader = EventReader()
    events = [event for at in range(0, len(body), step) for event in reader.feed(body[at : at + step])]
    assert (events + reader.close(), not reader.overflowed) == events_of(body)


def answers(data: bytes) -> None:
    """Any answer to any request can be read, and its signals too, in every API's format, whole and streamed."""
    asked, _, said = data.partition(b"\x00")
    document = read_request(asked)
    for api in Api:
        ask = ask_of(api, document)
        for stream in (False, True):
            answer = read_answer(api, said, stream=stream)
            read_signals(ask, answer)
            if not isinstance(answer, Unreadable):
                agreement.agree(ask, answer, answer)


def encodings(data: bytes) -> None:
    """A compressed body is read within its bound or not at all, and its beginning likewise. The first byte says how."""
    if not data:
        return
    coding, body = CODINGS[data[0] % len(CODINGS)], data[1:]
    headers = [(b"content-encoding", coding)]
    begun, text = opening(headers, body, MOST_UNPACKED), plain(headers, body, MOST_UNPACKED)
    assert begun is None or len(begun) <= MOST_UNPACKED
    assert text is None or text == begun


def config(data: bytes) -> None:
    """A configuration is loaded, or refused with a line and a column."""
    try:
        load_text(data.decode("utf-8", "replace"), "fuzz.yaml", {})
    except ConfigError as refused:
        if not refused.problems:
            raise AssertionError("refused without saying why") from refused


TARGETS: Final[Mapping[str, Target]] = {
    "routing": routing_fields,
    "sse": sse,
    "answers": answers,
    "config": config,
    "encodings": encodings,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; exits 1 where there is a finding."""
    parser = argparse.ArgumentParser(prog="loadtest.fuzz", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS), help="default: all, in turn")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--findings", type=Path, default=FINDINGS, help="where corpora and findings are kept")
    chosen = parser.parse_args(arguments)
    if chosen.target:
        _fuzz(chosen.target, chosen.seconds, chosen.findings / chosen.target)
    command = [sys.executable, "-m", "loadtest.fuzz", "--seconds", str(chosen.seconds), "--findings", chosen.findings]
    failed = [name for name in TARGETS if subprocess.run([*command, name], check=False).returncode]
    print("findings: " + (", ".join(failed) or "none"))
    return 1 if failed else 0


def _fuzz(name: str, seconds: int, place: Path) -> None:
    """Fuzz one target; the process ends with it."""
    corpus = place / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-artifact_prefix={place}/", "-verbosity=0"]
    atheris.Setup([sys.argv[0], str(corpus), *options, "-print_final_stats=1"], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
