"""What a search finds, in which order, and that its pages neither repeat nor skip."""

from decimal import Decimal

import pytest

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Unacceptable
from polyclinic.fhir.search.matching import candidate, distant, holds
from polyclinic.fhir.search.pairs import pair
from polyclinic.fhir.search.query import parse
from polyclinic.fhir.search.terms import code_term, reference_term
from polyclinic.repository import resolve, statements
from polyclinic.repository.keys import identity_of, key_of, link_key
from polyclinic.repository.model import Create, Cursor, Update
from polyclinic.repository.plan import ByHits, ByIds, ByKeys, CommonTerms, plan
from polyclinic.repository.resolve import Resolver

PATIENT = reference_term("Observation.subject", "Patient/ada")
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
XHTML = "http://www.w3.org/1999/xhtml"


def observation(id, code, patient, date, value, unit="kg"):
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}], "text": "as told"},
        "subject": {"reference": f"Patient/{patient}"},
        **({"effectiveDateTime": date} if date else {}),
        "valueQuantity": {"value": Decimal(value), "unit": unit, "system": UCUM, "code": unit},
    }


RESOURCES = [
    {
        "resourceType": "Patient",
        "id": "ada",
        "identifier": [{"system": "urn:mrn", "value": "1,2"}],
        "name": [{"family": "Müller-Lüdenscheidt", "given": ["Ada", "Zoë"]}],
        "birthDate": "1980-05",
        "gender": "female",
        "telecom": [{"system": "phone", "value": "555-1"}, {"system": "email", "value": "ada@example.org"}],
        "generalPractitioner": [{"reference": "Practitioner/house", "identifier": {"system": "urn:gp", "value": "7"}}],
    },
    {
        "resourceType": "Patient",
        "id": "bob",
        "name": [{"family": "Smith"}],
        "birthDate": "1980-05-31",
        "gender": "male",
    },
    {
        "resourceType": "Patient",
        "id": "cyd",
        "name": [{"family": "Smithers"}],
        "deceasedBoolean": True,
        "text": {"status": "generated", "div": f"<div xmlns='{XHTML}'><strong>Fever</strong>, cough; released</div>"},
        "gender": "male",
    },
    observation("o1", "29463-7", "ada", "2024-01-01T10:00:00+01:00", "70.0"),
    observation("o2", "29463-7", "ada", "2024-02-01", "71"),
    observation("o3", "8302-2", "ada", "2024-03", "170", "cm"),
    observation("o4", "29463-7", "bob", "2023-01-01", "80.25"),
    observation("o5", "29463-7", "bob", None, "81"),
    {
        "resourceType": "Encounter",
        "id": "long",
        "status": "in-progress",
        "class": {"system": "urn:c", "code": "IMP"},
        "subject": {"reference": "Patient/ada"},
        "period": {"start": "2023-06-01"},
    },
    {
        "resourceType": "Encounter",
        "id": "short",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "https://elsewhere.org/fhir/Patient/ada"},
        "period": {"start": "2023-01-01", "end": "2023-01-02"},
    },
    {
        "resourceType": "ValueSet",
        "id": "vs",
        "url": "http://example.org/vs",
        "version": "2",
        "status": "active",
        "useContext": [
            {"code": {"system": "urn:use", "code": "focus"}, "valueCodeableConcept": {"coding": [{"code": "flu"}]}},
            {"code": {"system": "urn:other", "code": "venue"}, "valueCodeableConcept": {"coding": [{"code": "ward"}]}},
        ],
    },
    {
        "resourceType": "MolecularSequence",
        "id": "seq",
        "coordinateSystem": 0,
        "referenceSeq": {"chromosome": {"coding": [{"code": "1"}]}, "windowStart": 1, "windowEnd": 2},
        "variant": [
            {"start": 100, "end": 200},
            {"start": 500, "end": 400},
            {"start": 90, "end": 50},
            {"start": 300},
        ],
    },
    {
        "resourceType": "RiskAssessment",
        "id": "risk",
        "status": "final",
        "subject": {"reference": "Patient/ada"},
        "prediction": [{"probabilityDecimal": Decimal("0.55")}],
    },
]

