"""The files of US Core's package and the table of what its test suite asks, which both lie beside this repository."""

import json
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from oracle import Definitions

from polyclinic.fhir.json import decode

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "us-core"
PACKAGE = FOLDER / "us_core_610.tgz"
TABLE = FOLDER / "us_core_6.1.0_metadata.json"
IS_THERE = PACKAGE.exists() and TABLE.exists()

Resource = dict[str, Any]


@dataclass(frozen=True)
class Combination:
    """Search parameters that one profile's resources must be found by together."""

    group: Resource
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.group['name']}-{'-'.join(self.names)}"

    def defined(self, name: str) -> Resource:
        """Return what the table says of one of the parameters."""
        return self.group["search_definitions"][name]


@cache
def files() -> dict[str, Resource]:
    """Return path in the package -> resource, examples and definitions."""
    with tarfile.open(PACKAGE) as opened:
        return {
            member.name: decode(found.read())
            for member in opened
            if member.name.startswith(("package/example/", "package/SearchParameter-"))
            and (found := opened.extractfile(member)) is not None
        }


def examples() -> list[Resource]:
    return [each for name, each in files().items() if name.startswith("package/example/")] if IS_THERE else []


def parameters() -> list[Resource]:
    """Return the search parameters that R4 itself lacks."""
    held = [each for name, each in files().items() if name.startswith("package/SearchParameter-")]
    known = Definitions()
    return [each for each in held if not all(known.find(base, each["code"]) for base in each["base"])]


@cache
def groups() -> list[Resource]:
    return json.loads(TABLE.read_text())["groups"] if IS_THERE else []


def combinations() -> list[Combination]:
    return [Combination(group, tuple(search["names"])) for group in groups() for search in group["searches"]]


def examples_of(group: Resource) -> list[Resource]:
    """Return the examples that claim the group's profile."""
    return [one for one in examples() if group["profile_url"] in one.get("meta", {}).get("profile", ())]
