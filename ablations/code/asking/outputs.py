"""The folder of raw answers: one text for each call as the model wrote it, and the record of the call beside it."""

import json
from pathlib import Path

from ground.files import replaced
from llm_clients.request import Completion, Request, call_record

FOLDER = Path("ablationmage_outputs")


def save_answer(folder: Path, verb: str, request: Request, completion: Completion, **more: str | None) -> Path:
    """Write an answer down, whatever its outcome, and return the path of its text.

    Args:
        folder: Is made if it is not there.
        verb: The beginning of the name; a number follows that no file there has.
        request: What was asked.
        completion: What came of it.
        more: Further fields of the record.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = folder / f"{verb}-{number:03}.md"
        try:
            path.touch(exist_ok=False)
            break
        except FileExistsError:
            number += 1
    record = {**more, **call_record(request, completion)}
    with replaced(path.with_suffix(".json")) as draft:
        draft.write_text(json.dumps(record, indent=1), encoding="utf-8")
    with replaced(path) as draft:
        draft.write_text(completion.text, encoding="utf-8")
    return path
