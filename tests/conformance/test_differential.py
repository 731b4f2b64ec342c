"""Random resources and random questions: the service's answers are those of the oracle, by family of questions.

A run draws some sets of resources, loads each into one running service and asks many questions about it. More sets
are drawn where ``DIFFERENTIAL_EXAMPLES`` says how many for each family: then with a new seed each time, and a failure
is made smaller before it is told, which takes minutes.
"""

import os
import sys
from datetime import UTC, datetime
from itertools import islice

import pytest
from asking import ask, count, delete_all, difference, pages, put_all
from drawn import HERE
from drawn.questions import FAMILIES, LAST, Question
from drawn.resources import changes, drawn_resources
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle import Oracle
from oracle.store import key_of

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.search.compartments import members, membership
from polyclinic.fhir.search.matching import candidate, distant, holds
from polyclinic.fhir.search.query import parse
from polyclinic.fhir.search.vocabulary import Vocabulary
from polyclinic.kit.testing import create_whole, database, running

SETS = os.environ.get("DIFFERENTIAL_EXAMPLES")
QUESTIONS = 12
BATCHES = 3
"""Transactions that a set is loaded by, so that not all of it was written at one moment."""
PAGES = (1000, 3)
CROWDED = {"FEW": 2, "MANY_KEYS": 2, "READ_IN_TURN": 1, "SELECTIVE": 0}
"""Limits of the repository's plans, each so low that a few resources reach it."""
VOCABULARY = Vocabulary(base=f"{HERE}/")


@pytest.fixture(scope="module")
async def service():
    """Return a client of the records service."""
    async with database() as dsn, running(create_whole, postgresql=dsn) as client:
        yield client


DRAWN = settings(
    max_examples=int(SETS or 10),
    derandomize=SETS is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    phases=(Phase.generate, Phase.shrink) if SETS else (Phase.generate,),
)


@pytest.mark.parametrize("family", FAMILIES)
@DRAWN
@given(resources=drawn_resources(), chance=st.data())
async def test_answers_are_those_of_the_oracle(service, family, resources, chance):
    await hold(service, resources, chance.draw(questions_of(family)))


@pytest.fixture(params=[1, 100], ids=["rare", "common"])
def crowded(monkeypatch, request):
    """Let the few drawn resources be many to the plans, so that these go the ways they go where much is stored.

    Each term is taken to be rare, or to be common.
    """
    repository = [module for name, module in sys.modules.items() if name.startswith("polyclinic.repository.")]
    for limit, value in {**CROWDED, "RARE": request.param}.items():
        modules = [module for module in repository if hasattr(module, limit)]
        assert modules, f"no plan knows {limit}"
        for module in modules:
            monkeypatch.setattr(module, limit, value)


@pytest.mark.parametrize("family", ["reverse chain", "chain", "mixed", "sort"])
@DRAWN
@given(resources=drawn_resources(), chance=st.data())
async def test_answers_are_those_of_the_oracle_where_lookups_end_early(service, crowded, family, resources, chance):
    await hold(service, resources, chance.draw(questions_of(family)))


def questions_of(family):
    return st.lists(FAMILIES[family], min_size=1, max_size=QUESTIONS, unique=True)


async def hold(service, resources, questions):
    """Hold the service's answers to ``questions`` about ``resources`` against the oracle's."""
    try:
        oracle, written = await loaded(service, resources)
        for question in questions:
            await compare(service, oracle, dated(question, written), resources)
    finally:
        await delete_all(service, [(one["resourceType"], one["id"]) for one in resources])


async def loaded(service, resources):
    """Load the resources; return an oracle that knows when each was written, and these moments in order."""
    kept = []
    for batch in filter(None, (resources[number::BATCHES] for number in range(BATCHES))):
        kept += await put(service, batch)
    moments = sorted({one["meta"]["lastUpdated"] for one in kept}) or ["2000-01-01T00:00:00Z"]
    return Oracle(kept, HERE, now=datetime.now(UTC)), moments  # noqa: TID251


async def put(service, resources):
    """Load the resources in one transaction; return them with the moments when they were written."""
    times = await put_all(service, decode(placed(encode(resources).decode(), service).encode()))
    return [
        {**one, "meta": {**one.get("meta", {}), "lastUpdated": time}}
        for one, time in zip(resources, times, strict=True)
    ]


def placed(text, service):
    """Return ``text`` with the address of the running service in it."""
    return text.replace(HERE, f"{service.root}/fhir")


