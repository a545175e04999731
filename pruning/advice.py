"""What to do about a model that was refused, by the cause of the refusal."""

import re

# What a refusal says, and the advice that fits it; the first that is found counts.
_ADVICE = (
    (
        r"ScriptModule|RecursiveScript|torch\.jit",
        "A scripted or traced module cannot be taken apart: give the torch.nn.Module that it was made from.",
    ),
    (r"quantized::|fake_quant|moving_avg_obs", "Prune the model in floating point first, and quantise the result."),
    (
        r"uninitialized parameter|LazyModule",
        "Its lazy layers have no weights yet: run one batch through the model first.",
    ),
    (
        r"it computes with values, and its layers",
        "Let all of them run and weigh their results, or give the part of the model that always runs.",
    ),
    (
        r"^copying the model",
        "Its modules must be copyable: copy.deepcopy(model) has to work.",
    ),
    (
        r"missing \d+ required positional argument|got an unexpected keyword argument",
        "The model takes other inputs than one batch of images: state the shape of each of its inputs.",
    ),
    (
        r"in training mode.*(targets|target should|labels)|(targets|labels) (should|must)",
        "Its training pass needs labels. Give the part of it that makes the features, such as model.backbone.",
    ),
    (
        (
            r"(?i)expected .*(input|channels|size)|invalid channel dimensions|input size|doesn't match model|must be "
            r"divisible|mat1 and mat2 shapes"
        ),
        "It does not run on images of this size: state the number of channels, the height and the width that it takes.",
    ),
    (
        r"(?i)\bmeta\b|nonzero|data-dependent",
        (
            "Its forward pass makes tensors whose sizes depend on values, such as lists of boxes: give the part before "
            "that, such as model.backbone."
        ),
    ),
    (
        r"no channels that could be cut",
        (
            "To make channels free, write what fixes them with operations that pruning/rules follow, or move it out of "
            "the part that is to be pruned."
        ),
    ),
    (
        r"how much it computes depends on them",
        (
            "No budget could be promised: give the part before that, or let all tokens pass through all of its experts "
            "and weigh their results."
        ),
    ),
    (
        r"^counting ",
        (
            "The plan and an independent counter disagree, so no budget could be promised; this gap of ours is "
            "worth a report with the layer's code."
        ),
    ),
    (
        r"computes something else|the output changed by|of a sliced model|what a sliced layer states",
        (
            "What this layer computes depends on which of its channels are there, or on a number that does not follow "
            "them: read lengths from the tensors (x.shape) or from the layer's attributes."
        ),
    ),
    (r"^forward", "Its forward pass has to run on a batch of one image in eval mode and of two in training mode."),
    (r"", "A model built from operations listed in pruning/rules would work."),
)


def advice_for(operation: str, reason: str) -> str:
    """What would work.

    Args:
        operation: the operation that stopped the plan.
        reason: why.
    """
    told = f"{operation}: {reason}"
    return next(advice for pattern, advice in _ADVICE if re.search(pattern, told))
