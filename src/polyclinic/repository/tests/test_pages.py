"""Pages of a search while resources change between them: nothing is repeated, nothing that stays is skipped."""

import asyncio
import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.fhir.search.query import parse
from polyclinic.repository.changed import MOST_CHANGED, moved
from polyclinic.repository.model import Delete, Update
from polyclinic.repository.order import in_column_order, order_of
from polyclinic.repository.pages import Reading
from polyclinic.repository.places import place_of
from polyclinic.repository.plan import CommonTerms, plan
from polyclinic.repository.resolve import Resolver, settled
from polyclinic.repository.statements import PLACE

DATES = ("2020", "2020-03", "2020-03-05", "2021-01-01T10:00:00Z", "2021-01-01T10:00:00.123+02:00", "1900-01-01")
WORDS = ("Ada", "ada", "Bob", "Zoë", "Ärzte", "z" * 70, "\U0001f642 smile", "Änne")
CODES = ("a", "b", "C", "\U0001f642")
NUMBERS = (-1, 0, 2, 1000, 3)
IDS = tuple(f"r{number}" for number in range(9))
FEW_SETS = settings(
    max_examples=5,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)


def words():
    return st.lists(st.sampled_from(WORDS), min_size=1, max_size=2)


def some(**strategies):
    return st.fixed_dictionaries({}, optional=strategies)


def concept():
    return st.lists(st.sampled_from(CODES), min_size=1, max_size=2).map(
        lambda codes: {"coding": [{"system": "urn:c", "code": code} for code in codes]}
    )


def quantity():
    return st.sampled_from(NUMBERS).map(lambda value: {"value": value, "unit": "kg"})


OBSERVATIONS = st.builds(
    lambda code, rest: {"resourceType": "Observation", "status": "final", "code": code, **rest},
    concept(),
    some(
        effectiveDateTime=st.sampled_from(DATES),
        valueQuantity=quantity(),
        subject=st.sampled_from("ab").map(lambda id: {"reference": f"Patient/{id}"}),
        component=st.lists(
            st.builds(lambda code, value: {"code": code, "valueQuantity": value}, concept(), quantity())
        ),
    ),
)
PATIENTS = st.builds(
    lambda rest: {"resourceType": "Patient", **rest},
    some(
        name=st.lists(
            st.builds(lambda given, family: {"given": given, "family": family}, words(), words().map("".join))
        ),
        birthDate=st.sampled_from(("1980", "1980-05", "1980-05-31")),
        gender=st.sampled_from(("male", "female")),
    ),
)
QUESTIONS = (
    "Observation",
    "Observation?_sort=date",
    "Observation?_sort=-date,_id",
    "Observation?_sort=date,-_id",
    "Observation?_sort=_lastUpdated",
    "Observation?_sort=-_lastUpdated",
    "Observation?_sort=value-quantity",
    "Observation?_sort=-value-quantity",
    "Observation?_sort=-combo-value-quantity,date",
    "Observation?_sort=code",
    "Observation?_sort=-code,value-quantity",
    "Observation?_sort=subject,-date",
    "Observation?code=a",
    "Observation?code=a,b&_sort=date",
    "Observation?code:not=a&_sort=-value-quantity",
    "Observation?date=ge2020-03&code=a,b",
    "Observation?value-quantity=gt0&_sort=-date",
    "Observation?_id=r1,r2,r3,r4&_sort=-date",
    "Observation?_lastUpdated=gt2020&_sort=_id",
    "Observation?subject=Patient/a,Patient/b&_sort=_id",
    "Patient?_sort=family",
    "Patient?_sort=-family",
    "Patient?_sort=given,-family",
    "Patient?_sort=birthdate",
    "Patient?_sort=-birthdate,gender",
    "Patient?_sort=-gender",
    "Patient?gender=male&_sort=-given",
    "Patient?name=ada&_sort=family",
    "Patient?family:missing=true&_sort=-_id",
    "Patient?_has:Observation:subject:code=a&_sort=family",
    "Patient,Observation?_sort=-_lastUpdated",
    "Patient,Observation?_lastUpdated=gt2020",
)


def query(text, count=1000):
    types, _, rest = text.partition("?")
    pairs = [tuple(pair.split("=", 1)) for pair in rest.split("&") if pair]
    return parse(types.split(","), [*pairs, ("_count", str(count))])


def keys(page):
    return [(kept.type, kept.id) for kept in page.items]


async def clear(repository):
    for type in ("Observation", "Patient"):
        await delete(repository, IDS, type)


