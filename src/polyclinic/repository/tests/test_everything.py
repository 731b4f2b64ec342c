"""Everything that belongs to a patient or an encounter: what a walk over the references of all resources finds."""

import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.fhir.search.values import Span, date_span
from polyclinic.repository import everything as reading
from polyclinic.repository.everything import EVER, Belonging
from polyclinic.repository.model import Create, Cursor, Delete, Update

PATIENT: dict[str, tuple[str, ...]] = {
    "Encounter": ("subject", "participant"),
    "Observation": ("subject", "performer"),
    "Condition": ("subject", "asserter"),
    "MedicationRequest": ("subject",),
    "AllergyIntolerance": ("patient", "recorder", "asserter"),
}
ENCOUNTER: dict[str, tuple[str, ...]] = {
    "Observation": ("encounter",),
    "Condition": ("encounter",),
    "MedicationRequest": ("encounter",),
}
MEMBERS = {"Patient": PATIENT, "Encounter": ENCOUNTER}
"""By compartment and type: the elements whose references put a resource into it, of those that are made here."""


def at(*addresses):
    return [{"reference": address} for address in addresses]


def made(seed):
    """Return resources of a few patients that refer to each other and to those who treat them."""
    random = Random(seed)
    for number in range(6):
        yield {"resourceType": "Organization", "id": f"org{number}", "partOf": {"reference": "Organization/org0"}}
        yield {"resourceType": "Practitioner", "id": f"doc{number}"}
        yield {
            "resourceType": "Location",
            "id": f"room{number}",
            "managingOrganization": at(f"Organization/org{number}")[0],
        }
        yield {"resourceType": "Medication", "id": f"pill{number}"}
    for number in range(4):
        yield from _cared_for(random, f"p{number}")


def _cared_for(random, patient):
    yield {
        "resourceType": "Patient",
        "id": patient,
        "generalPractitioner": at(f"Practitioner/doc{random.randrange(6)}", "Practitioner/unknown"),
        "managingOrganization": {"reference": f"Organization/org{random.randrange(6)}"},
    }
    yield {"resourceType": "AllergyIntolerance", "id": f"{patient}-a", **_of("patient", patient)}
    for number in range(8):
        encounter = f"{patient}-e{number}"
        yield {
            "resourceType": "Encounter",
            "id": encounter,
            "status": "finished",
            "class": {"code": "AMB"},
            **_of("subject", patient),
            "period": {"start": f"20{10 + number}-03-01", "end": f"20{10 + number}-06-01"},
            "participant": [{"individual": {"reference": f"Practitioner/doc{random.randrange(6)}"}}],
            "location": [{"location": {"reference": f"Location/room{random.randrange(6)}"}}],
        }
        for place in range(random.randrange(6)):
            yield _noted(random, patient, encounter, place)


def _noted(random, patient, encounter, place):
    day = {"Observation": "effectiveDateTime", "Condition": "recordedDate", "MedicationRequest": "authoredOn"}
    type = random.choice([*day])
    common = {
        "resourceType": type,
        "id": f"{encounter}-{place}",
        day[type]: f"20{10 + int(encounter[-1])}-04-0{place + 1}",
        **_of("subject", patient),
        "encounter": {"reference": f"Encounter/{encounter}"},
    }
    if type == "Observation":
        code = {"coding": [{"code": "x"}]}
        return common | {"status": "final", "code": code, "performer": at(f"Patient/{patient}", "Practitioner/doc1")}
    if type == "Condition":
        return common | {"asserter": {"reference": f"Patient/p{random.randrange(4)}"}}
    pill = {"reference": f"Medication/pill{random.randrange(6)}"}
    return common | {"status": "active", "intent": "order", "medicationReference": pill}


def _of(element, patient):
    return {element: {"reference": f"Patient/{patient}"}}


def references(value):
    """Return every address that ``value`` refers to."""
    if isinstance(value, list):
        return {found for each in value for found in references(each)}
    if isinstance(value, dict):
        return {value["reference"]} if "reference" in value else references(list(value.values()))
    return set()


def walked(known, address):
    """Return what belongs to ``address``, and what that refers to, by looking at every resource there is."""
    elements = MEMBERS[address.partition("/")[0]]
    inside = {address} | {
        found
        for found, resource in known.items()
        if any(address in references(resource.get(name)) for name in elements.get(resource["resourceType"], ()))
    }
    referred = {target for each in inside for target in references(known[each])}
    return inside, (referred & known.keys()) - inside


