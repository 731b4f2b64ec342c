"""``polyclinic load``: Synthea Bundles and NDJSON into a FHIR server, exactly once.

sources finds and reads · parcels makes Bundles that may arrive twice · delivery sends · answers reads · tally tells.
"""

import argparse
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEFAULT_URL = "http://localhost:8080/fhir"

EXAMPLES = """\
PATH is a file, an archive or a folder of them:
  .json             a transaction, batch or collection Bundle, or one resource
  .ndjson .jsonl    one resource or Bundle per line
  either as .gz .bz2 .xz, and many in .tar .tar.gz .tgz .tar.bz2 .tar.xz .zip
A created resource gets an id made of the content it came in, so that nothing is ever there twice.
A collection is sent as a transaction of PUTs, resources with an id as PUT Type/id.

examples:
  polyclinic load patients.tar.xz
  polyclinic load export/ --url http://clinic.example/fhir --clients 8
  polyclinic load export/ --json > report.json

exit codes: 0 all in, 1 something was refused, 2 something cannot be read, 3 interrupted, 4 no server.
After 3 and 4 the same command goes on where it stopped.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command ``load`` to the subparsers of ``polyclinic``."""
    parser = subparsers.add_parser(
        "load",
        help="load FHIR Bundles and NDJSON into a running platform",
        description="Load FHIR R4 resources into a running platform, exactly once.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file, archive or folder")
    parser.add_argument("--url", type=_url, default=DEFAULT_URL, help="FHIR base (default: %(default)s)")
    parser.add_argument("--clients", type=_positive, default=4, help="Bundles on their way at once (default: 4)")
    parser.add_argument(
        "--patience",
        type=_positive,
        default=120,
        metavar="SECONDS",
        help="wait out an absent server (default: 120)",
    )
    parser.add_argument("--fresh", action="store_true", help="send also what is there already, over later changes")
    parser.add_argument("--json", action="store_true", help="write the report as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``polyclinic load``; return its exit code."""
    # imported here, as every other command starts faster without them
    import uvloop
    from rich.console import Console

    from polyclinic.fhir import json
    from polyclinic.platform.load.loading import Wish, load
    from polyclinic.platform.load.progress import Bar, Lines
    from polyclinic.platform.load.tally import Exit

    progress = Console(stderr=True)
    watcher = Bar(progress) if progress.is_terminal else Lines(progress)
    wish = Wish(url=args.url, clients=args.clients, patience=args.patience, fresh=args.fresh)
    try:
        tally = uvloop.run(load(args.paths, wish, watcher))
    except KeyboardInterrupt:
        progress.print("Interrupted before anything was sent.")
        return Exit.INTERRUPTED
    if args.json:
        sys.stdout.write(json.encode(tally.json()).decode() + "\n")
    else:
        tally.print(Console())
    return tally.exit


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is no address of a FHIR server such as {DEFAULT_URL}")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
