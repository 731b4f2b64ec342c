"""FHIRPath: how many of HL7's tests ours and a library pass, and what a path costs (best of many, one core).

    .venv/bin/python bench/path_bench.py            ours and fhirpathpy
    python bench/path_bench.py --only fhirpathrs    in an environment that has it (pip install fhirpathrs)

The tests are read as tests/conformance/test_fhirpath.py reads them; a library is asked for the values only, not
for their types, and any error counts where an error is expected.
"""

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
EXPRESSIONS = (
    ("Patient", "Patient.name.given"),
    ("Patient", "Patient.birthDate"),
    ("Patient", "Patient.telecom.where(system='phone')"),
    ("Patient", "Patient.name.where(use = 'official').given.first()"),
    ("Patient", "Patient.birthDate < @2000-01-01"),
    ("Patient", "Patient.descendants().count()"),
    ("Observation", "Observation.code"),
    ("Observation", "(Observation.value as Quantity)"),
    ("Observation", "dataAbsentReason.empty() or value.empty()"),
    (
        "Observation",
        "value.empty() or component.code.where(coding.intersect(%resource.code.coding).exists()).empty()",
    ),
)
Evaluate = Callable[[str, dict[str, Any]], Callable[[], list[Any]]]


def _ours(expression: str, resource: dict[str, Any]) -> Callable[[], list[Any]]:
    from polyclinic.fhir.path import compile_path

    path = compile_path(expression)
    return lambda: path.evaluate(resource)


def _fhirpathpy(expression: str, resource: dict[str, Any]) -> Callable[[], list[Any]]:
    import fhirpathpy
    from fhirpathpy.models import models

    compiled = fhirpathpy.compile(expression, models["r4"])
    return lambda: compiled(resource, {"resource": resource})


def _fhirpathrs(expression: str, resource: dict[str, Any]) -> Callable[[], list[Any]]:
    import fhirpathrs

    plain = json.loads(json.dumps(resource, default=float))

    def run() -> list[Any]:
        found = fhirpathrs.evaluate(expression, plain)
        return found if isinstance(found, list) else [] if found is None else [found]

    return run


ENGINES: dict[str, Evaluate] = {"ours": _ours, "fhirpathpy": _fhirpathpy, "fhirpathrs": _fhirpathrs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(ENGINES), action="append")
    names = parser.parse_args().only or ["ours", "fhirpathpy"]
    suite = _suite()
    print(f"python {sys.version.split()[0]}")
    for name in names:
        passed, took = _passes(suite, name)
        print(f"{name:12} {passed} of {len(suite.cases())} tests pass, {took:.2f} s for all")
    print(f"{'us per evaluation':82}" + "".join(f"{name:>12}" for name in names))
    for kind, expression in EXPRESSIONS:
        resource = suite.resource(f"{kind.lower()}-example")
        print(f"{expression[:80]:82}" + "".join(f"{_cost(name, expression, resource):>12}" for name in names))


def _suite() -> Any:
    spec = importlib.util.spec_from_file_location("suite", ROOT / "tests/conformance/test_fhirpath.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["suite"] = module
    spec.loader.exec_module(module)
    return module


def _passes(suite: Any, name: str) -> tuple[int, float]:
    start = time.perf_counter()
    if name == "ours":
        passed = sum(suite.outcome(case) is None for case in suite.cases())
    else:
        passed = sum(_library_passes(suite, case, ENGINES[name]) for case in suite.cases())
    return passed, time.perf_counter() - start


def _library_passes(suite: Any, case: Any, engine: Evaluate) -> bool:
    try:
        found = engine(case.expression, suite.resource(case.input))()
    except BaseException as error:  # even a panic is its answer
        if isinstance(error, KeyboardInterrupt):
            raise
        return bool(case.invalid)
    if case.invalid:
        return False
    if case.predicate:
        found = [bool(found)]
    return sorted(map(_text, found)) == sorted(text.removeprefix("@").removeprefix("T") for _, text in case.outputs)


def _text(value: Any) -> str:
    value = getattr(value, "data", value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(Decimal(str(value)))
    return str(value).removeprefix("T")


def _cost(name: str, expression: str, resource: dict[str, Any]) -> str:
    try:
        run = ENGINES[name](expression, resource)
        run()
    except Exception as error:  # noqa: BLE001 - shown as the figure
        return type(error).__name__[:11]
    best, rounds = float("inf"), 50
    for _ in range(60):
        start = time.perf_counter()
        for _ in range(rounds):
            run()
        best = min(best, (time.perf_counter() - start) / rounds)
    return f"{best * 1e6:.2f}"


if __name__ == "__main__":
    main()