async def delete(repository, ids, type="Patient"):
    async with repository.transaction() as transaction:
        await transaction.write([Delete(type, id) for id in ids])


async def put(repository, listed):
    async with repository.transaction() as transaction:
        await transaction.write(list(map(Update, listed)))


def person(id, family, **rest):
    return {"resourceType": "Patient", "id": id, "name": [{"family": family}], **rest}


async def paged(repository, text, count, between):
    """Return what all pages show; ``between`` is awaited after each page, with its number."""
    shown: list[str] = []
    cursor, number = None, 0
    while cursor or not number:
        page = await repository.search(query(text, count), cursor=cursor)
        shown, cursor, number = shown + [kept.id for kept in page.items], page.next, number + 1
        await between(number)
    return shown


@pytest.fixture
async def people(repository):
    """Keep Patients r0 to r5 with family names from a to f; return the repository."""
    await clear(repository)
    await put(repository, [person(f"r{number}", letter) for number, letter in enumerate("abcdef")])
    return repository


CHANGES: dict[str, tuple[list[Update | Delete], str]] = {
    "moved forward": ([Update(person("r0", "z"))], "r0 r1 r2 r3 r4 r5"),
    "moved back": ([Update(person("r4", "a"))], "r0 r1 r2 r3 r4 r5"),
    "moved to where values are missing": (
        [Update({"resourceType": "Patient", "id": "r1"})],
        "r0 r1 r2 r3 r4 r5",
    ),
    "moved twice": ([Update(person("r4", "a")), Update(person("r4", "y"))], "r0 r1 r2 r3 r4 r5"),
    "the one at the position": ([Update(person("r1", "z"))], "r0 r1 r2 r3 r4 r5"),
    "deleted": ([Delete("Patient", "r3")], "r0 r1 r2 r4 r5"),
    "deleted after it was shown": ([Delete("Patient", "r0")], "r0 r1 r2 r3 r4 r5"),
    "deleted and made again": ([Delete("Patient", "r3"), Update(person("r3", "a"))], "r0 r1 r2 r3 r4 r5"),
    "made behind the position": ([Update(person("r8", "dd"))], "r0 r1 r2 r3 r8 r4 r5"),
    "made before the position": ([Update(person("r8", "a"))], "r0 r1 r2 r3 r4 r5"),
    "made and moved": ([Update(person("r8", "a")), Update(person("r8", "z"))], "r0 r1 r2 r3 r4 r5"),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_resource_is_shown_where_it_stood(people, name):
    writes, expected = CHANGES[name]

    async def change(number):
        for write in writes if number == 1 else ():
            await people.write(write)

    assert await paged(people, "Patient?_sort=family", 2, change) == expected.split()


async def test_what_changed_is_shown_as_it_is_now_if_it_still_matches(people):
    await put(people, [person(f"r{number}", "same", gender="male") for number in range(6)])
    asked = query("Patient?gender=male&_sort=_id", 2)
    first = await people.search(asked)
    await people.write(Update(person("r2", "other", gender="male")))
    await people.write(Update(person("r3", "same", gender="female")))
    second = await people.search(asked, cursor=first.next)
    assert [(kept.id, b"other" in kept.body) for kept in second.items] == [("r2", True), ("r4", False)]


async def test_what_changed_brings_along_what_it_refers_to_now(people):
    def seen(id, patient):
        subject = {"reference": f"Patient/{patient}"}
        return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}, "subject": subject}

    await put(people, [seen("r0", "r0"), seen("r1", "r1"), seen("r2", "r2")])
    asked = query("Observation?_sort=_id&_include=Observation:subject", 1)
    first = await people.search(asked)
    await people.write(Update(seen("r1", "r5")))
    second = await people.search(asked, cursor=first.next)
    assert [[kept.id for kept in part] for part in (second.items, second.included)] == [["r1"], ["r5"]]
    third = await people.search(asked, cursor=second.next)
    assert [[kept.id for kept in part] for part in (third.items, third.included)] == [["r2"], ["r2"]]


async def test_what_was_under_way_at_the_first_page_counts_as_changed_since(people):
    writing = people.transaction()
    transaction = await writing.__aenter__()
    await transaction.write([Update(person("r0", "z")), Update(person("r5", "a"))])

    async def end(number):
        if number == 1:
            await people.write(Update(person("r4", "y")))  # a later transaction, which ends earlier
        if number == 2:
            await writing.__aexit__(None, None, None)

    assert await paged(people, "Patient?_sort=family", 2, end) == ["r0", "r1", "r2", "r3", "r4", "r5"]


