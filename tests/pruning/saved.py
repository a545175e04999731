"""Checkpoints as people save them, made by plain torch: nothing here knows how they are read."""

import argparse
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

NET = "tests.pruning.saved:small_net"


def small_net(num_classes: int = 10, in_chans: int = 1) -> nn.Sequential:
    """Two convolutions and a classifier."""
    return nn.Sequential(
        nn.Conv2d(in_chans, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, 2, 1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, num_classes),
    )


def trained_net() -> nn.Sequential:
    """The network whose weights all these files hold."""
    torch.manual_seed(3)
    model = small_net()
    for _ in range(2):
        model(torch.randn(8, 1, 32, 32))
    return model.eval()


State = dict[str, torch.Tensor]


def _prefixed(state: State, prefix: str) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def _other(state: State) -> State:
    """Weights that must not be taken."""
    return {name: torch.zeros_like(tensor) for name, tensor in state.items()}


def _timm(state: State) -> dict[str, Any]:
    args = argparse.Namespace(lr=0.1, model="small", output=pathlib.PurePosixPath("out"), decay=np.float64(1e-4))
    return {
        "epoch": 7,
        "arch": "small_net",
        "state_dict": state,
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]},
        "version": 2,
        "args": args,
        "amp_scaler": {"scale": 65536.0},
        "metric": np.float64(76.5),
    }


def _lightning(state: State) -> dict[str, Any]:
    return {
        "epoch": 3,
        "global_step": 900,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": _prefixed(state, "model."),
        "callbacks": {},
        "hyper_parameters": {"lr": 1e-3},
    }


def _thop(state: State) -> State:
    extra = {f"{layer}total_ops": torch.zeros(1, dtype=torch.float64) for layer in ("", "0.", "3.", "8.")}
    return state | extra | {"total_params": torch.zeros(1, dtype=torch.float64)}


def _averaged(model: nn.Module) -> dict[str, torch.Tensor]:
    return AveragedModel(model).state_dict()


SHAPES: dict[str, Callable[[nn.Module], object]] = {
    "plain.pth": lambda m: m.state_dict(),
    "state_dict.pth.tar": lambda m: {
        "state_dict": _prefixed(m.state_dict(), "module."),
        "best_acc1": torch.tensor(0.9),
    },
    "model.pth": lambda m: {"model": m.state_dict(), "epoch": 3, "args": argparse.Namespace(lr=0.1)},
    "net.pth": lambda m: {"net": _prefixed(m.state_dict(), "module."), "acc": 93.1, "epoch": 10},
    "state_dict_ema.pth.tar": lambda m: _timm(_other(m.state_dict())) | {"state_dict_ema": m.state_dict()},
    "model_ema.pth": lambda m: {"model": _other(m.state_dict()), "model_ema": _averaged(m), "epoch": 1},
    "compiled.pt": lambda m: _prefixed(m.state_dict(), "_orig_mod."),
    "compiled_inside.pth": lambda m: {
        f"0._orig_mod.{n[2:]}" if n[0] == "0" else n: t for n, t in m.state_dict().items()
    },
    "backbone.pth": lambda m: {"state_dict": _prefixed(m.state_dict(), "module.backbone.")},
    "lightning.ckpt": lambda m: _lightning(m.state_dict()),
    "timm.pth.tar": lambda m: _timm(m.state_dict()),
    "thop.bin": lambda m: _thop(m.state_dict()),
    "averaged": _averaged,
    "old.pth": lambda m: {n: t for n, t in m.state_dict().items() if not n.endswith("num_batches_tracked")},
    "half.pth": lambda m: {n: t.half() if t.is_floating_point() else t for n, t in m.state_dict().items()},
}
"""What is saved under each name."""
CHOSEN = {"state_dict_ema.pth.tar": "'state_dict_ema' were taken, not 'state_dict'", "model_ema.pth": "not 'model'"}
"""Files in which there is a choice, and what is said of it."""


def write(folder: pathlib.Path, name: str, content: object) -> pathlib.Path:
    """Save as people do."""
    torch.save(content, folder / name)
    return folder / name
