"""What is counted of events: told, handled, tried again, laid aside, and how far behind who tells or hears is."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_TO_20_MS = (0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.012, 0.015, 0.02)
BUCKETS = (*_TO_20_MS, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0)


class Figures:
    """The figures of one service."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        self._service = service
        self._told = _counter(registry, "told", "Events that the bus has acknowledged.")
        self._handled = _counter(registry, "handled", "Events that took effect.")
        self._retried = _counter(registry, "retried", "Failed tries to handle an event.")
        self._aside = _counter(registry, "laid_aside", "Events that became dead letters.")
        self._seconds = _histogram(registry, "handling_seconds", "Time in the handler of an event, commit included.")
        self._delay = _histogram(registry, "delay_seconds", "From the commit of a change until it was handled.")
        self._gauges = {
            name: Gauge(f"polyclinic_events_{name}", about, ("service",), registry=registry)
            for name, about in _GAUGES.items()
        }
        for gauge in self._gauges.values():
            gauge.labels(service).set(0)

    def told(self, name: str) -> None:
        """Count an event that the bus has acknowledged."""
        self._told.labels(self._service, name).inc()

    def handled(self, name: str, seconds: float, delay: float) -> None:
        """Count an event that took effect: ``seconds`` in its handler, ``delay`` seconds after its change."""
        self._handled.labels(self._service, name).inc()
        self._seconds.labels(self._service, name).observe(seconds)
        self._delay.labels(self._service, name).observe(max(delay, 0.0))

    def retried(self, name: str) -> None:
        """Count a failed try."""
        self._retried.labels(self._service, name).inc()

    def laid_aside(self, name: str) -> None:
        """Count a dead letter."""
        self._aside.labels(self._service, name).inc()

    def stand(self, **values: float) -> None:
        """Say how things stand at this moment, by the names of the gauges."""
        for name, value in values.items():
            self._gauges[name].labels(self._service).set(value)


_GAUGES = {
    "telling": "Whether this process tells the events of its service.",
    "hearing": "Whether this process hears events for its service.",
    "untold": "Changes that were read and not acknowledged by the bus yet.",
    "telling_lag_seconds": "Age of the oldest change that the bus has not acknowledged.",
    "unheard": "Events on the bus that this service has not settled.",
    "dead_letters": "Events laid aside.",
}


def _counter(registry: CollectorRegistry, name: str, about: str) -> Counter:
    return Counter(f"polyclinic_events_{name}", about, ("service", "event"), registry=registry)


def _histogram(registry: CollectorRegistry, name: str, about: str) -> Histogram:
    named = f"polyclinic_events_{name}"
    return Histogram(named, about, ("service", "event"), registry=registry, buckets=BUCKETS)
