"""The step that obtains the base model."""

from search.steps.step import Step
from tracking.payloads import BaseReady


class BaseStep(Step):
    """Trains the base model or reads it, and records its figures once."""

    def is_done(self) -> bool:
        """Return False: the ledger holds the figures of the base, and the later steps need the model itself."""
        return False

    def run(self) -> None:
        """Obtain the base, and record it unless an earlier part of the run did."""
        context = self.context
        base, plan = context.base, context.prepared.plan
        if context.find(BaseReady) is None:
            context.ledger.record(
                BaseReady(
                    macs=plan.baseline_macs,
                    params=plan.baseline_params,
                    holdout_accuracy=base.accuracy_holdout,
                    checkpoint=str(base.path),
                    cached=base.cached,
                )
            )
