"""The training that one would write without us: timm's loader and a plain loop. Nothing of ours is imported here."""

import os
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from timm import create_model
from timm.data.dataset import ImageDataset
from timm.data.loader import create_loader
from timm.optim._optim_factory import create_optimizer_v2
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def loader_of(
    folder: Path, batch: int, side: int, workers: int, device: torch.device, *, distributed: bool = False
) -> object:
    """Timm's loader with its standard crop and mirror, whose workers live across epochs."""
    return create_loader(
        ImageDataset(str(folder / "train")),
        input_size=(3, side, side),
        batch_size=batch,
        is_training=True,
        use_prefetcher=device.type == "cuda",
        no_aug=False,
        hflip=0.5,
        color_jitter=0.0,
        interpolation="bilinear",
        num_workers=workers,
        distributed=distributed,
        pin_memory=device.type == "cuda",
        persistent_workers=workers > 0,
        device=device,
    )


def train(
    model: nn.Module, loader: object, epochs: int, device: torch.device, *, steps: int, fast: bool = False
) -> list[float]:
    """Train a model already on its device; returns images a second of each epoch."""
    optimizer = create_optimizer_v2(model, opt="momentum", lr=0.01, weight_decay=1e-4)
    layout = torch.channels_last if fast else torch.contiguous_format
    speeds = []
    for _ in range(epochs):
        model.train()
        began, seen, losses = time.perf_counter(), 0, []
        for step, batch in enumerate(loader):  # type: ignore[arg-type,var-annotated]
            if step == steps:
                break
            images, labels = batch[0].to(device, memory_format=layout), batch[1].to(device)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=fast):
                loss = F.cross_entropy(model(images), labels, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            seen += len(labels)
        torch.stack(losses).mean().item()
        speeds.append(seen / (time.perf_counter() - began))
    return speeds


def main() -> None:
    """Train a network of timm's on CPUs: FOLDER NAME BATCH SIDE EPOCHS STEPS. Prints images a second of each epoch."""
    folder, name, batch, side, epochs, steps = sys.argv[1:]
    torch.set_num_threads(1)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        dist.init_process_group("gloo")
    device, share = torch.device("cpu"), int(batch) // world
    model: nn.Module = create_model(name, num_classes=10)
    if world > 1:
        model = DistributedDataParallel(model)
    loader = loader_of(Path(folder), share, int(side), 0, device, distributed=world > 1)
    speeds = train(model, loader, int(epochs), device, steps=int(steps))
    if world == 1 or dist.get_rank() == 0:
        print(*(speed * world for speed in speeds))
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
