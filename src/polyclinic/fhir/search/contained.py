"""Contained: what can be asked of resources inside others, and what cannot.

Source: https://hl7.org/fhir/R4/search.html#contained
"""

from polyclinic.fhir.outcome import NotSupported
from polyclinic.fhir.search.controls import Reading
from polyclinic.fhir.search.matching import distant


def refuse_beyond_contained(reading: Reading) -> None:
    """Refuse what is asked together with ``_contained`` and only makes sense for resources by themselves.

    Refuses: ``NotSupported``, naming the parameter.
    """
    if reading.options.get("contained", "false") == "false":
        return
    if not reading.types:
        raise NotSupported("_contained means nothing to this interaction", at="_contained")
    if reading.options.get("explain"):
        raise NotSupported("a search for contained resources has no plan to be told", at="_explain")
    if [sort.code for sort in reading.options.get("sort", ())] not in ([], ["_lastUpdated"]):
        raise NotSupported("together with _contained only _lastUpdated is sorted by, that of containers", at="_sort")
    asks_others = bool(distant(reading.clauses))
    for name, _ in reading.used:
        if name.partition(":")[0] in ("_include", "_revinclude"):
            raise NotSupported(f"nothing is included together with _contained; leave {name[:64]} out", at=name)
        if asks_others and ("." in name or name.startswith("_has:") or name == "_list"):
            raise NotSupported(f"{name[:64]} asks about other resources, not about contained ones alone", at=name)
