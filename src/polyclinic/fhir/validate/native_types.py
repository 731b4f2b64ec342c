"""Invariants of R4's data types in Python; see ``native``."""

from polyclinic.fhir.validate.native import Natives, Object, has, has_choice, in_order, is_number, part

UCUM = "http://unitsofmeasure.org"

NATIVES = Natives()
native = NATIVES.write


@native("per-1", "Period")
def _(it: Object) -> bool | None:
    return in_order(it.get("start"), it.get("end"))


@native("qty-3", "Quantity")
def _(it: Object) -> bool:
    return not has(it, "code") or has(it, "system")


@native("sqty-1", "")
def _(it: Object) -> bool:
    return not has(it, "comparator")


@native("age-1", "Age")
def _(it: Object) -> bool | None:
    if not _has_ucum_code(it):
        return False
    value = it.get("value")
    return value is None or (value > 0 if is_number(value) else None)


@native("dis-1", "Distance")
def _(it: Object) -> bool:
    return _has_ucum_code(it)


@native("drt-1", "Duration")
def _(it: Object) -> bool:
    return not has(it, "code") or ((not has(it, "system") or it.get("system") == UCUM) and has(it, "value"))


def _has_ucum_code(it: Object) -> bool:
    return (has(it, "code") or not has(it, "value")) and (not has(it, "system") or it.get("system") == UCUM)


@native("rng-2", "Range")
def _(it: Object) -> bool | None:
    low, high = part(it, "low"), part(it, "high")
    if "value" not in low or "value" not in high:
        return True
    if low.get("code") != high.get("code") or low.get("system") != high.get("system"):
        return None
    if low.get("unit") != high.get("unit") and "code" not in low:
        return None
    return bool(low["value"] <= high["value"]) if is_number(low["value"]) and is_number(high["value"]) else None


@native("rat-1", "Ratio")
def _(it: Object) -> bool:
    both = ("numerator" in it) == ("denominator" in it)
    return both and ("numerator" in it or "extension" in it)


@native("att-1", "Attachment")
def _(it: Object) -> bool:
    return not has(it, "data") or has(it, "contentType")


@native("cpt-2", "ContactPoint")
def _(it: Object) -> bool:
    return not has(it, "value") or has(it, "system")


@native("ext-1", "Extension")
def _(it: Object) -> bool:
    return ("extension" in it) != has_choice(it, "value")


@native("exp-1", "Expression")
def _(it: Object) -> bool:
    return has(it, "expression") or has(it, "reference")


@native("tim-1", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "duration") or has(it, "durationUnit")


@native("tim-2", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "period") or has(it, "periodUnit")


@native("tim-4", "Timing.repeat")
def _(it: Object) -> bool | None:
    return _is_not_negative(it, "duration")


@native("tim-5", "Timing.repeat")
def _(it: Object) -> bool | None:
    return _is_not_negative(it, "period")


def _is_not_negative(it: Object, name: str) -> bool | None:
    if name not in it:
        return None if "_" + name in it else True
    return bool(it[name] >= 0) if is_number(it[name]) else None


@native("tim-6", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "periodMax") or has(it, "period")


@native("tim-7", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "durationMax") or has(it, "duration")


@native("tim-8", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "countMax") or has(it, "count")


@native("tim-9", "Timing.repeat")
def _(it: Object) -> bool | None:
    if not has(it, "offset"):
        return True
    whens = it.get("when")
    return None if type(whens) is not list else not any(when in ("C", "CM", "CD", "CV") for when in whens)


@native("tim-10", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "timeOfDay") or not has(it, "when")
