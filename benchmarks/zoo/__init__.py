"""The models of the pruning benchmarks, each at its published input size."""

MUST = (
    "resnet18", "resnet50", "resnet101", "wide_resnet50_2", "resnext50_32x4d", "seresnet50", "mobilenetv2_100",
    "mobilenetv3_small_100", "mobilenetv3_large_100", "efficientnet_b0", "mnasnet_100", "regnetx_004", "regnety_004",
    "densenet121", "vgg16_bn", "inception_v3", "repvgg_a2", "convnext_tiny", "convnext_small", "convnextv2_tiny",
    "deit_tiny_patch16_224", "deit_small_patch16_224", "deit_base_patch16_224", "deit_tiny_distilled_patch16_224",
    "deit3_small_patch16_224", "vit_small_patch16_224", "vit_base_patch16_224", "swin_tiny_patch4_window7_224",
)  # fmt: skip
STRETCH = (
    "resnetv2_50", "mixer_b16_224", "poolformer_s12", "ghostnet_100", "cspresnet50", "dpn68", "mobilevit_s",
    "maxvit_tiny_tf_224", "levit_128", "pvt_v2_b0", "edgenext_small", "res2net50_26w_4s", "hrnet_w18",
)  # fmt: skip
