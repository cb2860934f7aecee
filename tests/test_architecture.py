"""What keeps the project in its shape: sizes, names, purity, declared dependencies, locks. Needs no server."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from loadtest.rig.compiled import modules_to_compile

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("gateway", "rollback", "shadow", "routing")
LONGEST: Final = {"gateway": 400, "rollback": 400, "shadow": 400, "routing": 400, "loadtest": 400, "tests": 600}
LONGEST_FUNCTION: Final = 60
LOCKS: Final = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-build.lock",
    "requirements-compile.lock",
    "requirements-chart.lock",
)
NAMELESS: Final = re.compile(r"(^|_)(utils?|helpers?|common|misc|manager)(_|$)")
IMPORTED_AS: Final = {
    "backports-zstd": "backports",
    "pyyaml": "yaml",
    "opentelemetry-api": "opentelemetry",
    "opentelemetry-sdk": "opentelemetry",
    "opentelemetry-exporter-otlp-proto-http": "opentelemetry",
    "opentelemetry-exporter-otlp-proto-grpc": "opentelemetry",
    "opentelemetry-proto": "opentelemetry",
    "grpcio": "grpc",
    "pytest-xdist": "xdist",
}
"""Distributions whose import name is not their own name."""


def modules(*tops: str) -> Iterator[Path]:
    """Every Python file below the given directories of the project."""
    for top in tops:
        yield from sorted((ROOT / top).rglob("*.py"))


def here(path: Path) -> str:
    """A path as people write it in this project."""
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax."""
    return ast.parse(path.read_text(encoding="utf-8"), here(path))


@pytest.fixture(scope="module", autouse=True)
def _forget() -> Iterator[None]:
    """Syntax trees of the whole project are large: no test after these carries them along."""
    yield
    parsed.cache_clear()