CASES = [
    ("Patient?_id=ada,bob", {"ada", "bob"}),
    ("Patient?identifier=urn:mrn|1\\,2", {"ada"}),
    ("Patient?identifier=1\\,2", {"ada"}),
    ("Patient?identifier=urn:mrn|", {"ada"}),
    ("Patient?identifier=|1\\,2", set()),
    ("Patient?identifier=urn:other|1\\,2", set()),
    ("Patient?gender=female", {"ada"}),
    ("Patient?gender=http://hl7.org/fhir/administrative-gender|female", {"ada"}),
    ("Patient?gender=urn:other|female", set()),
    ("Patient?gender=female,male", {"ada", "bob", "cyd"}),
    ("Patient?gender:not=female", {"bob", "cyd"}),
    ("Patient?deceased=true", {"cyd"}),
    ("Patient?name=smith", {"bob", "cyd"}),
    ("Patient?name=SMITHE", {"cyd"}),
    ("Patient?name=muller", {"ada"}),
    ("Patient?given=zoe", {"ada"}),
    ("Patient?family:exact=Smith", {"bob"}),
    ("Patient?family:exact=smith", set()),
    ("Patient?family:contains=LUDEN", {"ada"}),
    ("Patient?name=smith&gender=male&name=smithers", {"cyd"}),
    ("Patient?phone=555-1", {"ada"}),
    ("Patient?email=555-1", set()),
    ("Patient?birthdate=1980", {"ada", "bob"}),
    ("Patient?birthdate=1980-05", {"ada", "bob"}),
    ("Patient?birthdate=1980-05-31", {"bob"}),
    ("Patient?birthdate=ne1980-05-31", {"ada"}),
    ("Patient?birthdate=gt1980-05-30", {"ada", "bob"}),
    ("Patient?birthdate=lt1980-05-31", {"ada"}),
    ("Patient?birthdate=sa1980-05-30", {"bob"}),
    ("Patient?birthdate=eb1980-06", {"ada", "bob"}),
    ("Patient?general-practitioner=house", {"ada"}),
    ("Patient?general-practitioner=Practitioner/house", {"ada"}),
    ("Patient?general-practitioner:Practitioner=house", {"ada"}),
    ("Patient?general-practitioner:Organization=house", set()),
    ("Patient?general-practitioner:identifier=urn:gp|7", {"ada"}),
    ("Patient?general-practitioner:identifier=7", {"ada"}),
    ("Patient?general-practitioner:identifier=urn:gp|", {"ada"}),
    ("Patient?general-practitioner:identifier=urn:other|", set()),
    ("Patient?general-practitioner:identifier=|7", set()),
    ("Patient?_id=|ada", {"ada"}),
    ("Patient?_id:not=ada", {"bob", "cyd"}),
    ("Patient?birthdate:missing=true", {"cyd"}),
    ("Patient?general-practitioner:missing=false", {"ada"}),
    ("Observation?patient.name=muller", {"o1", "o2", "o3"}),
    ("Observation?subject:Patient.gender:not=female", {"o4", "o5"}),
    ("Patient?_has:Observation:patient:code=8302-2", {"ada"}),
    ("Patient?_has:Observation:patient:value-quantity=gt80", {"ada", "bob"}),
    (f"Observation?value-quantity=gt1.5|{UCUM}|m", {"o3"}),
    (f"Observation?value-quantity=lt75000|{UCUM}|g", {"o1", "o2"}),
    (f"Observation?code-value-quantity={LOINC}|29463-7$gt80", {"o4", "o5"}),
    ("MolecularSequence?chromosome-variant-coordinate=1$ge100$le200", {"seq"}),
    ("MolecularSequence?chromosome-variant-coordinate=1$ge100$le60", set()),
    ("MolecularSequence?chromosome-variant-coordinate=1$lt100$lt60", {"seq"}),
    ("MolecularSequence?chromosome-variant-coordinate=1$ge500$lt450", {"seq"}),
    ("MolecularSequence?chromosome-variant-coordinate=2$ge100$le200,1$500$400", {"seq"}),
    ("MolecularSequence?chromosome-variant-coordinate=2$ge100$le200", set()),
    ("MolecularSequence?chromosome-variant-coordinate:missing=false", {"seq"}),
    ("ValueSet?context-type-value=urn:use|focus$flu", {"vs"}),
    ("ValueSet?context-type-value=urn:use|$flu", {"vs"}),
    ("ValueSet?context-type-value=urn:use|$ward", set()),
    ("ValueSet?url:below=http://example.org", {"vs"}),
    ("ValueSet?url:below=http://example.org/v", set()),
    ("ValueSet?url:above=http://example.org/vs/7", {"vs"}),
    ("Patient?_text=cough", {"cyd"}),
    ("Patient?_text=ough", set()),
    ("Patient?_text=strong", set()),
    ("Patient?_text=fever cou,nothing", {"cyd"}),
    ("Patient?_content=RELEASED,müller", {"ada", "cyd"}),
    ("Patient?_id:missing=false", {"ada", "bob", "cyd"}),
    ("Patient?_id:missing=true", set()),
    ("Patient?_lastUpdated:missing=false&gender=male", {"bob", "cyd"}),
    ("Observation?_content=told", {"o1", "o2", "o3", "o4", "o5"}),
    ("Observation?code:text=as tol", {"o1", "o2", "o3", "o4", "o5"}),
    ("Observation?patient=ada", {"o1", "o2", "o3"}),
    ("Observation?subject=Patient/ada", {"o1", "o2", "o3"}),
    ("Observation?patient=Patient/ada,Patient/bob&code=29463-7", {"o1", "o2", "o4", "o5"}),
    ("Observation?subject=Device/ada", set()),
    (f"Observation?patient=ada&code={LOINC}|29463-7", {"o1", "o2"}),
    ("Observation?combo-code=8302-2", {"o3"}),
    ("Observation?patient=bob&date=lt2024-02-01", {"o4"}),
    ("Observation?patient=bob&date=ge2023-01-01", {"o4"}),
    ("Observation?patient=bob&date=sa2023-01-01", set()),
    ("Encounter?patient=ada&date=ge2023-05,lt2000", {"long"}),
    ("Encounter?patient=ada&date=ge2023-07", {"long"}),
    ("Observation?date=2024", {"o1", "o2", "o3"}),
    ("Observation?date=2024-01-01T09:00:00Z", {"o1"}),
    ("Observation?date=2024-01-01T10:00:00+01:00", {"o1"}),
    ("Observation?date=ge2024-02-01&date=lt2024-03", {"o2"}),
    ("Observation?patient=ada&date=ge2024-02", {"o2", "o3"}),
    ("Observation?value-quantity=70", {"o1"}),
    ("Observation?value-quantity=70.00", {"o1"}),
    ("Observation?value-quantity=80", {"o4"}),
    ("Observation?value-quantity=80.2", set()),
    ("Observation?value-quantity=80.25", {"o4"}),
    (f"Observation?value-quantity=gt70|{UCUM}|kg", {"o2", "o4", "o5"}),
    ("Observation?value-quantity=gt70||kg", {"o2", "o4", "o5"}),
    ("Observation?value-quantity=le71,ge170", {"o1", "o2", "o3"}),
    ("Observation?value-quantity=ap75", {"o1", "o2", "o4", "o5"}),
    ("Encounter?date=2023-07-01", set()),
    ("Encounter?date=ge2023-07-01", {"long"}),
    ("Encounter?date=lt2023-02", {"short"}),
    ("Encounter?subject=https://elsewhere.org/fhir/Patient/ada", {"short"}),
    ("Encounter?class=|AMB", {"short"}),
    ("Encounter?class=urn:c|IMP", {"long"}),
    ("ValueSet?url=http://example.org/vs", {"vs"}),
    ("ValueSet?url=http://example.org/v", set()),
    ("RiskAssessment?probability=0.5", set()),
    ("RiskAssessment?probability=gt0.5", {"risk"}),
    ("RiskAssessment?probability=0.55", {"risk"}),
    ("Observation?_lastUpdated=gt2025", {"o1", "o2", "o3", "o4", "o5"}),
    ("Observation?_lastUpdated=lt2025", set()),
    ("Observation?_lastUpdated=2026-01-01", {"o1", "o2", "o3", "o4", "o5"}),
]


