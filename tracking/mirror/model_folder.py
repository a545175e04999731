"""The folder of a model as MLflow keeps it, around a program that torch alone opens.

MLflow's own `save_model` would need the module, and with it the code that builds it. The folder says the same: the
flavors `pytorch` (`mlflow.pytorch.load_model`) and `python_function` (`mlflow.pyfunc.load_model`), the signature, an
input example, and what has to be installed, which is torch, NumPy and MLflow.
"""

import json
import platform
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracking.making import Program

PROGRAM = Path("data") / "model.pt2"
"""Where in the folder the program is, and where MLflow looks for it."""
_EXAMPLE, _SERVED = "input_example.json", "serving_input_example.json"


def write_model_folder(folder: Path, program: Program, ids: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
    """Write everything around the program, which is there already.

    Args:
        folder: The folder of the model.
        program: What was written to `folder / PROGRAM`.
        ids: `model_id` and `run_id`, as MLflow gave them.
        metadata: What else a user of the model should know.
    """
    import mlflow
    import numpy as np
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    count, kind = program.batch or -1, np.dtype("float32")
    signature = ModelSignature(
        inputs=Schema([TensorSpec(kind, (count, *program.input_size))]),
        outputs=Schema([TensorSpec(kind, (count, program.classes))]),
    )
    model = Model(
        signature=signature,
        saved_input_example_info={"artifact_path": _EXAMPLE, "serving_input_path": _SERVED, "type": "ndarray"},
        metadata=dict(metadata),
        **ids,
    )
    model.add_flavor("pytorch", model_data=PROGRAM.parent.name, pytorch_version=program.torch, code=None)
    pyfunc.add_to_model(
        model,
        loader_module="mlflow.pytorch",
        data=PROGRAM.parent.name,
        pickle_module_name="mlflow.pytorch.pickle_module",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        model_config={"device": None},
    )
    example = [_image(program.input_size)]
    (folder / _EXAMPLE).write_text(json.dumps(example), encoding="utf-8")
    (folder / _SERVED).write_text(json.dumps({"inputs": example}), encoding="utf-8")
    needed = [f"mlflow=={mlflow.__version__}", f"torch=={_release(program.torch)}", f"numpy=={np.__version__}"]
    for name, text in _environment(needed).items():
        (folder / name).write_text(text, encoding="utf-8")
    model.model_size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    model.save(str(folder / "MLmodel"))


def _image(size: tuple[int, int, int]) -> list[list[list[float]]]:
    """An image of noise, in the range of a normalised one, that needs few characters and no dataset."""
    drawn = random.Random(0)  # noqa: S311 - an example, no secret
    channels, height, width = size
    return [[[round(drawn.gauss(0, 1), 2) for _ in range(width)] for _ in range(height)] for _ in range(channels)]


def _release(version: str) -> str:
    """The version without the suffix of its build, which no index has."""
    return version.partition("+")[0]


def _environment(needed: list[str]) -> dict[str, str]:
    """The files that MLflow writes for pip, conda and virtualenv."""
    python = platform.python_version()
    pip = "".join(f"  - {line}\n" for line in needed)
    return {
        "requirements.txt": "".join(f"{line}\n" for line in needed),
        "conda.yaml": (
            f"channels:\n- conda-forge\ndependencies:\n- python={python}\n- pip\n- pip:\n{pip}name: mlflow-env\n"
        ),
        "python_env.yaml": (
            f"python: {python}\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\n"
            "dependencies:\n- -r requirements.txt\n"
        ),
    }
