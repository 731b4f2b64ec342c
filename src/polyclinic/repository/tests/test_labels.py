"""Labels in use: profiles, security labels and tags of all resources of a type, by the index alone."""

import asyncpg
import pytest

from polyclinic.fhir.outcome import TooCostly
from polyclinic.fhir.search.labels import meta_of
from polyclinic.repository import Repository
from polyclinic.repository.labels import MOST_LABELS
from polyclinic.repository.model import Delete, Update
from polyclinic.repository.tests.conftest import Clock
from polyclinic.repository.vocabularies import Incomplete

TAG = {"system": "http://tags", "code": "a code with blanks", "display": "left out"}


async def keep(repository, id, type="Patient", **meta):
    await repository.write(Update({"resourceType": type, "id": id, "meta": meta}))


async def meta(repository, *types):
    return meta_of(await repository.labels(types))


async def test_labels_of_a_type_are_those_that_anything_has(repository):
    await keep(repository, "1", tag=[TAG, {"code": "bare"}], profile=["http://p"])
    await keep(repository, "2", tag=[TAG], security=[{"system": "http://secret", "code": "R"}])
    await keep(repository, "1", "Practitioner", profile=["http://q", "http://p"])
    assert await meta(repository, "Patient") == {
        "profile": ["http://p"],
        "security": [{"system": "http://secret", "code": "R"}],
        "tag": [{"code": "bare"}, {"system": "http://tags", "code": "a code with blanks"}],
    }
    assert await meta(repository, "Practitioner") == {"profile": ["http://p", "http://q"]}
    assert (await meta(repository, "Patient", "Practitioner"))["profile"] == ["http://p", "http://q"]
    assert await meta(repository, "Account") == {}


async def test_a_label_that_nothing_has_any_more_is_not_in_use(repository):
    await keep(repository, "1", "Group", tag=[TAG], profile=["http://p"])
    await keep(repository, "2", "Group", tag=[TAG])
    await keep(repository, "1", "Group")
    assert await meta(repository, "Group") == {"tag": [{"system": "http://tags", "code": "a code with blanks"}]}
    await repository.write(Delete("Group", "2"))
    assert await meta(repository, "Group") == {}


async def test_a_coding_without_a_code_is_no_label(repository):
    await keep(repository, "1", "Device", tag=[{"system": "http://tags"}, {"display": "x"}])
    assert await meta(repository, "Device") == {}


async def test_a_profile_and_its_versions_are_told_apart(repository):
    await keep(repository, "1", "Location", profile=["http://v|1", "http://v"])
    await keep(repository, "2", "Location", profile=["http://v|2"])
    assert await meta(repository, "Location") == {"profile": ["http://v", "http://v|1", "http://v|2"]}
    await keep(repository, "1", "Location", profile=["http://v|1"])
    assert await meta(repository, "Location") == {"profile": ["http://v|1", "http://v|2"]}


async def test_more_labels_than_are_looked_at_are_refused(repository):
    tags = [{"code": str(number)} for number in range(MOST_LABELS + 1)]
    await keep(repository, "1", "Basic", tag=tags)
    with pytest.raises(TooCostly):
        await repository.labels(["Basic"])


async def test_labels_from_before_they_were_listed_are_told_once_everything_is_indexed(repository, dsn):
    await keep(repository, "1", "Organization", tag=[TAG])
    connection = await asyncpg.connect(dsn)
    await connection.execute("truncate spelling; update resource set indexed = 1; update reindexing set complete = 1")
    await connection.close()
    later_release = await Repository.open(dsn, clock=Clock())
    with pytest.raises(Incomplete):
        await later_release.labels(["Organization"])
    await later_release.reindexing.walk()
    assert await meta(later_release, "Organization") == {
        "tag": [{"system": "http://tags", "code": "a code with blanks"}]
    }
    await later_release.close()
