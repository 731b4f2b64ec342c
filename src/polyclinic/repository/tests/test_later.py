"""Questions that are answered later: who is at them, and who takes them over."""

from datetime import timedelta

import pytest

from polyclinic.fhir.outcome import TooCostly
from polyclinic.repository.later import ABANDONED, KEPT, MOST_AT_ONCE


async def test_one_that_nobody_is_at_any_more_is_taken_over_once(repository):
    await repository.keep_for_later("orphan", b"question")
    assert await repository.take_over_later("orphan") is None
    repository._clock.now += ABANDONED
    assert await repository.take_over_later("orphan") == b"question"
    assert await repository.take_over_later("orphan") is None
    await repository.finish_later("orphan", 200, b"answer")
    waiting = await repository.read_later("orphan")
    assert (waiting.status, waiting.answer) == (200, b"answer")
    assert not await repository.beat_later("orphan")


async def test_one_that_was_dropped_is_wanted_no_more(repository):
    await repository.keep_for_later("unwanted", b"question")
    assert await repository.beat_later("unwanted")
    assert await repository.drop_later("unwanted")
    assert not await repository.beat_later("unwanted")
    assert await repository.read_later("unwanted") is None


async def test_too_many_are_refused_until_a_day_has_passed(repository):
    for number in range(MOST_AT_ONCE):
        await repository.keep_for_later(f"one-{number}", b"question")
    with pytest.raises(TooCostly):
        await repository.keep_for_later("one-too-many", b"question")
    repository._clock.now += KEPT + timedelta(hours=1)
    await repository.keep_for_later("next-day", b"question")
    assert await repository.read_later("one-0") is None
