"""Who was served how, told to operators: a request id on every answer, one log line, metrics. No patient data.

A pure ASGI layer: it costs a few microseconds, where a general tracing library costs more than the framework.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from itertools import accumulate
from time import perf_counter

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyclinic.fhir.outcome import Refusal
from polyclinic.kit.http.door import respond
from polyclinic.kit.http.message import broken
from polyclinic.kit.http.negotiation import Shape
from polyclinic.kit.logs import Log
from polyclinic.kit.passport import Passport, current, issued

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_LIMITS = (*map(str, BUCKETS), "+Inf")

Gauges = Callable[[], Mapping[str, float]]
"""Answers figures of this moment by name, such as the connections of the database pool in use."""


class _Kind:
    """Requests of one kind: how many took up to each of ``BUCKETS``, or longer, and all their seconds."""

    __slots__ = ("seconds", "slots")

    def __init__(self) -> None:
        self.seconds, self.slots = 0.0, [0] * (len(BUCKETS) + 1)

    def add(self, seconds: float) -> None:
        self.seconds += seconds
        self.slots[bisect_left(BUCKETS, seconds)] += 1


class Metrics:
    """The figures of one service in a registry of its own, so that several services can share a process."""

    def __init__(self, service: str, gauges: Gauges) -> None:
        self._registry = CollectorRegistry()
        self._kinds: dict[tuple[str, str, int], _Kind] = {}
        self._registry.register(_Requests(service, self._kinds))
        self._registry.register(_Gauges(gauges, {"service": service}))
        ProcessCollector(registry=self._registry)

    def count(self, interaction: str, type: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = interaction, type, status
        kind = self._kinds.get(key) or self._kinds.setdefault(key, _Kind())
        kind.add(seconds)

    def text(self) -> bytes:
        """Return all figures in the text format of Prometheus."""
        return generate_latest(self._registry)


class _Requests(Collector):
    """Tells of requests what is counted in ``kinds``; counting by the library costs five times as much."""

    def __init__(self, service: str, kinds: Mapping[tuple[str, str, int], _Kind]) -> None:
        self._service, self._kinds = service, kinds

    def collect(self) -> list[CounterMetricFamily | HistogramMetricFamily]:
        """Return how many requests there were, and how long they took."""
        return [self._answered(), self._seconds()]

    def _answered(self) -> CounterMetricFamily:
        labels = ("service", "interaction", "type", "status")
        family = CounterMetricFamily("polyclinic_requests", "Requests answered.", labels=labels)
        for (interaction, type, status), kind in self._kinds.items():
            family.add_metric((self._service, interaction, type, str(status)), sum(kind.slots))
        return family

    def _seconds(self) -> HistogramMetricFamily:
        labels = ("service", "interaction")
        family = HistogramMetricFamily("polyclinic_request_seconds", "Time to answer a request.", labels=labels)
        for interaction in dict.fromkeys(interaction for interaction, _, _ in self._kinds):
            kinds = [kind for (one, _, _), kind in self._kinds.items() if one == interaction]
            slots = accumulate(map(sum, zip(*(kind.slots for kind in kinds), strict=True)))
            buckets = list(zip(_LIMITS, slots, strict=True))
            family.add_metric((self._service, interaction), buckets, sum(kind.seconds for kind in kinds))
        return family


class _Gauges(Collector):
    def __init__(self, gauges: Gauges, labels: Mapping[str, str]) -> None:
        self._gauges, self._labels = gauges, labels

    def collect(self) -> list[GaugeMetricFamily]:
        """Return today's value of each gauge."""
        families = []
        for name, value in self._gauges().items():
            family = GaugeMetricFamily(f"polyclinic_{name}", "Figure of this moment.", labels=list(self._labels))
            family.add_metric(list(self._labels.values()), value)
            families.append(family)
        return families


class BrokenOff(Exception):
    """An answer broke off half way; the log line beside it says where."""


class Telemetry:
    """Wraps an ASGI app: gives each request a passport, counts and logs it, and answers for bugs with a 500."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, log: Log) -> None:
        self._app, self._metrics, self._log = app, metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is not HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passport = issued(scope["headers"])
        current.set(passport)
        started, sending = perf_counter(), _Sending(send, passport)
        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged and the client gets an answer
            event = "broken off" if isinstance(error, Refusal) else "bug"
            self._log.error(event, error, request=passport.request_id, interaction=scope.get("interaction"))
            if not sending.status:
                await respond(sending, broken(passport.request_id), Shape())
            elif not sending.complete:
                raise BrokenOff from None  # only closing the connection tells the client
        finally:
            self._told(scope, passport, sending.status, perf_counter() - started)

    def _told(self, scope: Scope, passport: Passport, status: int, seconds: float) -> None:
        interaction, type = scope.get("interaction", "other"), scope.get("type_served", "")
        if interaction == "health":
            return
        self._metrics.count(interaction, type, status, seconds)
        self._log.info(
            "request",
            interaction=interaction,
            type=type,
            status=status,
            ms=round(seconds * 1000, 3),
            request=passport.request_id,
        )


class _Sending:
    """Notes the status of an answer on its way out and writes the request id beside it."""

    __slots__ = ("_id", "_send", "complete", "status")

    def __init__(self, send: Send, passport: Passport) -> None:
        self._send, self._id = send, passport.request_id.encode()
        self.status, self.complete = 0, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"].append((b"x-request-id", self._id))
        else:
            self.complete = not message.get("more_body", False)
        await self._send(message)
