"""What happened to a patient of the demonstration, told from birth to today."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from polyclinic.platform.demo import codes, stories
from polyclinic.platform.demo.body import Build, build, measure
from polyclinic.platform.demo.people import Person
from polyclinic.platform.demo.record import Record
from polyclinic.platform.demo.stories import Lab, Story

MONTH = timedelta(days=30.4375)
ADULT = 18
LOOKED_BACK = 5
"""Yearly check-ups that a record holds."""


def told(person: Person, seed: int, today: date) -> list[dict[str, Any]]:
    """Return the resources of a person's record up to ``today``."""
    return _Life(person, Random(f"{seed}/life/{person.number}"), today).told()


class _Life:
    def __init__(self, person: Person, chance: Random, today: date) -> None:
        self._person = person
        self._chance = chance
        self._today = today
        self._build: Build = build(chance)
        self._record = Record(person)
        self._stories = [story for story in stories.STORIES if self._may_have(story)]

    def told(self) -> list[dict[str, Any]]:
        self._record.introduce()
        self._vaccinations()
        self._allergies()
        for story in self._stories:
            self._illness(story)
        for day in self._check_up_days():
            self._check_up(day)
        return self._record.resources

    def _may_have(self, story: Story) -> bool:
        drawn = self._chance.random() < story.share
        low, high = story.ages
        return drawn and low <= self._person.age(self._today) <= high and self._person.sex in story.sexes

    def _vaccinations(self) -> None:
        if self._person.age(self._today) < ADULT:
            for vaccination in stories.CHILDHOOD:
                for dose, months in enumerate(vaccination.months, 1):
                    day = self._person.born + months * MONTH + timedelta(days=self._chance.randint(0, 14))
                    if day <= self._today:
                        self._record.vaccinate(vaccination.code, day, dose=dose)
            return
        # a Td or Tdap booster every 10 years, influenza every autumn: CDC Adult Immunization Schedule 2024, table 1
        self._record.vaccinate(stories.TDAP, self._days_ago(self._chance.randint(400, 3200)))
        for year in range(self._today.year - self._chance.randint(1, 3), self._today.year):
            self._record.vaccinate(stories.INFLUENZA, date(year, 10, self._chance.randint(1, 28)))

    def _allergies(self) -> None:
        for allergy in stories.ALLERGIES:
            drawn = self._chance.random() < allergy.share
            if drawn and self._person.age(self._today) >= 2:
                self._record.warn(allergy, self._days_ago(self._chance.randint(100, 650)))

    def _illness(self, story: Story) -> None:
        day = self._days_ago(self._chance.randint(20, 150) if story.acute else self._chance.randint(300, 1500))
        encounter = self._record.visit(day, codes.SYMPTOM_VISIT, story.snomed)
        resolved = day + timedelta(days=10) if story.acute else None
        condition = self._record.diagnose(story, day, encounter, resolved=resolved)
        for medicine in story.medicines:
            self._record.prescribe(medicine, day, encounter, condition, running=not story.acute)
        self._examine(day, encounter)

    def _check_up_days(self) -> list[date]:
        first = self._days_ago(self._chance.randint(15, 300))
        days = [first - timedelta(days=365 * back) for back in reversed(range(LOOKED_BACK))]
        return [day for day in days if day > self._person.born + MONTH]

    def _check_up(self, day: date) -> None:
        chronic = any(not story.acute for story in self._stories)
        encounter = self._record.visit(day, codes.FOLLOW_UP if chronic else codes.CHECK_UP)
        self._examine(day, encounter)
        if self._person.age(day) >= ADULT:
            for lab, (low, high) in self._labs():
                value = Decimal(f"{self._chance.uniform(low, high):.{lab.measure.places}f}")
                self._record.analyse(lab, value, day, encounter)

    def _labs(self) -> list[tuple[Lab, tuple[float, float]]]:
        sex = self._person.sex
        usual = (
            stories.HBA1C,
            stories.FASTING_GLUCOSE,
            stories.CHOLESTEROL,
            stories.LDL,
            stories.HDL,
            stories.CREATININE[sex],
            stories.HEMOGLOBIN[sex],
        )
        ill = {lab.measure.code.code: value for story in self._stories for lab, value in story.labs}
        return [(lab, ill.get(lab.measure.code.code, lab.healthy)) for lab in usual]

    def _examine(self, day: date, encounter: str) -> None:
        years = (day - self._person.born).days / 365.25
        hypertensive = any(story.hypertensive for story in self._stories)
        signs = measure(self._person.sex, years, self._build, self._chance, hypertensive=hypertensive)
        self._record.examine(signs, day, encounter)

    def _days_ago(self, days: int) -> date:
        """Return a day of the past, never before the person was a month old."""
        return max(self._today - timedelta(days=days), self._person.born + MONTH)
