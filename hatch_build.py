"""The build hook that compiles the modules of a request by mypyc, into a wheel that is asked for as a compiled one.

`make wheel COMPILED=1` asks, by HATCH_BUILD_HOOK_ENABLE_CUSTOM=1; so do `make compiled` and the image. pyproject.toml
lists the modules. They are compiled in a copy of the sources, so that the tree may be read-only, and so that nothing
compiled is left in it: Python would import that in place of a source that has changed since. The wheel holds each
compiled module beside its source: a traceback names lines of it. docs/adr/0015 says why mypyc, and why an own hook.

`python hatch_build.py` says what this machine lacks for it, and ends with 1 if it lacks anything.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SETUP = """\
import sys
from setuptools import setup
from mypyc.build import mypycify
config, built, *modules = sys.argv[1:]
options = ["--config-file", config, "--cache-dir", "/dev/null"]
extensions = mypycify([*options, *modules], group_name="driftgate", target_dir=f"{built}/c", debug_level="0")
for extension in extensions:
    extension.extra_compile_args = [*extension.extra_compile_args, "-fvisibility=hidden"]
command = ["build_ext", "--build-lib", f"{built}/lib", "--build-temp", f"{built}/temp"]
setup(name="driftgate", packages=[], py_modules=[], ext_modules=extensions, script_args=command)
"""
"""What setuptools is asked for, in a process of its own since mypyc ends it where a type is wrong.

Hidden: otherwise each call of one of our functions by another could be meant for a third library's, and is looked up.
"""


class Compiled(BuildHookInterface[BuilderConfig]):
    """Puts the modules that `include` lists into the wheel as machine code, too."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # Any: hatchling's own
        """Compile, and name what came of it as part of the wheel; an installation in place stays as it is."""
        if version == "editable":
            return
        if lacking := missing():
            raise RuntimeError(lacking)
        place = TemporaryDirectory(prefix="driftgate-")
        self._place = place  # until the wheel is written
        copy, built = Path(place.name) / "sources", Path(place.name) / "built"
        for package in self.build_config.packages:
            shutil.copytree(Path(self.root) / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable, "-c", SETUP, f"{self.root}/pyproject.toml", str(built), *self.config["include"]]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the modules of a request could not be compiled:\n{done.stdout}{done.stderr}")
        library = built / "lib"
        build_data["force_include"] |= {str(each): str(each.relative_to(library)) for each in library.rglob("*.so")}
        build_data["infer_tag"], build_data["pure_python"] = True, False

    def finalize(self, version: str, *_: object) -> None:
        """Nothing is left behind."""
        if version != "editable":
            self._place.cleanup()


def missing() -> str:
    """What compiling wants and this machine lacks, packages aside, with what to do about it; empty if it has all."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"compiling needs a C compiler, and there is no {compiler}: `apt install gcc libc6-dev`, or set CC"
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return "compiling needs the headers of this Python: `apt install python3-dev`"
    return ""


if __name__ == "__main__":
    sys.exit(missing() or 0)
