"""The step that obtains the base model."""

import logging
import math
from pathlib import Path

from search.steps.step import Step
from tracking.payloads import BaseReady, DataRecord, SplitRecord
from trainers.datasets.base import Split, Splits

_log = logging.getLogger(__name__)


class BaseStep(Step):
    """Trains the base model or reads it, and records its figures once."""

    def is_done(self) -> bool:
        """Return False: the ledger holds the figures of the base, and the later steps need the model itself."""
        return False

    def run(self) -> None:
        """Obtain the base, and record it unless an earlier part of the run did."""
        context = self.context
        base, plan = context.base, context.prepared.plan
        recorded = context.find(BaseReady)
        if is_guessing(base.accuracy_holdout, context.splits):
            _log.warning(
                "the base classifies %.1f %% of the holdout correctly, no more than guessing among %d classes would: "
                "what is pruned has learned nothing of these images. Published weights may be for other classes, or "
                "for these in another order, which --base head:5 mends; a base that is trained here needs more epochs",
                100 * base.accuracy_holdout,
                context.splits.info.num_classes,
            )
        if recorded is not None and Path(recorded.checkpoint).name != base.path.name:
            _log.warning(
                "the base model is now %s, and this run began with %s: another training or file. New trials are cut "
                "from the former",
                base.path,
                recorded.checkpoint,
            )
        if recorded is not None and recorded.data is not None:
            _tell_other_images(recorded.data, data_record(context.splits))
        if recorded is None:
            context.ledger.record(
                BaseReady(
                    macs=plan.baseline_macs,
                    params=plan.baseline_params,
                    holdout_accuracy=base.accuracy_holdout,
                    checkpoint=str(base.path),
                    cached=base.cached,
                    source=context.prepared.source.kind.value,
                    made=base.made,
                    data=data_record(context.splits),
                )
            )


def _tell_other_images(begun: DataRecord, now: DataRecord) -> None:
    """Say where the images are not those that the run began with."""
    parts = [part for part in ("train", "holdout", "test") if getattr(begun, part) != getattr(now, part)]
    if parts:
        _log.warning(
            "the images are not those that this run began with (%s differ): scores of earlier "
            "trials are of the former ones, and cannot be compared with new ones. Begin a new run if that matters",
            " and ".join(parts),
        )


def is_guessing(accuracy: float, splits: Splits) -> bool:
    """Whether an accuracy on the holdout is one that guessing has, within two standard errors."""
    guessed, images = 1 / splits.info.num_classes, len(splits.holdout)
    return accuracy <= guessed + 2 * math.sqrt(guessed * (1 - guessed) / images)


def data_record(splits: Splits) -> DataRecord:
    """What is written down of a dataset: its parts by number and fingerprint, and what is done to an image."""
    info = splits.info
    return DataRecord(
        input_size=info.input_size,
        classes=info.num_classes,
        preprocessing=info.preprocessing_words,
        train=_record(splits.train),
        holdout=_record(splits.holdout),
        test=_record(splits.test),
    )


def _record(split: Split) -> SplitRecord:
    return SplitRecord(images=len(split), fingerprint=split.fingerprint())
