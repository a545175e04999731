"""Measure what it takes to read images for training: our loader beside timm's and torchvision's, from the same JPEGs.

    python -m benchmarks.loader [--images 512] [--rounds 3] [--readers 2] [--names 1280000]

All three do the standard training transform (random crop to 224 px, mirror, normalised float32 batches in the main
process) over the same files in turns; what is compared are CPU seconds of all processes, so a busy machine matters
little. timm's loader is timed in both of its ways (with and without its prefetcher), and the better one counts. Then
the readers of a proxy's images are looked at, and the memory of readers after an epoch of 1.28 million names, which are
walked over and not decoded. The last line is one JSON object.
"""

import argparse
import gc
import json
import os
import resource
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import torch
from timm.data.dataset import ImageDataset
from timm.data.loader import create_loader
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder as TorchvisionFolder

from benchmarks.jpegs import write_jpegs
from trainers.datasets.files import Files
from trainers.datasets.imagefolder import FolderSplit
from trainers.datasets.layout import classes_of, files_of
from trainers.datasets.read_split import ReadSplit
from trainers.datasets.transforms import Picture
from trainers.place import Place
from trainers.schedule import epoch_batches

SIZE = (3, 224, 224)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH, EPOCHS = 64, 4
ALONE = Place(torch.device("cpu"))
PROXY_READERS = 4

Epochs = Callable[[Path, int], Iterator[Tensor]]
"""Yields the batches of EPOCHS epochs, and ends its readers."""


def main() -> None:
    """Run the benchmark and print a table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=512, help="JPEG files of 500×375 pixels")
    parser.add_argument("--rounds", type=int, default=3, help="times that each loader takes its turn")
    parser.add_argument("--readers", type=int, default=2, help="reader processes of each loader")
    parser.add_argument("--names", type=int, default=1_280_000, help="names of the epoch whose memory is measured")
    given = parser.parse_args()
    torch.set_num_threads(1)
    gc.freeze()  # what is collected between the turns is then what a loader left, not all that was imported
    with tempfile.TemporaryDirectory() as folder:
        files = write_jpegs(Path(folder), given.images)
        seconds = _in_turns(files, given.readers, given.rounds)
        busy = proxy_readers_busy(files, PROXY_READERS)
    per_core = {name: EPOCHS * given.images / statistics.median(taken) for name, taken in seconds.items()}
    print(f"{'loader':24} {'images/s of a core':>20}")
    for name, rate in per_core.items():
        print(f"{name:24} {rate:20.0f}")
    report = {
        "images": given.images,
        "rounds": given.rounds,
        "readers": given.readers,
        "images_per_cpu_s": {name: round(rate, 1) for name, rate in per_core.items()},
        "vs_timm": round(_ratio(seconds, "timm", "timm_prefetcher"), 3),
        "vs_torchvision_v1": round(_ratio(seconds, "torchvision_v1"), 3),
        "vs_torchvision_v2": round(_ratio(seconds, "torchvision_v2"), 3),
        "proxy_readers_busy": round(busy, 3),
        "reader_private_mib": round(reader_private_mib(given.names, given.readers), 1),
        "names": given.names,
    }
    print(json.dumps(report))


def _ratio(seconds: dict[str, list[float]], *others: str) -> float:
    """CPU seconds of the best of the others over ours: the median of the rounds, each within itself."""
    return min(
        statistics.median(theirs / ours for theirs, ours in zip(seconds[other], seconds["ours"], strict=True))
        for other in others
    )


def _in_turns(files: Path, readers: int, rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in LOADERS}
    for number in range(-1, rounds):  # the first round warms up: files in memory, code loaded
        for name, epochs in LOADERS.items():
            begun = _cpu_s()
            for images in epochs(files, readers):
                assert images.dtype == torch.float32
                assert images.shape[1:] == SIZE
            gc.collect()
            if number >= 0:
                seconds[name].append(_cpu_s() - begun)
    return seconds


def _cpu_s() -> float:
    """CPU seconds of this process and of all that it started and that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _ours(folder: Path, readers: int) -> Iterator[Tensor]:
    split = FolderSplit(files_of(folder, classes_of(folder), trained=True), SIZE, readers)
    for epoch in range(EPOCHS):
        order = epoch_batches(len(split), BATCH, seed=0, epoch=epoch)
        for images, _ in split.batches(order, place=ALONE, augment=True, seed=epoch):
            yield images
    split.close()


