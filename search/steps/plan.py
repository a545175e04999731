"""The step that writes down the plan and the budget."""

from pruning.stages import stage_prices
from search.steps.step import Step
from tracking.payloads import GroupShape, PlanReady, StagePrice


class PlanStep(Step):
    """Records the plan: it was made, and checked, when the run was prepared."""

    def is_done(self) -> bool:
        """Return whether the plan was recorded."""
        return self.context.find(PlanReady) is not None

    def run(self) -> None:
        """Record groups, budget and the price of each stage."""
        prepared = self.context.prepared
        plan, budget, images = prepared.plan, prepared.budget, prepared.dataset.preprocessing
        self.context.ledger.record(
            PlanReady(
                counter=plan.counter,
                groups=tuple(
                    GroupShape(name=group.name, units=group.units, set=group.set_index) for group in plan.groups
                ),
                sets=len(plan.sets),
                floor_macs=plan.floor_macs(prepared.config.round_to),
                baseline_macs=plan.baseline_macs,
                target_macs=budget.target_macs,
                band=budget.band_macs,
                stages=tuple(
                    StagePrice(name=name, price=tuple(price.items())) for name, price in stage_prices(plan).items()
                ),
                preprocessing=None if images is None else images.model_dump(mode="json"),
            )
        )
