"""Mixup and CutMix: alike for any number of workers, and with timm's loss."""

import torch
import torch.nn.functional as F
from timm.data.mixup import mixup_target

from trainers.mixing import Mixed, Mixing, mix

IMAGES = torch.rand(12, 3, 16, 20, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12)
MIXUP, CUTMIX = Mixing(mixup=0.8), Mixing(cutmix=1.0)


def mixed(mixing: Mixing, step: int = 0, rank: int = 0, world: int = 1) -> Mixed:
    return mix(IMAGES[rank::world], LABELS[rank::world], mixing, seed=3, epoch=1, step=step)


def test_however_many_workers_share_a_batch_its_images_mix_alike() -> None:
    for mixing in (MIXUP, CUTMIX, Mixing(mixup=0.8, cutmix=1.0)):
        for step in range(6):
            alone = mixed(mixing, step)
            for world in (2, 3):
                for rank in range(world):
                    share = mixed(mixing, step, rank, world)
                    assert torch.equal(share.images, alone.images[rank::world])
                    assert torch.equal(share.others, alone.others[rank::world])
                    assert share.weight == alone.weight


def test_mixup_is_a_weighted_sum_and_cutmix_a_box() -> None:
    partners = IMAGES.roll(6, 0)
    found = mixed(MIXUP)
    assert torch.allclose(found.images, found.weight * IMAGES + (1 - found.weight) * partners)
    for step in range(20):
        found = mixed(CUTMIX, step)
        own, other = (found.images == IMAGES).all(1), (found.images == partners).all(1)
        assert bool((own | other).all())
        assert abs(float(own[0].float().mean()) - found.weight) < 1e-6
    assert torch.equal(found.others, LABELS.roll(6))


def test_the_loss_is_that_of_timms_targets() -> None:
    logits, found = torch.randn(12, 12, generator=torch.Generator().manual_seed(1)), mixed(MIXUP)
    ours = sum(
        weight * F.cross_entropy(logits, labels, label_smoothing=0.1)
        for weight, labels in ((found.weight, found.labels), (1 - found.weight, found.others))
    )
    # timm pairs each image with the one at the other end of the batch.
    order = torch.cat((torch.arange(6), torch.arange(6, 12).flip(0)))
    targets = mixup_target(torch.cat((LABELS[:6], LABELS[6:].flip(0))), 12, found.weight, 0.1)
    theirs = F.cross_entropy(logits[order], targets)
    assert torch.allclose(torch.as_tensor(ours), theirs, atol=1e-6)


def test_each_step_draws_anew_and_some_are_left_alone() -> None:
    assert len({mixed(MIXUP, step).weight for step in range(50)}) == 50
    rarely = [mixed(Mixing(mixup=0.8, probability=0.3), step).weight < 1 for step in range(400)]
    assert 80 < sum(rarely) < 160
    untouched = mixed(Mixing())
    assert not Mixing()
    assert torch.equal(untouched.images, IMAGES)
    assert untouched.weight == 1


def test_the_images_given_stay_as_they_are() -> None:
    before = IMAGES.clone()
    mixed(CUTMIX)
    mixed(MIXUP)
    assert torch.equal(IMAGES, before)


def test_a_single_image_has_no_partner() -> None:
    assert mix(IMAGES[:1], LABELS[:1], MIXUP, seed=0, epoch=0, step=0).weight == 1
