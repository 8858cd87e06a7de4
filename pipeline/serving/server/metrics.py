"""What Prometheus is told. Every label has few values, whatever clients send."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "siamese_requests", "Requests by endpoint and HTTP status", ["endpoint", "code"], registry=registry
        )
        self._seconds = Histogram(
            "siamese_request_seconds",
            "From a request's headers to the end of its answer",
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
        self._refused = Counter("siamese_images_refused", "Images not taken", ["reason"], registry=registry)
        self._loads = Counter(
            "siamese_versions", "Versions met, by what became of them", ["outcome"], registry=registry
        )

    def request(self, endpoint: str, code: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(endpoint, str(code)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def batch(self, signature: str, instances: int) -> None:
        """The model was called."""
        self._batch.labels(signature).observe(instances)

    def image_refused(self, reason: str) -> None:
        """An image was not taken; ``reason`` is a kind of fault, not its particulars."""
        self._refused.labels(reason).inc()

    def version(self, number: int) -> None:
        """Another version serves."""
        self._version.set(number)

    def version_met(self, outcome: str) -> None:
        """A version was ``loaded`` or ``refused``."""
        self._loads.labels(outcome).inc()

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)
