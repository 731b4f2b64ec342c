"""What a person sees: one screen, drawn on a terminal and plain when piped."""

import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from polyclinic.platform import options
from polyclinic.platform.condition import Row, Status
from polyclinic.platform.state import State


def show_started(state: State) -> None:
    """Show a platform that just became ready: where it answers, what runs, what to try first."""
    console = terminal()
    console.print(f"\n[bold green]Polyclinic {state.version} is ready[/]  [bold]{state.base_url}[/]\n")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("process", "address", "process id", "version"):
        table.add_column(title, justify="right" if title == "process id" else "left", no_wrap=True)
    for process in state.processes:
        for name, address in (process.doors or {process.name: process.address}).items():
            table.add_row(name, address, str(process.pid), process.version)
    for name, address in state.elsewhere.items():
        table.add_row(name, address, "elsewhere", "")
    console.print(table)
    console.print(f"\ndata       {state.data}")
    console.print(f"logs       {state.data}/logs")
    console.print(f"try first  curl '{state.base_url}/Patient?_count=3'")
    where = "" if Path(state.data) == options.default_folder() else f" --data {state.data}"
    console.print(f"           {options.command()} status{where}")


def show_status(status: Status) -> None:
    """Show how a running platform is."""
    console = terminal()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("process", "health", "address", "process id", "memory", "restarts", "up for", "version"):
        right = title in ("process id", "memory", "restarts", "up for")
        table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for row in status.processes:
        table.add_row(*_cells(row))
    console.print(f"[bold]{status.base_url}[/]  {status.memory / 2**20:.0f} MB in all  data in {status.data}\n")
    console.print(table)


def _cells(row: Row) -> list[str]:
    colour = "green" if row.health == "ready" else "red"
    return [
        row.name,
        f"[{colour}]{row.health}[/]",
        row.address,
        str(row.pid or "elsewhere"),
        f"{row.memory / 2**20:.0f} MB" if row.memory is not None else "",
        str(row.restarts) if row.restarts is not None else "",
        _duration(time.time() - row.since) if row.since is not None else "",
        row.version,
    ]


def _duration(seconds: float) -> str:
    """Return a duration in its two largest units."""
    minutes, hours, days = int(seconds) // 60, int(seconds) // 3600, int(seconds) // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {int(seconds) % 60} s" if minutes else f"{int(seconds)} s"


def terminal() -> Console:
    """Return the terminal; what is piped keeps its lines whole."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(highlight=False, soft_wrap=True, width=240)
    return console
