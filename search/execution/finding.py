"""Where Ray's processes find our packages beside a user's project that has some of the same names."""

import sys
from typing import Any

from ground.rooms import HOME, namesakes


def job_that_finds_our_rooms() -> Any:  # a JobConfig, and this file is read without Ray
    """Return what `ray.init` takes as this process's job.

    Ray puts this process's folder, and that of its script, first on the search path of its processes: a `search/` of
    the user's there would be imported as ours. Both stay, behind ours, because own factories lie in them.
    """
    from ray.job_config import JobConfig

    class Job(JobConfig):
        def _serialize(self) -> str:
            # Ray inserts one after another at the front: the last comes first. It has added its own by now.
            if namesakes([*self._py_driver_sys_path, *sys.path]):
                self._py_driver_sys_path.append(str(HOME))
            return super()._serialize()

    return Job()