def project() -> dict[str, Any]:  # Any: TOML
    """`pyproject.toml`."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function, inner ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How long a function is, without what is defined within it and counted there."""
    inner = [node for node in ast.walk(function) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    own = {line for node in inner[1:] for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    return len(set(range(function.lineno, (function.end_lineno or 0) + 1)) - own)


@pytest.mark.parametrize("top", LONGEST)
def test_no_module_is_longer_than_can_be_read_at_once(top: str) -> None:
    """A module has at most 400 lines, a test module at most 600."""
    lengths = {here(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules(top)}
    assert {name: length for name, length in lengths.items() if length > LONGEST[top]} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    """A function has at most 60 lines; what is defined within it counts for itself."""
    long = {
        f"{here(path)}:{function.name}": lines_of(function)
        for path in modules(*LONGEST)
        for function in functions(parsed(path))
        if lines_of(function) > LONGEST_FUNCTION
    }
    assert long == {}


def test_modules_and_classes_are_named_by_a_noun_of_the_domain() -> None:
    """Nothing is called utils, helpers, common or manager: such names say nothing and attract everything."""
    files = [here(path) for path in modules(*LONGEST) if NAMELESS.search(path.stem)]
    classes = [
        f"{here(path)}:{node.name}"
        for path in modules(*LONGEST)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef) and re.search(r"(Utils?|Helper|Common|Manager)$", node.name)
    ]
    assert files + classes == []


@pytest.mark.parametrize(
    "path", [path for path in modules(*PACKAGES, "loadtest") if path.name == "__init__.py"], ids=here
)
def test_a_package_begins_with_a_docstring_and_nothing_else(path: Path) -> None:
    """`__init__.py` holds no code, so that importing one module never runs another."""
    assert ast.get_docstring(parsed(path)), "has no docstring"
    assert len(parsed(path).body) == 1


def listed(package: Path) -> dict[str, str]:
    """The modules that a package's docstring lists, and whether each is pure (P) or shell (S)."""
    docstring = ast.get_docstring(parsed(package)) or ""
    return {name: kind for kind, name in re.findall(r"^([PS])  `(\w+)`", docstring, re.MULTILINE)}


@pytest.mark.parametrize(
    "path",
    [path for path in modules(*PACKAGES, "loadtest") if path.name == "__init__.py" and path.parent.name != "gateway"],
    ids=here,
)
def test_a_package_lists_its_modules(path: Path) -> None:
    """A package's docstring has a line for every module in it, and for none that is gone."""
    inside = {child.stem for child in path.parent.glob("*.py")} - {"__init__", "__main__"}
    inside |= {child.parent.name for child in path.parent.glob("*/__init__.py")}
    assert set(listed(path)) == inside


@pytest.mark.parametrize("package", ["routing", "shadow", "rollback"])
def test_shell_modules_are_the_ones_that_the_contract_excepts(package: str) -> None:
    """A module says that it is shell (S) exactly if the import contract lets it do IO."""
    pure = next(it for it in project()["tool"]["importlinter"]["contracts"] if it["name"].startswith("pure"))
    excepted = {line.removesuffix(" -> *") for line in pure["ignore_imports"]}
    inits = [path for path in modules(package) if path.name == "__init__.py"]
    shell = {
        f"{here(path.parent).replace('/', '.')}.{name}"
        for path in inits
        for name, kind in listed(path).items()
        if kind == "S"
    }
    assert shell == {name for name in excepted if name.startswith(f"{package}.")}


def test_importing_does_nothing() -> None:
    """Importing every module starts no thread, opens no socket, logs nothing and warns of nothing."""
    skipped = ("__init__", "__main__")
    names = [here(path)[:-3].replace("/", ".") for path in modules(*PACKAGES) if path.stem not in skipped]
    program = (
        "import importlib, os, sys, threading\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "links = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') if int(fd) > 2\n"
        "         and os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "print(threading.active_count(), [link for link in links if link.startswith('socket')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout.strip()) == ("", "1 []")


def compiled() -> list[Path]:
    """The modules that a compiled wheel holds as machine code."""
    return [ROOT / path for path in modules_to_compile()]


def waits(block: Iterable[ast.AST]) -> Iterator[int]:
    """The lines at which a block may be left to whoever runs next; what is defined in it runs elsewhere."""
    for node in block:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith | ast.Yield | ast.YieldFrom):
            yield node.lineno
        elif isinstance(node, ast.comprehension) and node.is_async:
            yield node.target.lineno
        yield from waits(ast.iter_child_nodes(node))


def waits_while_handling(tree: ast.Module) -> list[int]:
    """The lines that wait within an `except` or a `finally`; and every `async with`, which does so at its end."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            found.update(waits(node.body))
        elif isinstance(node, ast.Try | ast.TryStar):
            found.update(waits(node.finalbody))
        elif isinstance(node, ast.AsyncWith):
            found.add(node.lineno)
    return sorted(found)


@pytest.mark.parametrize("path", compiled(), ids=here)
def test_what_is_compiled_never_waits_while_it_handles_an_exception(path: Path) -> None:
    """It would leave that exception to whoever runs next: mypyc keeps it per thread, not per coroutine (ADR 15)."""
    assert waits_while_handling(parsed(path)) == []


def tells_types_apart(node: ast.AST) -> bool:
    """Whether it asks of what type a value is: `is None`, `isinstance`, a match."""
    if isinstance(node, ast.Compare):
        return any(isinstance(each, ast.Constant) and each.value is None for each in node.comparators)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "isinstance"
    return isinstance(node, ast.Match)


@pytest.mark.parametrize("path", compiled(), ids=here)
def test_what_is_compiled_tells_no_types_apart_in_a_finally(path: Path) -> None:
    """Types there are those of the way without an exception, and are checked on the other one as well.

    mypy looks at a `finally` twice and mypyc at what it saw last: a name that is None until the block is through was
    taken for bytes, so that an answer which broke was a TypeError, and its connection was never given back.
    """
    ends = [node.finalbody for node in ast.walk(parsed(path)) if isinstance(node, ast.Try)]
    assert [node for end in ends for each in end for node in ast.walk(each) if tells_types_apart(node)] == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("async def f():\n try: pass\n except E:\n  await x", [4]),
        ("async def f():\n try: pass\n finally:\n  if y: await x", [4]),
        ("async def f():\n async with x:\n  pass", [2]),
        ("async def f():\n try: pass\n except E:\n  z = [a async for a in x]", [4]),
        ("def f():\n try: pass\n except E:\n  yield", [4]),
        ("async def f():\n try: await x\n except E:\n  async def g(): await x\n else: await x", []),
        ("async def f():\n try: pass\n except E:\n  pass\n await x", []),
    ],
)
def test_waiting_while_handling_is_found(source: str, lines: list[int]) -> None:
    """In each of its forms, and where it is allowed it is not."""
    assert waits_while_handling(ast.parse(source)) == lines


def test_tests_are_claims_with_a_sentence() -> None:
    """Every test has a docstring that ends as a sentence does."""
    silent = [
        f"{here(path)}:{function.name}"
        for path in modules("tests")
        for function in functions(parsed(path))
        if function.name.startswith("test_") and not (ast.get_docstring(function) or "").rstrip().endswith((".", "?"))
    ]
    assert silent == []


def test_tests_replace_nothing_of_ours() -> None:
    """No test imports a mocking library: seams have twins, servers are real."""
    mocking = [here(path) for path in modules("tests", "loadtest") if "mock" in top_level_imports(path)]
    assert mocking == []
    assert [here(path) for path in modules("tests", "loadtest") if "unittest" in top_level_imports(path)] == []


def top_level_imports(path: Path) -> set[str]:
    """The first word of everything that a file imports."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


def declared(*groups: str, runtime: bool = True, extras: bool = False) -> dict[str, Requirement]:
    """The declared dependencies by canonical name: those of users, of extras, and of the named groups."""
    described = project()
    texts = [*described["project"]["dependencies"]] if runtime else []
    if extras:
        texts += [text for extra in described["project"]["optional-dependencies"].values() for text in extra]
    for name in groups:
        texts += [text for text in described["dependency-groups"][name] if isinstance(text, str)]
    return {canonicalize_name(Requirement(text).name): Requirement(text) for text in texts}


@pytest.mark.parametrize(
    ("tops", "groups"), [(PACKAGES, ()), (("tests", "loadtest"), ("build", "dev"))], ids=["runtime", "dev"]
)
def test_every_import_is_declared(tops: tuple[str, ...], groups: tuple[str, ...]) -> None:
    """What the code imports is the standard library, this project, or a dependency that pyproject.toml names."""
    known = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in declared(*groups, extras=True)}
    own = {*LONGEST, *sys.stdlib_module_names, "compression"}  # the last one from Python 3.14 on
    strange = {here(path): sorted(top_level_imports(path) - known - own) for path in modules(*tops)}
    assert {path: names for path, names in strange.items() if names} == {}


def locked(name: str) -> dict[str, list[tuple[str, int]]]:
    """Distributions of a lock file, each with its versions and the number of hashes of each."""
    found: dict[str, list[tuple[str, int]]] = {}
    entries = re.split(r"^(?=\w)", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    for entry in entries[1:]:
        pinned = re.match(r"([\w.-]+)==([^\s;]+)", entry)
        assert pinned, f"{name}: not pinned: {entry.splitlines()[0]}"
        found.setdefault(canonicalize_name(pinned[1]), []).append((pinned[2], entry.count("--hash=sha256:")))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_with_hashes_and_names_no_host(name: str) -> None:
    """Every line of a lock is a version with hashes, wherever the packages come from."""
    assert [entry for entry, pins in locked(name).items() if not all(hashes for _, hashes in pins)] == []
    assert re.findall(r"\w+://\S+|--\w*index\S*|--find-links", (ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("requirements.lock", declared()),
        ("requirements-dev.lock", declared("build", "dev")),
        ("requirements-build.lock", declared("build", runtime=False)),
        ("requirements-compile.lock", declared("build", "compile", runtime=False)),
        ("requirements-chart.lock", declared("chart", runtime=False)),
    ],
    ids=LOCKS,
)
def test_a_lock_holds_what_is_declared(name: str, wanted: dict[str, Requirement]) -> None:
    """Each declared dependency is locked in a version that its declaration allows: `make lock` was not forgotten."""
    pins = locked(name)
    stale = [
        str(each)
        for key, each in wanted.items()
        if not pins.get(key) or not all(each.specifier.contains(version) for version, _ in pins[key])
    ]
    assert stale == []


def test_the_locks_agree() -> None:
    """A distribution has the same versions in every lock that holds it: tests run what users run."""
    everything = locked("requirements-dev.lock")
    differing = {
        (lock, name) for lock in LOCKS for name, pins in locked(lock).items() if everything.get(name, pins) != pins
    }
    assert differing == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_claims_our_package_names(package: str) -> None:
    """The four names are generic; nothing that is installed beside driftgate brings one of them."""
    assert set(packages_distributions().get(package, [])) <= {"driftgate"}
