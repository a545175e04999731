"""A scripted model in a process of its own: `python -m benchmarks.resources.server TASKS SKILL`.

It says its address on one line, serves Ollama's API until its standard input ends, and answers each prompt in the same
way whenever it is asked. `GET /scripted/totals` says how many requests it has had.
"""

import sys
from pathlib import Path

from ablations.resources.rehearsal.author import Author
from ablations.resources.rehearsal.skill import Skill
from ablations.resources.tasks.reading import read_tasks
from ablations.resources.tasks.splits import Split
from llm_clients.scripted.script import Script, WireName
from llm_clients.scripted.server import ScriptedServer


def main() -> None:
    """Serve until the parent is gone."""
    path, skill = sys.argv[1:]
    tasks = read_tasks(Path(path), split=Split.ALL)
    author = Author(f"skill {skill}", tasks, Skill({}, otherwise=float(skill)), steady=True)
    script = Script(model="scripted-steady", wire=WireName.OLLAMA, improvise=0)
    with ScriptedServer(script, author=author) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