@pytest.fixture(scope="module")
async def known(repository):
    resources = list(made(seed=7))
    Random(1).shuffle(resources)
    for resource in resources:
        await repository.write(Create(resource, id=resource["id"]))
    return {f"{each['resourceType']}/{each['id']}": each for each in resources}


def asked(address, **more):
    type, _, id = address.partition("/")
    return Belonging(type, id, **more)


async def read(repository, question, cursor=None):
    """Return the addresses in the compartment, those referred to, both in their order, and the page."""
    found = await repository.everything(question, cursor=cursor)
    inside: list[str] = []
    referred: list[str] = []
    async for portion in found.portions:
        listed = referred if portion.referred else inside
        assert portion.referred or not referred
        listed += [f"{kept.type}/{kept.id}" for kept in portion.items]
    return inside, referred, found


async def paged(repository, question, between=None):
    """Return all addresses, page by page; ``between`` is done after each page."""
    cursor, listed = None, []
    while True:
        inside, referred, found = await read(repository, question, cursor)
        listed += inside + referred
        assert len(inside + referred) <= question.count
        if found.next is None:
            return listed
        assert len(inside + referred) == question.count
        cursor = found.next
        if between:
            await between()


@pytest.mark.parametrize("address", ["Patient/p0", "Patient/p1", "Patient/p2", "Encounter/p0-e3", "Encounter/p3-e7"])
@pytest.mark.parametrize("at_once", [20_000, 7])
async def test_everything_is_what_a_walk_over_references_finds(repository, known, monkeypatch, address, at_once):
    monkeypatch.setattr(reading, "KEYS_AT_ONCE", at_once)
    inside, referred, found = await read(repository, asked(address))
    expected = walked(known, address)
    assert inside[0] == address
    assert (set(inside), set(referred)) == expected
    assert len(inside + referred) == len({*inside, *referred})
    assert found.total == (len(inside) if at_once > len(inside + referred) else None)
    assert found.next is None


@pytest.mark.parametrize("count", [1, 3, 10, 1000])
async def test_pages_neither_repeat_nor_skip(repository, known, count):
    inside, referred = walked(known, "Patient/p1")
    listed = await paged(repository, asked("Patient/p1", count=count))
    assert sorted(listed) == sorted(inside | referred)


async def test_pages_neither_repeat_nor_skip_while_resources_come_and_change(repository, known):
    before = set().union(*walked(known, "Patient/p2"))
    added = []

    async def between():
        new = {"resourceType": "AllergyIntolerance", **_of("patient", "p2"), "recorder": {"reference": "Patient/p3"}}
        added.append((await repository.write(Create(new))).kept.id)
        await repository.write(Update(known["Patient/p2"] | {"gender": "other" if len(added) % 2 else "male"}))
        await repository.write(Update(known["Encounter/p2-e1"] | {"priority": {"text": str(len(added))}}))

    listed = await paged(repository, asked("Patient/p2", count=4), between)
    assert len(listed) == len(set(listed))
    assert before <= set(listed)
    for id in added:
        await repository.write(Delete("AllergyIntolerance", id))
    after = await paged(repository, asked("Patient/p2", count=50))
    assert set(after) == before


async def test_types_and_since_choose_what_is_told_not_what_is_followed(repository, known):
    inside, referred = walked(known, "Patient/p0")
    told = await read(repository, asked("Patient/p0", types=("Observation", "Practitioner")))
    for listed, expected in zip(told, (inside, referred), strict=False):
        assert set(listed) == {each for each in expected if each.startswith(("Observation/", "Practitioner/"))}
    changed = next(each for each in sorted(inside) if each.startswith("Encounter/"))
    written = await repository.write(Update(known[changed] | {"priority": {"text": "high"}}))
    assert (await read(repository, asked("Patient/p0", since=written.kept.updated)))[:2] == ([changed], [])
    future = asked("Patient/p0", since=datetime(2100, 1, 1, tzinfo=UTC))
    assert (await read(repository, future))[:2] == ([], [])


