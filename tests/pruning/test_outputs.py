"""Tests of outputs: each tensor is found once, and the logits by convention or by name."""

import dataclasses
import enum
import pickle
from collections import OrderedDict, namedtuple
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from pruning.errors import LogitsError, OutputError, PruningError, UnsupportedModelError
from pruning.models import ModelSpec
from pruning.outputs import check_logits, heads_of, logits_of, named_tensors, tensors_of

A, B, C = (torch.full((2, size), float(size)) for size in (3, 4, 5))
Pair = namedtuple("Pair", "logits hidden")


@dataclasses.dataclass
class Out:
    logits: torch.Tensor
    features: list[torch.Tensor]
    loss: torch.Tensor | None = None


class Colour(enum.Enum):
    RED = 1


def holds_itself() -> SimpleNamespace:
    made = SimpleNamespace(a=A)
    made.itself = made
    return made


@pytest.mark.parametrize(
    ("output", "names"),
    [
        (A, [""]),
        ((A, B), ["0", "1"]),
        ([A, (B, [C])], ["0", "1.0", "1.1.0"]),
        (((A,), (B, C)), ["0.0", "1.0", "1.1"]),
        ({"logits": A, "features": {"p1": B, "p2": C}}, ["logits", "features.p1", "features.p2"]),
        (OrderedDict(out=A, aux=B), ["out", "aux"]),
        ({0: A, "deep": [B]}, ["0", "deep.0"]),
        (Out(A, [B, C]), ["logits", "features.0", "features.1"]),
        (Pair(A, (B,)), ["logits", "hidden.0"]),
        (SimpleNamespace(logits=A, more=SimpleNamespace(b=B)), ["logits", "more.b"]),
        (holds_itself(), ["a"]),
        ((None, A, {"loss": None, "b": B}), ["1", "2.b"]),
        ((A, B, A), ["0", "1"]),
        ((A, 3, "text", 0.5, True, A.shape, A.dtype, A.device, Colour.RED, {"two"}), ["0"]),
        (None, []),
    ],
)
def test_every_tensor_has_a_name(output: object, names: list[str]) -> None:
    assert list(named_tensors(output)) == names
    assert [tensor.shape[1] for tensor in tensors_of(output)] == [3, 4, 5][: len(names)]


def test_a_hugging_face_output_is_searched() -> None:
    from transformers.modeling_outputs import ImageClassifierOutput

    output = ImageClassifierOutput(logits=A, hidden_states=(B, C))
    assert list(named_tensors(output)) == ["logits", "hidden_states.0", "hidden_states.1"]
    assert logits_of(output) is A


def test_no_tensor_is_lost_where_two_paths_read_alike() -> None:
    found = named_tensors({"a.b": A, "a": {"b": B}, "1": C})
    assert [id(found[name]) for name in ("a.b", "a.b'", "1")] == [id(A), id(B), id(C)]


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ((tensor for tensor in (A, B)), "generator"),
        ({"deep": [A, map(id, [B])]}, "map"),
        ({A, B}, "set"),  # its order depends on memory addresses
        ((A, nn.ReLU()), "ReLU"),
        ({"maps": {"a": A}.values()}, "dict_values"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_its_type(output: object, kind: str) -> None:
    with pytest.raises(UnsupportedModelError, match=f"returns a {kind}, whose tensors"):
        tensors_of(output)


@pytest.mark.parametrize(
    ("output", "name", "expected"),
    [
        (A, None, A),
        ((A, B), None, A),
        ({"hidden": B, "logits": A}, None, A),
        ({"aux": B, "out": A}, None, A),
        ({"out": B, "logits": A}, None, A),
        ({"features": {"logits": B}, "x": A}, None, B),
        ((B, (C, A)), "1.1", A),
        ({"logits": B, "heads": {"fine": A}}, "heads.fine", A),
    ],
)
def test_the_logits(output: object, name: str | None, expected: torch.Tensor) -> None:
    assert logits_of(output, name) is expected


@pytest.mark.parametrize(
    ("output", "name", "words"),
    [
        ({"logits": A, "f": [B]}, "logit", "no tensor called 'logit'; it has logits [2, 3], f.0 [2, 4]. Name"),
        (A, "logits", "one tensor, which has no name: leave out --output logits"),
        ((None, []), None, "holds no tensor"),
        ([], "0", "holds no tensor"),
    ],
)
def test_without_logits_the_error_lists_what_there_is(output: object, name: str | None, words: str) -> None:
    with pytest.raises(OutputError) as error:
        logits_of(output, name)
    assert words in str(error.value)
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)  # noqa: S301


def test_heads_have_the_shape_of_the_logits() -> None:
    second = A + 1
    assert [id(head) for head in heads_of((A, second))] == [id(A), id(second)]
    output = {"features": [B, C], "aux": second, "logits": A}
    assert [id(head) for head in heads_of(output)] == [id(A), id(second)]
    assert [id(head) for head in heads_of(output, "aux")] == [id(second)]
    assert [id(head) for head in heads_of(A)] == [id(A)]


class Returns(nn.Module):
    """Returns what `make` makes of the first six pixels of each image."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def forward(self, images: torch.Tensor) -> object:
        return self.make(images.flatten(1)[:, :6])


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda x: x, None),
        (lambda x: {"map": x[:, :2], "logits": x}, None),
        (lambda x: (x[:, :2], x), "1"),
        (lambda x: x.squeeze(), None),
    ],
)
def test_logits_of_one_number_per_class_are_accepted(make: Any, name: str | None) -> None:
    check_logits(Returns(make), ModelSpec("m", 6, (1, 3, 3), name))


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (lambda x: x[:, :5], None, "6 classes its logits should have the shape [2, 6], but its output has [2, 5]."),
        (lambda x: (x[:, :2], x), None, "but 0 has [2, 2]. Its output has 0 [2, 2], 1 [2, 6]: name"),
        (lambda x: {"out": x[..., None, None]}, None, "out has [2, 6, 1, 1]."),
        (lambda x: x[:1], None, "has [1, 6]"),
        (lambda x: (x[:, :2], x), "logits", "no tensor called 'logits'; it has 0 [2, 2], 1 [2, 6]"),
        (lambda x: x @ x, None, "forward of 2 images"),
        (lambda x: iter([x]), None, "list_iterator"),
    ],
)
def test_other_logits_are_refused(make: Any, name: str | None, words: str) -> None:
    with pytest.raises(PruningError) as error:
        check_logits(Returns(make), ModelSpec("m", 6, (1, 3, 3), name))
    assert words in str(error.value)


def test_the_error_survives_pickling() -> None:
    error = LogitsError("0", {"0": (2, 2), "1": (2, 6)}, (2, 6))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301
