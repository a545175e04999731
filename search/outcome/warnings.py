"""What whoever takes a run's model should know before, and would not look for."""

from collections.abc import Iterator, Sequence

from ground.counting import counted
from search.outcome.formats import share_text
from tracking.events import Event, payloads_of
from tracking.payloads import FinetuneEnded, FinetuneStarted, Winner
from tracking.phases import since_winner


def warnings_of(events: Sequence[Event]) -> Iterator[str]:
    """Yield each in a sentence, the same for the last lines, the summary and the report."""
    winners = payloads_of(events, Winner)
    own = since_winner(events)
    ended, begun = payloads_of(own, FinetuneEnded), payloads_of(own, FinetuneStarted)
    if not winners or not ended:
        return
    trained, proxy = ended[-1].trained_holdout_accuracy, winners[-1].proxy_accuracy
    tuned = ended[-1].holdout_accuracy if trained is None else trained
    if tuned is not None and tuned < proxy:
        recipe = begun[-1].recipe if begun else {}
        epochs = counted(ended[-1].epochs, "epoch")
        how = f"{epochs}, batches of {recipe.get('batch_size')}, lr {recipe.get('lr')}"
        seen = "" if trained is None else ", whose images were trained on,"
        before = "" if trained is None else ", which had not seen them"
        yield (
            f"The fine-tune made the winner worse: {share_text(tuned)} of the holdout{seen} after it ({how}), and "
            f"{share_text(proxy)} in its trial {winners[-1].trial}{before}. Train longer, or with another lr or batch "
            "size."
        )
