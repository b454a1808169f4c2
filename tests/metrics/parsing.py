"""The page of metrics, read by the library's own parser; what a server would only warn of is an error here."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import exposition

Labels = frozenset[tuple[str, str]]


@dataclass
class Metric:
    """One metric: its samples by name and labels."""

    name: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """The names of its samples."""
        return {name for name, _ in self.samples}

    def value(self, suffix: str = "", **labels: str) -> float:
        """The sample with exactly these labels."""
        return self.samples[self.name + suffix, frozenset(labels.items())]

    def labels(self) -> dict[str, set[str]]:
        """All values of every label."""
        found: dict[str, set[str]] = {}
        for _, labels in self.samples:
            for name, value in labels:
                found.setdefault(name, set()).add(value)
        return found

    def since(self, before: "Metric") -> "Metric":
        """By how much every sample has grown."""
        return Metric(self.name, {key: value - before.samples.get(key, 0) for key, value in self.samples.items()})


def parse(text: str) -> dict[str, Metric]:
    """Return all metrics by name, as they stand on the page."""
    metrics: dict[str, Metric] = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert name not in metrics, f"{name} comes in pieces"
        assert family.type in ("counter", "gauge", "histogram"), name
        assert family.documentation, f"{name} has no help"
        metric = metrics[name] = Metric(name)
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in metric.samples, f"{key}: twice"
            assert sample.value >= 0
            metric.samples[key] = sample.value
    return metrics


def page(asked: Iterable[Family] = ()) -> dict[str, Metric]:
    """Return the page that this process would serve, by names without their prefix."""
    return {name.removeprefix("smime_gateway_"): metric for name, metric in parse(exposition(asked).decode()).items()}


class Growth:
    """What has been counted since it was made, in all metrics."""

    def __init__(self) -> None:
        self._before = page()

    def __getitem__(self, name: str) -> Metric:
        return page()[name].since(self._before[name])
