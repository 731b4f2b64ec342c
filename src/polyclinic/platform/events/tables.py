"""What operators see of events on a terminal, plain when piped."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from polyclinic.platform import screen
from polyclinic.platform.events.promised import Promise


def show_letters(letters: Sequence[Mapping[str, Any]]) -> None:
    """Show events that could not be handled so far."""
    rows = [
        (
            letter["id"],
            "dead letter" if letter["dead"] else "tried again",
            letter["event"],
            str(letter["tries"]),
            letter["last"][:19].replace("T", " "),
            letter["reason"],
        )
        for letter in letters
    ]
    _show(("id", "state", "event", "tries", "last (UTC)", "reason"), rows, nothing="Every event was handled.")


def show_lag(found: Sequence[Mapping[str, Any]]) -> None:
    """Show how much every service has not handled yet."""
    rows = [
        (each["service"], teller, str(unheard), str(each["retried"]), str(each["dead"]))
        for each in found
        for teller, unheard in each["unheard"].items()
    ]
    _show(("service", "hears", "not handled", "tried again", "dead letters"), rows, nothing="No service hears events.")


def show_promises(found: Sequence[Promise]) -> None:
    """Show which events there are."""
    rows = [(each.event, each.teller, ", ".join(each.hearers) or "nobody yet") for each in found]
    _show(("event", "told by", "heard by"), rows, nothing="No service tells events.")


def _show(titles: Sequence[str], rows: Sequence[Sequence[str]], *, nothing: str) -> None:
    console = screen.terminal()
    if not rows:
        console.print(nothing)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        table.add_column(title, no_wrap=title != "reason")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
