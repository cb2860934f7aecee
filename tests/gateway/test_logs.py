"""How processes log."""

import json
import logging
import sys

from gateway.logs import JsonLines


def test_a_json_line_holds_the_error_too() -> None:
    """One object a line, whatever is in the message."""
    try:
        int("two\nlines")
    except ValueError:
        error = sys.exc_info()
    else:
        raise AssertionError("that is a number?")
    record = logging.LogRecord("a.b", logging.ERROR, __file__, 1, "failed: %s", ("x\ny",), error)
    text = JsonLines("data-0").format(record)
    line = json.loads(text)
    assert "\n" not in text
    assert (line["level"], line["logger"], line["process"], line["message"]) == (
        "error",
        "a.b",
        "data-0",
        "failed: x\ny",
    )
    assert "ValueError: invalid literal" in line["error"]