def dated(question, moments):
    """Return the question with moments of writing in place of their names."""

    def put(value):
        for place, name in enumerate(LAST):
            value = value.replace(name, moments[place % len(moments)])
        return value

    pairs = tuple((name, put(value)) for name, value in question.pairs)
    return Question(question.type, pairs, question.compartment)


def judged_alone(oracle, question):
    """Return what is found where each resource is judged by itself; None where that cannot be."""
    there = {one["resourceType"] for one in oracle.store.resources.values()}
    named = [name for code, value in question.pairs if code == "_type" for name in value.split(",")]
    may = members(question.compartment[0]) if question.compartment else there
    types = named or ([question.type] if question.type else sorted(there.intersection(may)))
    if not types:
        return set()
    asked = [pair for pair in question.pairs if pair[0] != "_type"]
    query = parse(types, asked, now=oracle.store.now, vocabulary=VOCABULARY)
    member = [membership(*question.compartment, tuple(types))] if question.compartment else []
    clauses = [*query.clauses, *member]
    if distant(clauses) or query.contained != "false":
        return None
    resources = [one for one in oracle.store.resources.values() if one["resourceType"] in types]
    found = [one for one in resources if holds(clauses, candidate(one, VOCABULARY))]
    return {(one["resourceType"], one["id"]) for one in found}


async def compare(service, oracle, question, resources):
    """Ask both and compare matches, their order, their number and what is included."""
    asked = tuple((name, placed(value, service)) for name, value in question.pairs)
    theirs = oracle.search(question.type, question.pairs, compartment=question.compartment)
    judged = judged_alone(oracle, question)
    told = f"{question.path}?{'&'.join(f'{name}={value}' for name, value in question.pairs)}"
    for page in PAGES:
        matches, included = await ask(service, question.path, asked, count=page)
        assert len(matches) == len(set(matches)), f"{told}: a resource is on two pages"
        assert judged in (None, set(matches)), f"{told}: resource by resource it is {judged}, not {set(matches)}"
        for ours, expected in ((set(matches), set(theirs.matches)), (included, theirs.included)):
            differing = [one for one in resources if (one["resourceType"], one["id"]) in ours ^ expected]
            assert ours == expected, difference(told, ours, expected, differing)
        if question.sort:
            ranks = [[oracle.rank(key, question.sort) for key in keys] for keys in (matches, theirs.matches)]
            assert ranks[0] == ranks[1], difference(told, matches, theirs.matches, resources)
    assert await count(service, question.path, asked) == len(theirs.matches), told


@pytest.mark.parametrize("family", FAMILIES)
@settings(DRAWN, max_examples=int(SETS or 4))
@given(resources=drawn_resources(), chance=st.data())
async def test_pages_show_once_what_stays_while_resources_change(service, family, resources, chance):
    question = chance.draw(FAMILIES[family])
    steps = chance.draw(changes((question.type or "Observation",)))
    try:
        oracle, written = await loaded(service, resources)
        await page_through(service, oracle, dated(question, written), steps)
    finally:
        put = [one for step in steps for one in step.put]
        await delete_all(service, sorted({key_of(one) for one in [*resources, *put]}))


async def page_through(service, oracle, question, steps):
    """Ask page by page, change something after each, and compare with what matched all the time."""

    def matches(oracle):
        return oracle.search(question.type, question.pairs, compartment=question.compartment).matches

    asked = tuple((name, placed(value, service)) for name, value in question.pairs)
    told = f"{question.path}?{'&'.join(f'{name}={value}' for name, value in question.pairs)}"
    started, shown, left = matches(oracle), [], iter(steps)
    stays, kept = set(started), {key_of(one): one for one in oracle.store.of(None)}
    async for page in pages(service, question.path, asked, count=1):
        shown += page["match"]
        for step in islice(left, 1):
            kept = await changed(service, kept, step)
            stays.intersection_update(matches(Oracle(kept.values(), HERE, now=datetime.now(UTC))))  # noqa: TID251
    assert len(shown) == len(set(shown)), f"{told}: a resource is on two pages"
    assert stays <= set(shown), difference(told, shown, stays, list(kept.values()))
    if question.sort:
        ranks = [oracle.rank(key, question.sort) for key in shown if key in started]
        assert ranks == [oracle.rank(key, question.sort) for key in started if key in shown], told


async def changed(service, kept, step):
    """Delete and put what ``step`` says; return what is kept then."""
    await delete_all(service, step.gone)
    written = await put(service, step.put)
    return {key: one for key, one in kept.items() if key not in step.gone} | {key_of(one): one for one in written}
