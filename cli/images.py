"""How the images of a verb are prepared: as its weights expect or its user says; and the line that says it."""

from collections.abc import Callable

from pruning.factories import is_factory, is_hub
from pruning.preprocessing import Preprocessing, published_preprocessing
from search.setup.config import RunConfig
from search.setup.preparing_images import differing_options, origin_words
from trainers.datasets.base import DataInfo


def say_images(
    say: Callable[[str], None],
    config: RunConfig,
    info: DataInfo,
    expected: Preprocessing | None,
    *,
    published: str | None = None,
) -> None:
    """Say how images are prepared and who says so, where a dataset leaves that open.

    Args:
        say: prints a line.
        config: holds the options of `search.setup.config.PREPARING`.
        info: of the dataset, prepared.
        expected: what the checkpoint says, if there is one.
        published: the architecture of a file that others published, which does not say what its weights expect.
    """
    used = info.preprocessing
    if used is None:
        return
    say(f"images   {info.preprocessing_words}: {origin_words(config, used, expected)}")
    # A hub would have to be asked.
    if published is None or is_factory(published) or is_hub(published):
        return
    theirs = published_preprocessing(published)
    if theirs is not None and (options := differing_options(used, theirs)):
        say(f"         this file does not say what it expects; the published weights of {published}: {options}")