@pytest.fixture(scope="module")
async def filled(repository):
    for resource in RESOURCES:
        await repository.write(Update(resource))
    return repository


def query(text, *, count=None):
    type, _, pairs = text.partition("?")
    listed = [tuple(pair.split("=", 1)) for pair in pairs.split("&") if pair]
    return parse(type, listed + ([("_count", str(count))] if count else []))


def ids(page):
    return [kept.id for kept in page.items]


@pytest.mark.parametrize(("text", "expected"), CASES)
async def test_a_search_finds(filled, text, expected):
    page = await filled.search(query(text))
    assert set(ids(page)) == expected
    assert page.total == len(expected) == len(page.items)
    assert await filled.count(query(text)) == len(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Observation", ["o3", "o2", "o1", "o4", "o5"]),
        ("Observation?_sort=-date", ["o3", "o2", "o1", "o4", "o5"]),
        ("Observation?_sort=date", ["o4", "o1", "o2", "o3", "o5"]),
        ("Observation?_sort=date&code=29463-7,8302-2", ["o4", "o1", "o2", "o3", "o5"]),
        ("Observation?_sort=date,-_id", ["o4", "o1", "o2", "o3", "o5"]),
        ("Patient?_sort=-gender,family", ["bob", "cyd", "ada"]),
        ("Observation?_sort=subject,-date", ["o3", "o2", "o1", "o4", "o5"]),
        ("Observation?code=29463-7,8302-2", ["o3", "o2", "o1", "o4", "o5"]),
        ("Observation?_sort=value-quantity", ["o1", "o2", "o4", "o5", "o3"]),
        ("Observation?_sort=-value-quantity", ["o3", "o5", "o4", "o2", "o1"]),
        ("Patient?_sort=family", ["ada", "bob", "cyd"]),
        ("Patient?_sort=-family", ["cyd", "bob", "ada"]),
        ("Patient?_sort=-_id", ["cyd", "bob", "ada"]),
        ("Patient?_sort=_lastUpdated", ["ada", "bob", "cyd"]),
        ("Patient?_sort=birthdate,-family", ["ada", "bob", "cyd"]),
        ("Patient?_sort=birthdate", ["ada", "bob", "cyd"]),
        ("Patient?_sort=-birthdate", ["bob", "ada", "cyd"]),
        ("Patient?_sort=given", ["ada", "bob", "cyd"]),
        ("Patient?_sort=-given", ["ada", "cyd", "bob"]),
        ("Patient?_sort=-given&gender=male", ["cyd", "bob"]),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 50])
