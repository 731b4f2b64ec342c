"""The demonstration: a small clinic with invented patients, so that a newcomer has something to look at.

The people are made up, their codes and figures are real, each with its source beside it.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

from polyclinic.fhir import json
from polyclinic.platform.demo import calendars, clinic
from polyclinic.platform.demo.life import told
from polyclinic.platform.demo.people import person
from polyclinic.platform.demo.record import transaction
from polyclinic.platform.load.loading import Wish, bring
from polyclinic.platform.load.parcels import Parcel
from polyclinic.platform.load.progress import Silence
from polyclinic.platform.load.sources import Place
from polyclinic.platform.load.tally import Tally

PATIENTS = 25
SEED = 1


def bundles(*, today: date, seed: int = SEED, patients: int = PATIENTS) -> Iterator[dict[str, Any]]:
    """Yield transaction Bundles: the clinic, then one per patient, then what can be booked.

    The same arguments give the same Bundles; ids depend on the patient's number only.
    """
    yield transaction(clinic.resources())
    for number in range(1, patients + 1):
        yield transaction(told(person(number, seed), seed, today))
    yield transaction(calendars.resources())


def load(base_url: str, *, today: date, patients: int = PATIENTS) -> Tally:
    """Bring the demonstration into the server at ``base_url``; a patient who is there already is left as they are.

    Blocks until all is in; call it from any thread that runs no event loop.
    """
    return asyncio.run(bring_in(base_url, today=today, patients=patients))


async def bring_in(base_url: str, *, today: date, patients: int = PATIENTS) -> Tally:
    """Bring the demonstration into the server at ``base_url``, as ``load`` does."""
    tally = Tally(files=patients + 2)
    stream = map(_parcel, bundles(today=today, patients=patients))
    with ThreadPoolExecutor(1, "demo") as maker:
        await bring(stream, Wish(url=base_url), Silence(), tally=tally, reader=maker)
    return tally


def _parcel(bundle: dict[str, Any]) -> Parcel:
    entries = tuple(json.encode(entry) for entry in bundle["entry"])
    place = Place("the demonstration")
    return Parcel(
        type="transaction",
        body=entries,
        entries=tuple(Place(place.file, entry=number) for number in range(len(entries))),
        witness=bundle["entry"][0]["request"]["url"],
        divisible=False,
        size=sum(map(len, entries)),
        member_number=0,
    )
