"""Metrics for Prometheus; every label has few values, whatever clients send."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "siamese_requests", "Requests by endpoint and HTTP status", ["endpoint", "code"], registry=registry
        )
        self._seconds = Histogram(
            "siamese_request_seconds",
            "Seconds from a request's headers to the end of its answer",
            ["endpoint"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._batch = Histogram(
            "siamese_batch_instances",
            "Instances in one call of the model",
            ["signature"],
            buckets=_BATCHES,
            registry=registry,
        )
        self._version = Gauge("siamese_model_version", "The version that serves", registry=registry)
        self._refused = Counter("siamese_images_refused", "Refused images", ["reason"], registry=registry)
        self._loads = Counter("siamese_versions", "Versions loaded or refused", ["outcome"], registry=registry)

    def request(self, endpoint: str, code: int, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(endpoint, str(code)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def batch(self, signature: str, instances: int) -> None:
        """Counts a call of the model."""
        self._batch.labels(signature).observe(instances)

    def image_refused(self, reason: str) -> None:
        """Counts a refused image; ``reason`` is a kind of error, without particulars."""
        self._refused.labels(reason).inc()

    def version(self, number: int) -> None:
        """Sets the version that serves."""
        self._version.set(number)

    def version_met(self, outcome: str) -> None:
        """Counts a version that was ``loaded`` or ``refused``."""
        self._loads.labels(outcome).inc()

    def text(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self._registry)