def _timm(*, prefetcher: bool) -> Epochs:
    def epochs(folder: Path, readers: int) -> Iterator[Tensor]:
        loader = create_loader(
            ImageDataset(str(folder)),
            input_size=SIZE,
            batch_size=BATCH,
            is_training=True,
            use_prefetcher=prefetcher,
            hflip=0.5,
            color_jitter=0.0,
            interpolation="bilinear",
            mean=MEAN,
            std=STD,
            num_workers=readers,
            pin_memory=False,
            device=torch.device("cpu"),
        )
        for _ in range(EPOCHS):
            for images, _ in loader:
                yield images

    return epochs


def _torchvision(folder: Path, readers: int) -> Iterator[Tensor]:
    steps = [transforms.RandomResizedCrop(SIZE[1:]), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    transform = transforms.Compose([*steps, transforms.Normalize(MEAN, STD)])
    yield from _by_data_loader(TorchvisionFolder(str(folder), transform), readers)


def _torchvision_v2(folder: Path, readers: int) -> Iterator[Tensor]:
    """As torchvision's references do it on uint8 tensors, and normalise in the reader."""
    from torchvision.transforms import v2

    steps = [v2.PILToTensor(), v2.RandomResizedCrop(SIZE[1:], antialias=True), v2.RandomHorizontalFlip()]
    transform = v2.Compose([*steps, v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    yield from _by_data_loader(TorchvisionFolder(str(folder), transform), readers)


def _by_data_loader(dataset: TorchvisionFolder, readers: int) -> Iterator[Tensor]:
    loader: DataLoader[tuple[Tensor, int]] = DataLoader(
        dataset, batch_size=BATCH, shuffle=True, drop_last=True, num_workers=readers, persistent_workers=readers > 0
    )
    for _ in range(EPOCHS):
        for images, _ in loader:
            yield images


LOADERS: dict[str, Epochs] = {
    "ours": _ours,
    "timm": _timm(prefetcher=False),
    "timm_prefetcher": _timm(prefetcher=True),
    "torchvision_v1": _torchvision,
    "torchvision_v2": _torchvision_v2,
}


def proxy_readers_busy(folder: Path, readers: int) -> float:
    """How evenly readers share the images of a proxy: their CPU seconds over those if all had done as much as one."""
    split = FolderSplit(files_of(folder, classes_of(folder), trained=True), SIZE, readers)
    split.pixels_at(torch.arange(len(split)))
    used = [sum(psutil.Process(pid).cpu_times()[:2]) for pid in split.reader_ids]
    split.close()
    return sum(used) / (readers * max(used))


class _Walk(Files):
    """Files whose names are read, and nothing else."""

    def read(self, index: int, *, exactly: bool) -> Picture:
        """A pixel that is taken as it is."""
        return torch.tensor([[[float(len(self.name(index)))]]])


def reader_private_mib(names: int, readers: int) -> float:
    """Memory that the largest of the readers shares with no process, after a whole epoch of so many names."""
    files = _Walk.of((f"/data/imagenet/train/n{n % 1000:08d}/n{n % 1000:08d}_{n}.JPEG", n % 1000) for n in range(names))
    split = ReadSplit(files, (3, 1, 1), readers=readers)
    read = 0
    for images, _ in split.batches(epoch_batches(names, 1024, seed=0, epoch=0), place=ALONE, augment=True, seed=0):
        read += len(images)
    assert read > names - 1024
    largest = max(_private_kib(pid) for pid in split.reader_ids)
    split.close()
    return largest / 1024


def _private_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
