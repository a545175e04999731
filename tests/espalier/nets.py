"""Small networks in memory."""

import torch
from torch import nn
from torch.nn.functional import max_pool2d


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class UNet(nn.Module):
    """Two levels, with skips that are concatenated."""

    def __init__(self, classes: int = 2, width: int = 8) -> None:
        super().__init__()
        self.down, self.deep, self.middle = block(1, width), block(width, 2 * width), block(2 * width, 4 * width)
        self.up2, self.last2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2), block(4 * width, 2 * width)
        self.up1, self.last1 = nn.ConvTranspose2d(2 * width, width, 2, 2), block(2 * width, width)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        fine = self.down(image)
        coarse = self.deep(max_pool2d(fine, 2))
        x = self.last2(torch.cat([self.up2(self.middle(max_pool2d(coarse, 2))), coarse], 1))
        mask: torch.Tensor = self.head(self.last1(torch.cat([self.up1(x), fine], 1)))
        return mask


def unet() -> UNet:
    torch.manual_seed(0)
    return UNet()


SIZE = (1, 16, 16)