@pytest.mark.parametrize(
    ("begin", "end", "years"),
    [
        ("2012", "2013", {2012, 2013}),
        ("2014-05-01", None, {2014, 2015, 2016, 2017}),
        (None, "2011-03-01", {2010, 2011}),
        ("2012-07", "2013-02", set()),
    ],
)
async def test_period_chooses_care_that_reaches_into_it_and_what_has_no_date(repository, known, begin, end, years):
    inside, referred, _ = await read(repository, asked("Patient/p1", period=_period(begin, end)))
    members, _ = walked(known, "Patient/p1")
    encounters = {each for each in members if each.startswith("Encounter/p1-e")}
    assert {each for each in inside if each.startswith("Encounter/p1-e")} == {
        each for each in encounters if 2010 + int(each[-1]) in years
    }
    assert {"Patient/p1", "AllergyIntolerance/p1-a"} <= set(inside)
    followed = {target for each in inside for target in references(known[each])} & known.keys()
    assert set(referred) == followed - members


def _period(begin, end):
    first, last = (date_span(text) or EVER for text in (begin or "", end or ""))
    return Span(first.low, last.high)


async def test_deleted_resources_are_not_told(repository, known):
    patient = {"resourceType": "Patient", "id": "gone", "generalPractitioner": at("Practitioner/left")}
    await repository.write(Create({"resourceType": "Practitioner", "id": "left"}, id="left"))
    await repository.write(Create(patient, id="gone"))
    allergy = {"resourceType": "AllergyIntolerance", "id": "gone-a", **_of("patient", "gone")}
    await repository.write(Create(allergy, id="gone-a"))
    assert (await read(repository, asked("Patient/gone")))[:2] == (
        ["Patient/gone", "AllergyIntolerance/gone-a"],
        ["Practitioner/left"],
    )
    await repository.write(Delete("Practitioner", "left"))
    await repository.write(Delete("AllergyIntolerance", "gone-a"))
    assert (await read(repository, asked("Patient/gone")))[:2] == (["Patient/gone"], [])


async def test_what_is_deleted_while_it_is_read_is_left_out(repository, known):
    await repository.write(Create({"resourceType": "AllergyIntolerance", "id": "x", **_of("patient", "p3")}, id="x"))
    found = await repository.everything(asked("Patient/p3"))
    await repository.write(Delete("AllergyIntolerance", "x"))
    told = [kept.id async for portion in found.portions for kept in portion.items]
    assert told
    assert "x" not in told


async def test_portions_are_bounded_in_number_and_bytes(repository, known, monkeypatch):
    async def sizes():
        found = await repository.everything(asked("Patient/p0"))
        return [[len(kept.body) for kept in portion.items] async for portion in found.portions]

    monkeypatch.setattr(reading, "LARGEST_PORTION", 5)
    assert max(map(len, await sizes())) == 5
    monkeypatch.setattr(reading, "PORTION_BYTES", 1000)
    assert all(sum(each) <= 1000 or len(each) == 1 for each in await sizes())
    monkeypatch.setattr(reading, "PORTION_BYTES", 1)
    assert {len(each) for each in await sizes()} == {1}


async def test_position_opens_only_its_own_question(repository, known):
    question = asked("Patient/p0", count=2)
    cursor = (await repository.everything(question)).next
    inside, _, _ = await read(repository, replace(question, count=3), cursor)
    assert len(inside) == 3
    others = (
        replace(question, id="p1"),
        replace(question, types=("Patient",)),
        replace(question, since=datetime(2000, 1, 1, tzinfo=UTC)),
        replace(question, period=_period("2000", None)),
    )
    for other in others:
        with pytest.raises(Unacceptable):
            await repository.everything(other, cursor=cursor)
    with pytest.raises(Unacceptable):
        await repository.everything(question, cursor=Cursor("nonsense"))


async def test_much_is_read_with_little_memory(repository, known):
    """20 MB of notes, of which never more than some portions are in memory."""
    note = [{"text": "x" * 500_000}]
    code = {"coding": [{"code": "x"}]}
    await repository.write(Create({"resourceType": "Patient", "id": "long"}, id="long"))
    for _ in range(40):
        common = {"resourceType": "Observation", "status": "final", "code": code, "note": note}
        await repository.write(Create(common | _of("subject", "long")))
    read = 0
    tracemalloc.start()
    try:
        async for portion in (await repository.everything(asked("Patient/long"))).portions:
            read += sum(len(kept.body) for kept in portion.items)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read > 20_000_000
    assert peak < 6_000_000
