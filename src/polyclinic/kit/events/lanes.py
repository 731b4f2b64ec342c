"""Lanes: work that is done side by side, except that work of one lane is done in its order, one after the other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from polyclinic.kit.events.bus import end

Work = Callable[[], Awaitable[None]]


class Lanes:
    """A context; when it ends, work that is not done yet is given up. What a work raises comes out of ``failed``."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[Work]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> "Lanes":
        """Begin."""
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        """Give up what is not done."""
        await end(*self._tasks)
        self.failed.cancel()

    def put(self, lane: str, work: Work) -> None:
        """Have ``work`` done when everything before it in ``lane`` is done."""
        waiting = self._lanes.get(lane)
        if waiting is not None:
            waiting.append(work)
            return
        self._lanes[lane] = deque([work])
        task = asyncio.create_task(self._go(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _go(self, lane: str) -> None:
        waiting = self._lanes[lane]
        try:
            while waiting:
                await waiting[0]()
                waiting.popleft()
        except Exception as error:  # noqa: BLE001 - whoever watches ``failed`` gets it
            if not self.failed.done():
                self.failed.set_exception(error)
        finally:
            del self._lanes[lane]