async def test_a_search_sorts_and_pages(filled, text, expected, count):
    found, cursor = [], None
    while True:
        page = await filled.search(query(text, count=count), cursor=cursor)
        found += ids(page)
        if page.next is None:
            break
        cursor = page.next
    assert found == expected


@pytest.mark.parametrize(("text", "expected"), [case for case in CASES if not distant(query(case[0]).clauses)])
async def test_a_resource_is_judged_by_itself_as_the_index_judges_it(filled, text, expected):
    asked = query(text)
    stored = await filled.search(query(text.partition("?")[0]))
    held = [kept.id for kept in stored.items if holds(asked.clauses, candidate(decode(kept.body)))]
    assert set(held) == expected


async def test_new_resources_between_pages_are_neither_repeated_nor_do_they_push_others_out(filled):
    asked = query("Observation?patient=paged", count=2)
    for n in range(6):
        await filled.write(Create(observation(f"p{n}", "1-8", "paged", f"2020-01-0{n + 1}", "1")))
    first = await filled.search(asked)
    await filled.write(Create(observation("newer", "1-8", "paged", "2021-01-01", "1")))
    second = await filled.search(asked, cursor=first.next)
    third = await filled.search(asked, cursor=second.next)
    assert len(set(ids(first) + ids(second) + ids(third))) == 6
    assert third.next is None


async def test_an_updated_resource_is_found_by_what_it_says_now(filled):
    await filled.write(Update(observation("moving", "old", "mover", "2020-01-01", "1")))
    await filled.write(Update(observation("moving", "new", "mover", "2022-01-01", "2")))
    assert ids(await filled.search(query("Observation?patient=mover&code=old"))) == []
    assert ids(await filled.search(query("Observation?patient=mover&code=new&date=2022"))) == ["moving"]
    assert ids(await filled.search(query("Observation?patient=mover&value-quantity=1"))) == []


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "W10", "WyIxIiwiMiIsIjMiXQ", "WyJ4IiwieSJd", "WyI5OTk5OTk5OTk5OTk5OTk5OTk5OTk5IiwiMSJd"],
)
async def test_a_foreign_cursor_is_refused(filled, cursor):
    with pytest.raises(Unacceptable, match="_cursor"):
        await filled.search(query("Observation"), cursor=Cursor(cursor))


