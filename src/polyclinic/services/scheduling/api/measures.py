"""Measures and estimates, as FHIR says them: a MeasureReport, and Parameters."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import Unacceptable
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.model import Operation, answered, arguments
from polyclinic.kit.rest.targets import Target
from polyclinic.services.scheduling.actions.booking import standing
from polyclinic.services.scheduling.actions.estimating import Estimator, Taught
from polyclinic.services.scheduling.actions.measuring import measures
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.api import parameters as read
from polyclinic.services.scheduling.rules.measures import Measured
from polyclinic.services.scheduling.rules.visits import instant_of

LONGEST = 366 * 86_400
"""Seconds that one report covers, at most."""
_TOLD = (
    ("third_next_available_days", "third next available", "d"),
    ("fill_rate", "fill rate", "1"),
    ("utilisation", "utilisation", "1"),
    ("no_show_rate", "no-show rate", "1"),
    ("lead_days", "lead time, median", "d"),
    ("visits", "visits given", "1"),
)


class Office:
    """Where a practice looks at itself."""

    def __init__(self, rules: Rulebook, estimator: Estimator) -> None:
        self._rules, self._estimator = rules, estimator

    def operations(self) -> tuple[Operation, ...]:
        """Return what is offered."""
        schedules, appointments = frozenset({"Schedule"}), frozenset({"Appointment"})
        return (
            Operation("measures", "urn:polyclinic:schedule-measures", self._measures, ("type", "instance"), schedules),
            Operation("no-show", "urn:polyclinic:appointment-no-show", self._no_show, ("instance",), appointments),
            Operation(
                "no-show-model", "urn:polyclinic:appointment-no-show-model", self._model, ("type",), appointments
            ),
        )

    async def _measures(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "start", "end", "schedule"))
        start, end = read.instant(given, "start"), read.instant(given, "end", last=True)
        if start is None or end is None or not start < end <= start + LONGEST:
            raise Unacceptable("$measures needs start and end, at most a year apart", at="start")
        names = read.references(given, "schedule", endpoint.base)
        names = (f"Schedule/{target.id}",) if target.id else names
        async with endpoint.repository.session() as session:
            directory = await self._rules.read(session)
        for name in names:
            if name not in directory.calendars:
                raise Unacceptable(f"there is no {name[:96]} here", at="schedule")
        told = await measures(endpoint.repository, self._rules, names, (start, end), endpoint.now())
        period = {"start": instant_of(start, None), "end": instant_of(end, None)}
        report = {
            "resourceType": "MeasureReport",
            "status": "complete",
            "type": "summary",
            "measure": "urn:polyclinic:measure:access",
            "date": instant_of(int(endpoint.now().timestamp()), None),
            "period": period,
            "group": [_group(name, text, unit, told) for name, text, unit in _TOLD] if told else [],
        }
        return Answer(200, encode({key: value for key, value in report.items() if value}))

    async def _no_show(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        arguments(call)
        async with endpoint.repository.transaction() as transaction:
            kept = await standing(transaction, target.id)
        estimate = await self._estimator.estimate(endpoint.repository, decode(kept.body or b""))
        if estimate is None:
            raise Unacceptable(f"Appointment/{target.id} has no time yet", at="Appointment.start")
        reasons = ({"name": "reason", "valueString": each} for each in estimate.reasons)
        probability = {"name": "probability", "valueDecimal": _decimal(estimate.probability)}
        return Answer(200, answered(probability, *reasons, *_model_told(estimate.taught)))

    async def _model(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        arguments(call)
        taught = await self._estimator.taught(endpoint.repository)
        weights = sorted(taught.model.weights.items(), key=lambda each: -each[1])
        parts = ({"name": f"{trait}: {value}", "valueDecimal": _decimal(weight)} for (trait, value), weight in weights)
        return Answer(200, answered(*_model_told(taught), *_listed("log-odds", parts)))


def _group(name: str, text: str, unit: str, told: Mapping[str, Measured]) -> dict[str, Any]:
    scores = {calendar: getattr(each, name) for calendar, each in told.items()}
    strata = [
        {"value": {"text": calendar}, "measureScore": _quantity(score, unit)}
        for calendar, score in scores.items()
        if score is not None
    ]
    coding = {"system": "urn:polyclinic:measures", "code": name.replace("_", "-")}
    group: dict[str, Any] = {"code": {"coding": [coding], "text": text}}
    if strata:
        group["stratifier"] = [{"code": [{"text": "Schedule"}], "stratum": strata}]
    return group


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": _decimal(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def _model_told(taught: Taught) -> list[dict[str, Any]]:
    """Return how good the estimates are, on visits that they were not learnt from."""
    model: list[dict[str, Any]] = [
        {"name": "learnt-from", "valueInteger": taught.model.visits},
        {"name": "learnt-at", "valueDateTime": taught.at.isoformat(timespec="seconds")},
    ]
    if taught.judged is None:
        return model
    judged = taught.judged
    figures = {
        "missed": judged.missed,
        "auc": judged.auc,
        "brier": judged.brier,
        "brier-of-average": judged.brier_of_average,
        "calibration-error": judged.calibration_error,
    }
    parts: list[dict[str, Any]] = [{"name": "visits", "valueInteger": judged.visits}]
    parts += [{"name": name, "valueDecimal": _decimal(value)} for name, value in figures.items() if value is not None]
    bands: list[dict[str, Any]] = [
        {
            "name": "band",
            "part": [
                {"name": "visits", "valueInteger": band.visits},
                {"name": "estimated", "valueDecimal": _decimal(band.estimated)},
                {"name": "missed", "valueDecimal": _decimal(band.missed)},
            ],
        }
        for band in judged.bands
    ]
    return [*model, {"name": "judged-on-unseen", "part": [*parts, *bands]}]


def _listed(name: str, parts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    listed = list(parts)
    return [{"name": name, "part": listed}] if listed else []


def _decimal(value: float) -> Decimal:
    return Decimal(str(round(value, 4)))
