"""Every name in the import contracts stands for a module that exists: a typo would guard nothing."""

import fnmatch
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
MODULES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "src").rglob("*.py")
}
NAMES = {
    name
    for contract in CONTRACTS
    for key in ("source_modules", "forbidden_modules", "modules", "containers", "ancestors")
    for name in contract.get(key, [])
    if name.startswith("polyclinic")
}


def test_the_contracts_name_something():
    assert len(NAMES) > 5


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_name_in_a_contract_stands_for_a_module(name):
    assert fnmatch.filter(MODULES, name)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["name"])
def test_a_layer_that_is_not_optional_stands_for_a_module(contract):
    for container in contract.get("containers", []) if contract["type"] == "layers" else []:
        for layer in contract["layers"]:
            required = [name.strip() for name in layer.split("|") if not name.strip().startswith("(")]
            for name in required:
                assert fnmatch.filter(MODULES, f"{container}.{name}"), name
