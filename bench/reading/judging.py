"""The measure that a user asks for, of everything that points can be judged by."""

from __future__ import annotations

from ...core.errors import Refused
from .fidelity import by_metric, metric_of
from .groups import Group
from .log_loss import by_log_loss
from .measures import LOG_LOSS


def judged(group: Group, labels: str | None, metric: str | None) -> Group:
    """The group by the measure asked for: log-loss or a metric by its name, else as ``by_labels`` has it.

    Without a classifier it is the study's first metric. Raises BadSetting or Refused where there is no such measure.
    """
    if metric == LOG_LOSS.name:
        return by_log_loss(group, labels)
    if metric is not None:
        return by_metric(group, metric_of(metric, group.metrics))
    if not group.predicts:
        if labels is not None:
            raise Refused(
                f'{group.title}: there is no classifier, and no `labels="{labels}"`; name a `metric` of the study'
            )
        return by_metric(group, group.metrics[0])
    return group.by_labels(labels)