async def test_a_type_without_conditions_counts_all_of_it(filled):
    assert await filled.count(query("ValueSet")) == 1


async def planned(filled, text, common=None):
    common = common or CommonTerms()
    async with filled.transaction() as transaction:
        question = await Resolver(transaction._connection, common).question(query(text))
    return plan(question, common)


async def test_the_rarest_term_leads(filled):
    chosen = await planned(filled, "Observation?category=vital-signs&patient=ada&status=final")
    assert chosen.lead == (await planned(filled, "Observation?patient=ada")).lead


async def test_a_patient_and_a_kind_are_asked_as_one(filled):
    both = ByKeys((key_of(pair(PATIENT, code_term("Observation.code", "29463-7"))),))
    chosen = await planned(filled, "Observation?code=29463-7&status=final&subject=Patient/ada")
    assert (chosen.lead, len(chosen.checks)) == (both, 1)
    assert (await planned(filled, "Observation?code=29463-7&patient.family=muller")).lead == both
    by_system = await planned(filled, "Observation?code=http://loinc.org|&patient=ada")
    assert by_system.lead == ByKeys((key_of(PATIENT),))


async def test_a_text_leads_where_terms_are_common(filled):
    male = (await planned(filled, "Patient?gender=male")).lead
    assert isinstance(male, ByKeys)
    common = CommonTerms(dict.fromkeys(male.keys, 1e6))
    assert isinstance((await planned(filled, "Patient?gender=male&name=smith", common)).lead, ByHits)
    assert isinstance((await planned(filled, "Patient?_id=a&name=smith", common)).lead, ByIds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient?name=smith", ["cyd", "bob"]),
        ("Patient?name=smith&gender=male&_sort=-_id", ["cyd", "bob"]),
        ("Patient?name=smith&_id:not=bob,cyd", []),
        ("Patient?name=nobody", []),
    ],
)
@pytest.mark.parametrize("few", [1, 2])
async def test_hits_lead_to_the_same_answer_whether_few_or_many(filled, monkeypatch, text, expected, few):
    for module in (resolve, statements):
        monkeypatch.setattr(module, "FEW", few)
    found = await filled.search(query(text))
    assert ([kept.id for kept in found.items], found.total) == (expected, len(expected))


@pytest.mark.parametrize(
    ("text", "found", "included"),
    [
        # led by values: one statement for those with a birth date, one for those without
        ("Patient?_sort=birthdate&_revinclude=Observation:patient", "ada bob cyd", "o1 o2 o3 o4 o5"),
        ("Patient?_sort=birthdate&_count=1&_revinclude=Observation:patient", "ada", "o1 o2 o3"),
        ("Patient?name=smith&_revinclude=Observation:patient", "cyd bob", "o4 o5"),
        ("Observation?_id=o4&_include=Observation:patient", "o4", "bob"),
        ("Observation?_id=o4&_include=Observation:performer", "o4", ""),
        ("Observation?_id=o4&_include=*", "o4", "bob"),
        ("Observation?_id=o4&_include=Observation:patient&_revinclude:iterate=Observation:patient", "o4", "bob o5"),
        ("Observation?_id=o4,o5&_include=Observation:patient&_revinclude:iterate=Observation:patient", "o4 o5", "bob"),
    ],
)
async def test_what_comes_along_comes_once_and_is_no_match(filled, text, found, included):
    page = await filled.search(query(text))
    assert " ".join(kept.id for kept in page.items) == found
    assert " ".join(sorted(kept.id for kept in page.included)) == included


def test_the_key_of_a_reference_is_made_of_its_halves():
    assert key_of(PATIENT) == link_key("Observation.subject") ^ identity_of("Patient/ada")
    assert key_of(pair(PATIENT, "x\0cy")) == key_of(PATIENT) ^ key_of("x\0cy")
    assert key_of("x\0sr\0&") != key_of("x\0sr") ^ key_of("")