async def test_pages_are_whole_while_others_write_at_the_same_moment(repository):
    await clear(repository)
    numbers, chance, done = range(60), random.Random(1), asyncio.Event()
    await put(repository, [person(f"busy{number}", chance.choice("abc")) for number in numbers])

    async def write():
        while not done.is_set():
            family = {} if chance.random() < 0.3 else {"name": [{"family": chance.choice("abc")}]}
            await repository.write(Update({"resourceType": "Patient", "id": f"busy{chance.choice(numbers)}", **family}))

    writers = [asyncio.create_task(write()) for _ in range(3)]
    try:
        for text in ("Patient?_sort=family", "Patient?_sort=-family", "Patient", "Patient?_sort=_lastUpdated"):
            for _ in range(4):
                shown = await paged(repository, text, 7, lambda number: asyncio.sleep(0))
                assert sorted(shown) == sorted(f"busy{number}" for number in numbers)
    finally:
        done.set()
        await asyncio.gather(*writers)
        await delete(repository, [f"busy{number}" for number in numbers])


async def test_more_changes_than_are_kept_apart_are_told(repository):
    many = [{"resourceType": "Basic", "id": f"b{number}", "code": {"text": "x"}} for number in range(MOST_CHANGED + 1)]
    await put(repository, many)
    asked = query("Basic?_sort=_lastUpdated", 10)
    first = await repository.search(asked)
    await put(repository, [{**each, "language": "en"} for each in many[1:]])
    second = await repository.search(asked, cursor=first.next)
    assert not second.issues
    assert not {kept.id for kept in first.items} & {kept.id for kept in second.items}
    await put(repository, [{**many[0], "language": "en"}])
    third = await repository.search(asked, cursor=second.next)
    assert [(issue.severity, issue.code) for issue in third.issues] == [("warning", "incomplete")]


async def test_a_link_of_an_earlier_form_is_refused(people):
    old = people._seal.close(b'["a", "1"]', b"")
    with pytest.raises(Unacceptable, match="_cursor"):
        await people.search(query("Patient?_sort=family", 2), cursor=old)


def resources(least=0):
    one = st.builds(lambda id, resource: {**resource, "id": id}, st.sampled_from(IDS), OBSERVATIONS | PATIENTS)
    return st.lists(one, min_size=least, max_size=14, unique_by=lambda each: (each["resourceType"], each["id"]))


def changes():
    gone = st.builds(Delete, st.sampled_from(("Observation", "Patient")), st.sampled_from(IDS))
    one = resources(1).map(lambda listed: Update(listed[0])) | gone
    return st.lists(one, max_size=5)


@pytest.mark.parametrize("question", QUESTIONS)
@FEW_SETS
@given(first=resources(), steps=st.lists(changes(), min_size=6, max_size=6), count=st.integers(1, 3))
async def test_each_resource_that_stays_is_shown_once(repository, question, first, steps, count):
    await clear(repository)
    await put(repository, first)
    asked = query(question, count)
    before = keys(await repository.search(query(question)))
    shown: list[tuple[str, str]] = []
    staying, cursor, left = set(before), None, iter(steps)
    while cursor or not shown:
        page = await repository.search(asked, cursor=cursor)
        found = keys(await repository.search(query(question)))
        assert set(keys(page)) <= set(found), "what does not match any more is shown"
        assert len(page.items) == count or page.next is None
        shown, cursor = shown + keys(page), page.next
        staying &= set(found)
        if cursor is None:
            break
        for change in next(left, ()):
            await repository.write(change)
    assert len(shown) == len(set(shown)), "something is shown twice"
    assert staying <= set(shown), "something that always matched is not shown"
    placed = [key for key in shown if key in before]
    assert placed == [key for key in before if key in placed], "something is not at its place"


@pytest.mark.parametrize("question", QUESTIONS)
@FEW_SETS
@given(first=resources(4))
async def test_places_are_reckoned_as_the_index_has_them(repository, question, first):
    await clear(repository)
    await put(repository, first)
    asked, pool = query(question), repository._pool
    planned = plan(await Resolver(pool, CommonTerms()).question(asked), CommonTerms())
    chosen, order = in_column_order(await settled(pool, planned), order_of(asked))
    found = await Reading(pool, asked, chosen, order, None).unmoved()
    seen = await pool.fetchval("select pg_current_snapshot()::text")
    await put(repository, [{**each, "language": "en"} for each in first])
    text, arguments = moved(chosen, order, seen)
    rows = await pool.fetch(text, *arguments)
    reckoned = {place_of(row, order, asked.vocabulary) for row in rows}
    assert reckoned == {row[PLACE:] for row in found.rows}
