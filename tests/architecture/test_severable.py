"""A service is independent when it imports, and its own tests pass, with no other service on the disk."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from polyclinic.platform.catalog import manifests

SOURCE = Path(__file__).parents[2] / "src" / "polyclinic"
LAYERS = ("__init__.py", "fhir", "repository", "kit", "services/__init__.py")
SETTINGS = """[pytest]
addopts = --import-mode=importlib --strict-markers -p no:cacheprovider
asyncio_mode = auto
asyncio_default_fixture_loop_scope = session
asyncio_default_test_loop_scope = session
filterwarnings = error
"""


@pytest.mark.parametrize("name", [manifest.name for manifest in manifests()])
def test_a_service_stands_alone(name, tmp_path):
    for part in (*LAYERS, f"services/{name}"):
        target = tmp_path / "polyclinic" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (SOURCE / part).is_dir() else shutil.copy)(SOURCE / part, target)
    service = f"polyclinic.services.{name}"
    python(tmp_path, "-c", f"import {service}.main as main; assert main.__file__.startswith({str(tmp_path)!r})")
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    said = python(tmp_path, "-m", "pytest", "-q", f"polyclinic/services/{name}")
    assert " passed" in said


def python(home, *arguments):
    environment = {name: value for name, value in os.environ.items() if name.startswith("POLYCLINIC_TEST_")}
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=home,
        env=environment | {"PYTHONPATH": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
