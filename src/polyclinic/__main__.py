"""The command: what people and scripts say to a platform."""

import argparse
import json
import os
import sys
from collections.abc import Callable

from polyclinic import __version__
from polyclinic.kit.settings import Misconfigured, Settings
from polyclinic.platform import catalog, check, down, events, load, options, status, up
from polyclinic.platform.fault import Fault

_EXAMPLES = f"""\
examples:
  polyclinic up                     start everything on this machine
  polyclinic status                 see how it is
  polyclinic down                   stop it
  polyclinic COMMAND --help         more of each

{options.EXIT_CODES}"""


def main() -> None:
    """Do what the command line asks and leave with its exit code."""
    asked = _parser().parse_args()
    run: Callable[[argparse.Namespace], int] = asked.run
    try:
        code = run(asked)
    except (Fault, Misconfigured) as problem:
        sys.stderr.write(json.dumps({"fault": str(problem)}) + "\n" if _wants_json(asked) else f"{problem}\n")
        code = options.COULD_NOT
    except KeyboardInterrupt:
        code = options.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = options.COULD_NOT
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="polyclinic",
        description="A hospital platform made of small services that answer as one FHIR R4 server.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"polyclinic {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (up, down, status, load, events):
        command.add_parser(commands)
    _add_serve(commands)
    _add_check(commands)
    return parser


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "serve",
        help="serve one service alone, as a container does",
        description="Serve one service in the foreground, told everything by POLYCLINIC_* settings.",
        epilog=f"example: POLYCLINIC_PORT=8082 polyclinic serve records\n\n{options.EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", help=f"one of {', '.join(catalog.names())}")
    parser.set_defaults(run=_serve)


def _serve(asked: argparse.Namespace) -> int:
    from polyclinic.platform.serve import serve

    serve(asked.name, Settings.read({"POLYCLINIC_SERVICE": asked.name, **os.environ}))
    return options.DONE


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "check",
        help="say whether the promises of the services fit together",
        description="Say where the manifests of the services contradict each other; starts nothing.",
        epilog=f"example: polyclinic check\n\n{options.EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_check)


def _check(asked: argparse.Namespace) -> int:
    misfits = check.faults(catalog.manifests())
    sys.stdout.writelines(f"{sentence}\n" for sentence in misfits or ["The services fit together."])
    return options.COULD_NOT if misfits else options.DONE


def _wants_json(asked: argparse.Namespace) -> bool:
    return bool(getattr(asked, "json", False))


if __name__ == "__main__":
    main()
