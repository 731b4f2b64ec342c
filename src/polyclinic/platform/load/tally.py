"""What became of a load: counted as it goes, told at its end as a table or as JSON."""

from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from polyclinic.platform.load.answers import Delivered, Refused
from polyclinic.platform.load.sources import Place, Trouble

SHOWN = 20
"""Refusals that the table shows; --json has all of them."""


class Exit(IntEnum):
    """How a load ends, as the shell sees it."""

    ALL_IN = 0
    REFUSED = 1
    UNREADABLE = 2
    INTERRUPTED = 3
    UNREACHABLE = 4


@dataclass(slots=True)
class Tally:
    """The counts of one load."""

    files: int = 0
    created: int = 0
    standing: int = 0
    deleted: int = 0
    found: int = 0
    seconds: float = 0.0
    refused: list[Refused] = field(default_factory=list)
    unreadable: list[Trouble] = field(default_factory=list)
    left_out: list[Place] = field(default_factory=list)
    interrupted: bool = False
    unreachable: str = ""

    @property
    def resources(self) -> int:
        """Entries that the server has taken or had already."""
        return self.created + self.standing + self.deleted + self.found

    @property
    def rate(self) -> float:
        """Entries sent and taken, per second."""
        return (self.resources - self.found) / self.seconds if self.seconds else 0.0

    @property
    def exit(self) -> Exit:
        """The exit code: what stopped the load comes before what was left behind."""
        if self.interrupted:
            return Exit.INTERRUPTED
        if self.unreachable:
            return Exit.UNREACHABLE
        if self.unreadable:
            return Exit.UNREADABLE
        return Exit.REFUSED if self.refused else Exit.ALL_IN

    def add(self, delivered: Delivered) -> None:
        """Count one parcel."""
        self.created += delivered.created
        self.standing += delivered.standing
        self.deleted += delivered.deleted
        self.found += delivered.found
        self.refused += delivered.refused

    def refuse(self, trouble: Trouble) -> None:
        """Count a document that could not be sent."""
        self.refused.append(Refused(trouble.place, "", trouble.reason))

    def json(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {
            "exit": int(self.exit),
            "files": self.files,
            "resources": {
                "created": self.created,
                "updatedOrUnchanged": self.standing,
                "deleted": self.deleted,
                "alreadyThere": self.found,
            },
            "seconds": round(self.seconds, 3),
            "resourcesPerSecond": round(self.rate, 1),
            "refused": [_flat(one.place, location=one.location, reason=one.reason) for one in self.refused],
            "unreadable": [_flat(one.place, reason=one.reason) for one in self.unreadable],
            "leftOut": [_flat(place) for place in self.left_out],
            "interrupted": self.interrupted,
            "unreachable": self.unreachable or None,
        }

    def print(self, console: Console) -> None:
        """Write the report for people."""
        if not (self.unreadable or self.unreachable) or self.resources:
            console.print(self._sentence(), soft_wrap=True)
        for trouble in self.unreadable:
            console.print(Text(f"not read: {trouble.place}: {trouble.reason}", style="red"), soft_wrap=True)
        self._print_refusals(console)
        if len(self.refused) > SHOWN:
            console.print(f"and {len(self.refused) - SHOWN:,} more refusals: --json lists all of them", highlight=False)
        if self.left_out:
            shown = ", ".join(str(place) for place in self.left_out[:5])
            more = f" and {len(self.left_out) - 5:,} more" if len(self.left_out) > 5 else ""
            console.print(Text(f"left out, neither JSON nor NDJSON: {shown}{more}"), soft_wrap=True)
        if self.unreachable:
            console.print(Text(self.unreachable, style="red"), soft_wrap=True)
        if self.interrupted or (self.unreachable and self.resources):
            console.print("Not complete: the same command goes on where this one stopped.")

    def _print_refusals(self, console: Console) -> None:
        """Write a table for eyes, and whole lines where a file or another program reads."""
        if self.refused and console.is_terminal:
            console.print(self._table())
            return
        for one in self.refused[:SHOWN]:
            location = f"{one.location}: " if one.location else ""
            console.print(Text(f"refused: {one.place}: {location}{one.reason}"), soft_wrap=True)

    def _sentence(self) -> Text:
        words = f"{self.created:,} resources created from {self.files:,} files in {self.seconds:.1f} s"
        words += f" ({self.rate:,.0f}/s)"
        words += f", {self.standing:,} updated or unchanged" if self.standing else ""
        words += f", {self.deleted:,} deleted" if self.deleted else ""
        words += f", {self.found:,} there already" if self.found else ""
        return Text(words + (f", {len(self.refused):,} refusals." if self.refused else "."))

    def _table(self) -> Table:
        table = Table(title="Refused")
        for heading in ("file", "line", "entry", "location", "reason"):
            table.add_column(heading, overflow="fold")
        for one in self.refused[:SHOWN]:
            file = one.place.file if one.place.member is None else f"{one.place.file}: {one.place.member}"
            numbers = [str(number) if number is not None else "" for number in (one.place.line, one.place.entry)]
            table.add_row(*(Text(cell) for cell in (file, *numbers, one.location, one.reason)))
        return table


def _flat(place: Place, **more: str) -> dict[str, Any]:
    return {name: value for name, value in asdict(place).items() if value is not None} | more
