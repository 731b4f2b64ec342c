"""One whole platform for all tests that only talk to it as clients do: they share it, and clean nothing up."""

from collections.abc import Iterator

import pytest

from polyclinic.platform.testing import Platform, temporary_folder


@pytest.fixture(scope="session")
def house() -> Iterator[Platform]:
    """A running platform, edge included."""
    with temporary_folder() as folder:
        platform = Platform(folder / "data")
        platform.up()
        try:
            yield platform
        finally:
            platform.down()
