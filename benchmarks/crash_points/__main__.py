"""Play every story of every crash point, and every schedule: `python -m benchmarks.crash_points`.

The last line is one JSON object. All of its counts but the first two are 0 where nothing is wrong; what is, is printed
as it is found.
"""

import argparse
import gc
import json
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.crash_points.schedules import run_schedules
from benchmarks.crash_points.stage import Stage, set_up, warm
from benchmarks.crash_points.stories import KINDS, ROOMY, TIGHT, Books, Story, Theatre, Verdict, stories_of

_theatre: Theatre | None = None


def main() -> int:
    """Play the stories that were asked for.

    Returns:
        0 if nothing is wrong, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="play so many stories, drawn by the seed; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--schedules", type=int, default=10_000, help="schedules of arrivals, losses and restarts")
    asked = parser.parse_args()
    began = time.monotonic()
    with TemporaryDirectory(dir=memory()) as folder, set_up(Path(folder) / "cache"):
        with Books() as server:
            warm(Stage(server.url, ROOMY), Path(folder))
        # Every session is forked: a collection that visits what it shares with this process would copy it page by page.
        gc.freeze()
        points, verdicts = play_all(Path(folder), asked.sample, asked.seed, asked.workers)
    found = Counter(name for verdict in verdicts for name in verdict.faults)
    schedules = run_schedules(asked.schedules) if asked.schedules else 0
    result = {
        "points": points,
        "stories": len(verdicts),
        **{name: found[name] for name in KINDS},
        "schedules": schedules,
        "wall_s": round(time.monotonic() - began, 1),
    }
    print(json.dumps(result))
    return int(bool(found))


def play_all(folder: Path, sample: int | None, seed: int, workers: int) -> tuple[int, list[Verdict]]:
    """Play all stories or a sample, in processes that are forked from this one.

    Returns:
        The number of points, and the verdicts.
    """
    context = get_context("fork")
    with ProcessPoolExecutor(workers, context, _open, (folder,)) as pool:
        points, stories = pool.submit(_all_stories).result()
        if sample is not None:
            stories = random.Random(seed).sample(stories, min(sample, len(stories)))
        verdicts = []
        for done in as_completed([pool.submit(_play, story) for story in stories]):
            verdicts.append(done.result())
            _say(verdicts[-1], len(verdicts), len(stories))
    return points, verdicts


def memory() -> str | None:
    """A folder in memory, where there is one: the stories have a disk of their own, which forgets what it should."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  a folder is made in it


def _open(folder: Path) -> None:
    global _theatre  # noqa: PLW0603  of a worker process
    _theatre = Theatre(folder, ExitStack().enter_context(Books()))


def _all_stories() -> tuple[int, list[Story]]:
    """Those of a roomy cap at every point, and at the calls those of a cap that ends the search early."""
    assert _theatre is not None
    roomy, tight = _theatre.points(ROOMY), _theatre.points(TIGHT)
    at_calls = [story for story in stories_of(tight, TIGHT) if _near_call(tight, story.point)]
    return len(roomy), [*stories_of(roomy), *at_calls]


def _near_call(points: list[dict[str, object]], number: int) -> bool:
    return any(point["kind"] == "call" for point in points[max(0, number - 2) : number + 4])


def _play(story: Story) -> Verdict:
    assert _theatre is not None
    return _theatre.play(story)


def _say(verdict: Verdict, done: int, of: int) -> None:
    if verdict.faults:
        print(json.dumps({"story": str(verdict.story), **verdict.faults}), flush=True)
    if done % 50 == 0 or done == of:
        print(f"{done} of {of} stories", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
