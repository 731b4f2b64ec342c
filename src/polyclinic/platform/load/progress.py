"""How far a load is: a bar on a terminal, a plain line every few seconds where the output is kept."""

from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from polyclinic.platform.load.tally import Tally

LINE_EVERY = 5.0
"""Seconds between two plain lines."""


class Watcher(Protocol):
    """Somebody who is told how far a load is."""

    def __enter__(self) -> Self:
        """Begin to watch."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Watch no more."""

    def expect(self, *, files: int, size: int) -> None:
        """Hear how much there is to load, ``size`` in bytes."""

    def move(self, tally: Tally, *, size: int) -> None:
        """Hear what was loaded up to now, ``size`` bytes more than the last time."""

    def wait(self, reason: str) -> None:
        """Hear that the server is waited for."""


class Bar:
    """A bar that moves, with files, resources, rate and the time left."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("looking through", total=None, words="")
        self._files = 0
        self._begun = monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def expect(self, *, files: int, size: int) -> None:
        """Begin the bar."""
        self._files, self._begun = files, monotonic()
        self._progress.update(self._task, total=size, description="loading")

    def move(self, tally: Tally, *, size: int) -> None:
        """Move the bar."""
        self._progress.update(
            self._task,
            advance=size,
            description="loading",
            words=_words(tally, self._files, monotonic() - self._begun),
        )

    def wait(self, reason: str) -> None:
        """Say what is waited for."""
        self._progress.update(self._task, description="waiting for the server")


class Lines:
    """A plain line every few seconds."""

    def __init__(self, console: Console, now: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._now = now
        self._files, self._size, self._done = 0, 0, 0
        self._begun = self._said = now()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def expect(self, *, files: int, size: int) -> None:
        """Say how much there is."""
        self._files, self._size = files, size
        self._begun = self._said = self._now()
        self._say(f"loading {files:,} files, {size / 2**20:,.1f} MiB")

    def move(self, tally: Tally, *, size: int) -> None:
        """Say how far it is, if the last line is old enough."""
        self._done += size
        if self._now() - self._said < LINE_EVERY:
            return
        self._said = self._now()
        elapsed = self._said - self._begun
        left = elapsed * (self._size - self._done) / self._done if self._done else 0
        self._say(f"{_words(tally, self._files, elapsed)}, {max(left, 0):,.0f} s left")

    def wait(self, reason: str) -> None:
        """Say what is waited for, if the last line is old enough."""
        if self._now() - self._said >= LINE_EVERY:
            self._said = self._now()
            self._say(f"waiting for the server: {reason}")

    def _say(self, words: str) -> None:
        self._console.print(words, soft_wrap=True, highlight=False, markup=False)


class Silence:
    """Nobody watches."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def expect(self, *, files: int, size: int) -> None:
        """Say nothing."""

    def move(self, tally: Tally, *, size: int) -> None:
        """Say nothing."""

    def wait(self, reason: str) -> None:
        """Say nothing."""


def _words(tally: Tally, files: int, elapsed: float) -> str:
    rate = tally.resources / elapsed if elapsed else 0.0
    return f"{tally.files:,} of {files:,} files, {tally.resources:,} resources, {rate:,.0f}/s"
