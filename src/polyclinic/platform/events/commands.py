"""The command `events`: list, read, edit, replay and drop dead letters; lag; the catalog of events."""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from polyclinic.platform import catalog, options
from polyclinic.platform.events import promised
from polyclinic.platform.events.desks import Desk, NotRunning, desks
from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder

_EXAMPLES = f"""\
examples:
  polyclinic events list                          events that could not be handled so far
  polyclinic events read scheduling/12            one of them, whole
  polyclinic events edit scheduling/12            change it in $EDITOR
  polyclinic events edit scheduling/12 --file e.json
  polyclinic events replay scheduling/12          let it take effect now
  polyclinic events replay --all                  all dead letters, oldest first
  polyclinic events drop scheduling/12            throw it away, for good
  polyclinic events lag                           how much every service has not handled yet
  polyclinic events catalog                       which events there are, who tells and who hears them
  polyclinic events catalog --asyncapi            the same as an AsyncAPI document

{options.EXIT_CODES}"""

Run = Callable[[argparse.Namespace], int]


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``events``."""
    parser = commands.add_parser(
        "events",
        help="dead letters, lag and the catalog of events",
        description="See and settle events that services could not handle, and see how far behind they are.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add(verbs, "list", _list, "list events that could not be handled so far")
    _add(verbs, "read", _read, "show one of them", ids=1)
    edit = _add(verbs, "edit", _edit, "give a dead letter another content", ids=1)
    edit.add_argument("--file", type=Path, metavar="JSON", help="take the event from there, - is standard input")
    replay = _add(verbs, "replay", _replay, "let dead letters take effect now", ids="*")
    replay.add_argument("--all", action="store_true", help="all dead letters, oldest first")
    _add(verbs, "drop", _drop, "throw dead letters away", ids="+")
    _add(verbs, "lag", _lag, "show how much every service has not handled yet")
    known = _add(verbs, "catalog", _catalog, "show which events there are, who tells and who hears them")
    known.add_argument("--asyncapi", action="store_true", help="as an AsyncAPI 3.0 document in JSON")


def _add(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Run,
    about: str,
    *,
    ids: int | str | None = None,
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if ids is not None:
        parser.add_argument("ids", nargs=ids, metavar="ID", help="service and number, such as scheduling/12")
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=_told_if_nothing_runs(run))
    return parser


def _told_if_nothing_runs(run: Run) -> Run:
    """Let the exit code say that there is nothing to ask."""

    def told(asked: argparse.Namespace) -> int:
        try:
            return run(asked)
        except NotRunning as nothing:
            sys.stderr.write(json.dumps({"fault": str(nothing)}) + "\n" if asked.json else f"{nothing}\n")
            return options.NOT_RUNNING

    return told


def _list(asked: argparse.Namespace) -> int:
    from polyclinic.platform.events import tables

    found = [letter for desk in _desks(asked) for letter in desk.letters()]
    _show(asked, found, lambda: tables.show_letters(found))
    return options.DONE


def _read(asked: argparse.Namespace) -> int:
    desk, path = _place(asked, asked.ids[0])
    sys.stdout.write(json.dumps(desk.ask("GET", path), indent=2) + "\n")
    return options.DONE


def _edit(asked: argparse.Namespace) -> int:
    desk, path = _place(asked, asked.ids[0])
    content = desk.ask("GET", path)["content"]
    text = _text_of(asked.file) if asked.file else _edited(json.dumps(content, indent=2))
    try:
        wanted = json.loads(text)
    except ValueError as problem:
        raise Fault(f"This is no JSON ({problem}); the letter stays as it was.") from None
    desk.ask("PUT", path, wanted)
    _show(asked, {"edited": asked.ids[0]}, lambda: sys.stdout.write(f"Edited {asked.ids[0]}.\n"))
    return options.DONE


def _replay(asked: argparse.Namespace) -> int:
    if asked.all == bool(asked.ids):
        raise Fault("Name the letters to replay, or give --all.")
    ids = asked.ids or [letter["id"] for desk in _desks(asked) for letter in desk.letters() if letter["dead"]]
    return _each(asked, ids, "replayed", lambda desk, path: desk.ask("POST", f"{path}/replay", {}))


def _drop(asked: argparse.Namespace) -> int:
    return _each(asked, asked.ids, "dropped", lambda desk, path: desk.ask("DELETE", path))


def _each(asked: argparse.Namespace, ids: Sequence[str], done: str, act: Callable[[Desk, str], Any]) -> int:
    """Act on each letter, go on after one that fails, and say which did."""
    told: dict[str, str] = {}
    for id in ids:
        try:
            act(*_place(asked, id))
            told[id] = done
        except NotRunning:
            raise
        except Fault as fault:
            told[id] = str(fault)
    _show(asked, told, lambda: sys.stdout.writelines(f"{id}: {outcome}\n" for id, outcome in told.items()))
    return options.DONE if all(outcome == done for outcome in told.values()) else options.COULD_NOT


def _lag(asked: argparse.Namespace) -> int:
    from polyclinic.platform.events import tables

    found = [{"service": desk.service, **desk.ask("GET", "/events")} for desk in _desks(asked)]
    _show(asked, found, lambda: tables.show_lag(found))
    return options.DONE


def _catalog(asked: argparse.Namespace) -> int:
    from polyclinic.platform.events import tables

    found = promised.promises(catalog.manifests())
    if asked.asyncapi:
        sys.stdout.write(json.dumps(promised.document(catalog.manifests()), indent=2) + "\n")
    else:
        rows = [{"event": each.event, "teller": each.teller, "hearers": list(each.hearers)} for each in found]
        _show(asked, rows, lambda: tables.show_promises(found))
    return options.DONE


def _show(asked: argparse.Namespace, told: Any, draw: Callable[[], object]) -> None:
    if asked.json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        draw()


def _desks(asked: argparse.Namespace) -> list[Desk]:
    return desks(Folder(options.folder_of(asked)))


def _place(asked: argparse.Namespace, id: str) -> tuple[Desk, str]:
    """Return the desk of a letter, and its path there."""
    service, _, number = id.partition("/")
    if not (number.isascii() and number.isdigit()):
        raise Fault(f"{id!r} is no letter; they are named like scheduling/12, see `{options.command()} events list`.")
    for desk in _desks(asked):
        if desk.service == service:
            return desk, f"/events/letters/{int(number)}"
    raise Fault(f"No service {service!r} that hears events runs there.")


def _text_of(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise Fault(f"{file} cannot be read ({problem}).") from None


def _edited(text: str) -> str:
    """Return ``text`` as it is after a visit to the editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise Fault("Set EDITOR to an editor, or give the event with --file.")
    with tempfile.NamedTemporaryFile("w+", suffix=".json", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        try:
            subprocess.run([*shlex.split(editor), file.name], check=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            raise Fault(f"The editor {editor!r} failed ({problem}); the letter stays as it was.") from None
        return Path(file.name).read_text("utf-8")
