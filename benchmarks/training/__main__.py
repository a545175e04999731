"""Measure trainings: our loop beside bare ones.

    python -m benchmarks.training [--folder FOLDER]            # on CPUs
    python -m benchmarks.training --gpu [--folder FOLDER]      # on a GPU; `--dry` runs its parts tiny on a CPU

The last line is one JSON object; the GPU part is {"skipped": "no GPU"} where there is none.
"""

import argparse
import json
import tempfile
from pathlib import Path


def main() -> None:
    """Run one of the two parts and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", action="store_true", help="the part that needs a GPU, and plain PyTorch only")
    parser.add_argument("--dry", action="store_true", help="the GPU part tiny, on the CPU if there is no GPU")
    parser.add_argument("--folder", type=Path, help="for images and trainings; kept. Default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if given.gpu:
            from benchmarks.training.on_gpu import measured_on_gpu

            print(json.dumps({"gpu_part": measured_on_gpu(folder / "gpu", dry=given.dry)}))
            return
        from benchmarks.training.on_cpu import measured_on_cpu

        print(json.dumps(measured_on_cpu(folder)))


if __name__ == "__main__":
    main()
