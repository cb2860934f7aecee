"""Models that extend other models, and prompts that stand in files.

A variant starts from everything its parent says, and replaces it option by option; `overrides` and `headers` are
merged. Done on plain data before validation, so that what comes out is an ordinary model.
"""

from collections.abc import Callable
from typing import Final

from gateway.config.document import Document, Path, Plain

MERGED: Final = ("overrides", "headers")
FIXED_BY_GATEWAY: Final = ("model", "messages", "input", "prompt", "stream")
"""Parts of a request that an override must not touch: they are the caller's question, or the gateway's own routing."""


def resolve(document: Document, read_prompt: Callable[[str], str]) -> Document:
    """Resolve `models` in place; what is wrong is added to the document's problems.

    `read_prompt` turns a path as written into the text, raising OSError or UnicodeDecodeError.
    """
    models = document.data.get("models") if isinstance(document.data, dict) else None
    if not isinstance(models, dict):
        return document
    for name, model in models.items():
        if isinstance(model, dict):
            _read_prompt(document, ("models", name, "system_prompt"), model, read_prompt)
    for name in list(models):
        _expand(document, models, name, ())
    return document


def _read_prompt(document: Document, path: Path, model: dict[str, Plain], read: Callable[[str], str]) -> None:
    written = model.get("system_prompt")
    if not isinstance(written, str) or "\n" in written:
        return
    try:
        model["system_prompt"] = read(written)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        fix = "write a path relative to this file, or the prompt itself over several lines"
        document.problems.append(document.problem(path, f"{written} cannot be read: {reason}", fix))


def _expand(document: Document, models: dict[str, Plain], name: str, children: tuple[str, ...]) -> Plain:
    model = models[name]
    if not isinstance(model, dict):
        return model
    path: Path = ("models", name, "extends")
    parent_name = model.get("extends")
    if not isinstance(parent_name, str) or name in children:
        model.setdefault("model", name)
        return model
    line = (*children, name)
    if parent_name in line:
        circle = " → ".join((*line[line.index(parent_name) :], parent_name))
        document.problems.append(document.problem(path, f"models extend each other: {circle}", "break the circle"))
        return model
    if parent_name not in models:
        document.problems.append(document.problem(path, f"there is no model {parent_name!r}", _known(models, name)))
        return model
    parent = _expand(document, models, parent_name, line)
    if isinstance(parent, dict):
        models[name] = _merged(parent, model)
    return models[name]


def _merged(parent: dict[str, Plain], child: dict[str, Plain]) -> Plain:
    result = {**parent, **child}
    for key in MERGED:
        above, below = parent.get(key), child.get(key)
        if isinstance(above, dict) and isinstance(below, dict):
            result[key] = {**above, **below}
    return result


def _known(models: dict[str, Plain], but: str) -> str:
    return f"use one of {', '.join(sorted(set(models) - {but}))}" if len(models) > 1 else "define it under models"
