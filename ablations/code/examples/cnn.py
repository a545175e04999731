"""A small convolutional network on scikit-learn's digits, with marked layers and a marked skip connection."""

import argparse

import torch
from espalier_report import report
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


class Net(nn.Module):
    """Two convolutions with a skip connection around the second one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)  #ABLATABLE_COMPONENT
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)  #ABLATABLE_COMPONENT
        self.drop = nn.Dropout(0.1)  #ABLATABLE_COMPONENT
        self.head = nn.Linear(channels * 4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits of images."""
        x = torch.relu(self.norm(self.conv1(images)))
        skip = x
        x = torch.relu(self.conv2(x))
        x = x + skip  #ABLATABLE_COMPONENT
        x = nn.functional.adaptive_max_pool2d(x, 2)
        x = self.drop(x)
        return self.head(x.flatten(1))


def train(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    """Train a model in place, and report the mean loss of each epoch."""
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
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
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    labels = torch.tensor(digits)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=0.25, random_state=0, stratify=labels
    )
    model = Net(8)
    train(model, train_images, train_labels, options.epochs)
    accuracy = evaluate(model, test_images, test_labels)
    report("accuracy", accuracy)


if __name__ == "__main__":
    main()
