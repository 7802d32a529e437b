"""The page of metrics says what is exported; the rules and the dashboard ask for nothing else."""

import json
import re

import yaml

from iryo.watch import METRICS
from iryo.watch.table import Kind
from scripts.metrics_reference import PAGE, render

DEPLOY = PAGE.parents[2] / "deploy" / "watch"


def exported() -> set[str]:
    """The names of all series."""
    names = set()
    for name, metric in METRICS.items():
        suffixes = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        names |= {name + suffix for suffix in suffixes}
    return names


def asked_for(expression: str) -> set[str]:
    return set(re.findall(r"\biryo_[a-z_]+", expression))


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == render(), "run python scripts/metrics_reference.py"


def test_alerts_ask_for_what_there_is() -> None:
    document = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    assert len(rules) > 5
    for rule in rules:
        assert asked_for(rule["expr"])
        assert asked_for(rule["expr"]) <= exported(), rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_dashboard_asks_for_what_there_is() -> None:
    document = json.loads((DEPLOY / "dashboard.json").read_text())
    expressions = [
        target["expr"] for panel in document["panels"] for target in panel.get("targets", ())
    ]
    assert len(expressions) > 5
    for expression in expressions:
        assert asked_for(expression)
        assert asked_for(expression) <= exported(), expression
