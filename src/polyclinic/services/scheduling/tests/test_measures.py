"""What a practice learns of itself: how soon, how full, how missed, and how likely the next visit is missed."""

from datetime import UTC, datetime, timedelta
from math import exp, log
from random import Random

import pytest

from polyclinic.fhir.validate import validate
from polyclinic.services.scheduling.actions.estimating import visit_of
from polyclinic.services.scheduling.rules.measures import Given, measured
from polyclinic.services.scheduling.rules.noshow.judging import judgement
from polyclinic.services.scheduling.rules.noshow.learning import ENOUGH, USUAL, Model, learnt, with_traits
from polyclinic.services.scheduling.rules.noshow.traits import Past, Visit, traits_of
from polyclinic.services.scheduling.tests.practice import parameters, schedule

HOUR, DAY = 3600, 86_400


def test_measures_are_of_opening_hours_and_of_what_is_over():
    hours = [(0, 4 * HOUR), (DAY, DAY + 4 * HOUR)]
    visits = [
        Given(0, HOUR, -2 * DAY, "fulfilled"),
        Given(HOUR, 2 * HOUR, -DAY, "noshow"),
        Given(2 * HOUR, 3 * HOUR, 0, "cancelled"),
        Given(DAY, DAY + HOUR, 0, "booked"),
    ]
    told = measured(visits, hours, 12 * HOUR, 3 * DAY)
    assert (told.visits, told.fill_rate, told.utilisation, told.no_show_rate) == (3, 3 / 8, 1 / 4, 1 / 2)
    assert told.lead_days == 1 + HOUR / DAY
    assert told.third_next_available_days == 2.5


def test_where_nothing_happened_there_is_nothing_to_tell():
    told = measured([], [], 0, None)
    assert (told.fill_rate, told.utilisation, told.no_show_rate, told.lead_days) == (None, None, None, None)


@pytest.mark.parametrize(
    ("judged", "auc"),
    [
        ([(0.1, False), (0.9, True)], 1.0),
        ([(0.9, False), (0.1, True)], 0.0),
        ([(0.5, False), (0.5, True)], 0.5),
        ([(0.2, False), (0.4, True), (0.4, False), (0.8, True)], 0.875),
        ([(0.2, False), (0.4, False)], None),
    ],
)
def test_auc_is_the_chance_that_a_missed_visit_has_the_higher_estimate(judged, auc):
    assert judgement(judged).auc == auc


def test_brier_and_calibration():
    told = judgement([(0.25, False)] * 3 + [(0.25, True)])
    assert told.brier == told.brier_of_average == pytest.approx(0.1875)
    assert len(told.bands) == 4 and told.missed == 0.25


def visits(number, seed):
    """Return visits that are missed by a rule of our own: the longer booked ahead and the more missed, the likelier."""
    pasts: dict[str, Past] = {}
    chance, made = Random(seed), []
    for index in range(number):
        start = datetime(2026, 1, 5, 8, tzinfo=UTC) + timedelta(hours=index // 10)
        lead = chance.choice((0, 2, 5, 10, 20, 40))
        patient = f"Patient/{chance.randrange(number // 8)}"
        past = pasts.get(patient, Past())
        odds = -2.0 + lead / 20 + 0.7 * (past.missed > 0)
        visit = Visit(patient, start, start - timedelta(days=lead), chance.random() < 1 / (1 + exp(-odds)))
        pasts[patient] = past.and_then(visit)
        made.append(visit)
    return made


def test_what_is_learnt_holds_for_visits_not_seen():
    examples = with_traits(visits(12_000, seed=1))
    model = learnt(examples[:9000])
    told = judgement([(model.probability(traits), outcome) for traits, outcome in examples[9000:]])
    assert (told.auc or 0) > 0.65 and told.brier < told.brier_of_average - 0.01
    assert told.calibration_error < 0.04


def test_reasons_name_what_counts():
    model = learnt(with_traits(visits(12_000, seed=2)))
    start = datetime(2026, 6, 1, 9, tzinfo=UTC)
    far = traits_of(Visit("Patient/1", start, start - timedelta(days=40)), Past(0, 2))
    near = traits_of(Visit("Patient/1", start, start), Past(5, 0))
    assert model.probability(far) > 2 * model.probability(near)
    assert "booked ahead: more than 4 weeks" in model.reasons(far)[0]


def test_of_few_visits_nothing_is_learnt_but_the_average():
    examples = with_traits(visits(ENOUGH - 1, seed=3))
    assert learnt(examples).weights == {}
    assert learnt([]).average == pytest.approx(log(USUAL / (1 - USUAL))) == Model().average


@pytest.mark.parametrize("created", ["2026", "2026-11", "2026-11-25", "2026-11-25T23:59:60Z", None])
def test_a_visit_is_read_whatever_is_said_of_when_it_was_booked(created):
    said = {"created": created} if created else {}
    start, end = "2026-12-07T09:00:00+01:00", "2026-12-07T09:30:00+01:00"
    visit = visit_of({"status": "noshow", "start": start, "end": end, "participant": [], **said})
    assert visit is not None and (visit.start.hour, visit.missed) == (9, True)
    assert visit.booked <= visit.start and visit.booked.tzinfo


async def test_reports_are_measure_reports(practice):
    await practice.keep(schedule("measured", "Practitioner/measured", service="HealthcareService/check-up"))
    found = await practice.find(schedule="Schedule/measured", patient_reference="Patient/measured")
    assert (await practice.book(found[0])).status == 200
    asked = parameters(start="2026-12-07T00:00:00+01:00", end="2026-12-08T00:00:00+01:00")
    answer = await practice.client.post("/fhir/Schedule/measured/$measures", asked)
    assert answer.status == 200 and validate(answer.json) == []
    groups = {group["code"]["text"]: group for group in answer.json["group"]}
    filled = groups["fill rate"]["stratifier"][0]["stratum"][0]
    assert float(filled["measureScore"]["value"]) == pytest.approx(1 / 6, abs=1e-4)
    third = groups["third next available"]["stratifier"][0]["stratum"][0]["measureScore"]
    assert 0.1 < float(third["value"]) < 0.3
    refused = await practice.client.post("/fhir/Schedule/nobody/$measures", asked)
    assert refused.status == 400


async def test_an_estimate_comes_with_how_good_it_is(practice):
    await practice.keep(schedule("estimated", "Practitioner/estimated", service="HealthcareService/check-up"))
    found = await practice.find(schedule="Schedule/estimated", patient_reference="Patient/estimated")
    booked = (await practice.book(found[0])).json["entry"][0]["resource"]
    answer = await practice.client.get(f"/fhir/Appointment/{booked['id']}/$no-show")
    assert answer.status == 200 and validate(answer.json) == []
    told = {each["name"]: each for each in answer.json["parameter"]}
    assert 0 < told["probability"]["valueDecimal"] < 1 and told["learnt-from"]["valueInteger"] >= 0
    model = await practice.client.get("/fhir/Appointment/$no-show-model")
    assert model.status == 200 and validate(model.json) == []
