"""What a server says of a Bundle that was sent: counted, and each refusal put where it came from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from polyclinic.platform.load.parcels import Parcel
from polyclinic.platform.load.sources import Place

# the number is that of our Bundle, the place says where the entry came from
_ENTRY = re.compile(r"^Bundle\.entry\[(\d+)\]\.?(?:resource\b\.?)?")


@dataclass(frozen=True, slots=True)
class Refused:
    """One thing that did not go in: where it came from, where in it the fault is (FHIRPath), and why."""

    place: Place
    location: str
    reason: str


@dataclass(slots=True)
class Delivered:
    """What became of the resources of one parcel.

    ``standing`` ones were there under the same id: updated, or equal already. ``found`` ones were not sent,
    as the whole Bundle had been committed before.
    """

    created: int = 0
    standing: int = 0
    deleted: int = 0
    found: int = 0
    refused: list[Refused] = field(default_factory=list)

    def with_all_of(self, other: "Delivered") -> "Delivered":
        """Return both as one."""
        return Delivered(
            created=self.created + other.created,
            standing=self.standing + other.standing,
            deleted=self.deleted + other.deleted,
            found=self.found + other.found,
            refused=self.refused + other.refused,
        )


class CutOff(Exception):
    """The answer is not whole, or none to what was sent."""


class _Issue(msgspec.Struct):
    diagnostics: str = ""
    details: dict[str, msgspec.Raw] = {}
    expression: list[str] = []
    severity: str = "error"
    code: str = ""


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


class _Response(msgspec.Struct, frozen=True):
    status: str = ""
    outcome: _Outcome | None = None


class _Entry(msgspec.Struct):
    response: _Response = _Response()


class _Answer(msgspec.Struct):
    entry: list[_Entry] = []


_answer = msgspec.json.Decoder(_Answer)
_outcome = msgspec.json.Decoder(_Outcome)


def read_answer(parcel: Parcel, body: bytes) -> Delivered:
    """Return what the server says of each entry; Raises: ``CutOff`` where the answer is cut off."""
    try:
        answer = _answer.decode(body)
    except msgspec.DecodeError as error:
        raise CutOff(f"its answer is no Bundle: {error}") from error
    if len(answer.entry) != len(parcel.entries):
        raise CutOff(f"it answered {len(answer.entry)} entries to {len(parcel.entries)}")
    delivered = Delivered()
    for place, entry in zip(parcel.entries, answer.entry, strict=True):
        status = entry.response.status[:3]
        if status == "201":
            delivered.created += 1
        elif status == "204":
            delivered.deleted += 1
        elif status.startswith("2"):
            delivered.standing += 1
        else:
            delivered.refused += _of_entry(place, status, entry.response.outcome)
    return delivered


def _of_entry(place: Place, status: str, outcome: _Outcome | None) -> list[Refused]:
    issues = outcome.issue if outcome else []
    return [Refused(place, _ENTRY.sub("", ", ".join(issue.expression)), _words(issue)) for issue in issues] or [
        Refused(place, "", f"the server answered {status} and no reason")
    ]


def refusals(parcel: Parcel, status: int, body: bytes) -> Iterator[Refused]:
    """Yield the issues of an OperationOutcome, each at the entry that its location names."""
    whole = parcel.entries[0]
    whole = Place(whole.file, whole.member, whole.line)
    try:
        issues = _outcome.decode(body).issue
    except msgspec.DecodeError:
        issues = []
    for issue in issues:
        location = ", ".join(issue.expression)
        entry = _ENTRY.match(location)
        named = entry is not None and int(entry[1]) < len(parcel.entries)
        place = parcel.entries[int(entry[1])] if entry and named else whole
        yield Refused(place, location[entry.end() :] if entry and named else location, _words(issue))
    if not issues:
        yield Refused(whole, "", f"the server answered {status}: {body[:200].decode(errors='replace') or 'nothing'}")


def _words(issue: _Issue) -> str:
    text = issue.details.get("text")
    return issue.diagnostics or (msgspec.json.decode(text, type=str) if text else issue.code)
