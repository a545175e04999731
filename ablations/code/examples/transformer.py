"""A transformer block that reads digits row by row, with hinted normalisations and marked parts."""

import argparse

import torch
from espalier_report import report
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


class Block(nn.Module):
    """Attention and a small network, each with a normalisation before it and a residual connection around it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        #ABLATION_HINT_START
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        #ABLATION_HINT_END
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.wide = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return tokens of the same shape."""
        normal = self.norm1(x)
        mixed, _ = self.attention(normal, normal, normal, need_weights=False)
        x = x + mixed  #ABLATABLE_COMPONENT
        hidden = torch.relu(self.wide(self.norm2(x)))
        return x + self.narrow(hidden)


class Reader(nn.Module):
    """Eight tokens, one for each row of an image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.position = nn.Parameter(torch.randn(8, width) * 0.1)
        self.block = Block(width)
        self.final = nn.LayerNorm(width)  #ABLATABLE_COMPONENT
        self.head = nn.Linear(width, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits of images."""
        x = self.embed(images)
        x = x + self.position  #ABLATABLE_COMPONENT
        x = self.final(self.block(x))
        return self.head(x.mean(1))


def train(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    """Train a model in place, and report the mean loss of each epoch."""
    optimiser = torch.optim.Adam(model.parameters(), lr=4e-3)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
        report("loss", total / len(images), step=epoch + 1)


def evaluate(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the accuracy of a model."""
    model.eval()
    with torch.no_grad():
        predicted = model(images).argmax(1)
    return (predicted == labels).float().mean().item()


def main() -> None:
    """Train and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    pixels, digits = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 8, 8) / 16
    labels = torch.tensor(digits)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=0.25, random_state=0, stratify=labels
    )
    model = Reader(24)
    train(model, train_images, train_labels, options.epochs)
    accuracy = evaluate(model, test_images, test_labels)
    report("accuracy", accuracy)


if __name__ == "__main__":
    main()
