"""Where the outside cases of the fhir layer lie: beside the repository, never in the product."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def outside() -> Path:
    """Return the folder of outside test data; skip the test where it is absent."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "pyproject.toml").exists() and (parent.parent / "shared/data").exists():
            return parent.parent / "shared/data"
    pytest.skip("the outside test data (../shared/data) is absent")
