"""Logistic regression on scikit-learn's breast cancer table, with marked features."""

import argparse

import numpy as np
from espalier_report import report
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

FEATURES = [
    "mean texture",  #ABLATABLE_COMPONENT
    "mean smoothness",  #ABLATABLE_COMPONENT
    "mean symmetry",  #ABLATABLE_COMPONENT
    "texture error",  #ABLATABLE_COMPONENT
    "area error",  #ABLATABLE_COMPONENT
    "worst compactness",  #ABLATABLE_COMPONENT
    "worst concavity",
    "worst fractal dimension",
]


def table(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return columns by name, and the labels."""
    bunch = load_breast_cancer()
    columns = [list(bunch.feature_names).index(name) for name in names]
    return bunch.data[:, columns], bunch.target


def train(rows: np.ndarray, labels: np.ndarray) -> tuple[StandardScaler, LogisticRegression]:
    """Return a fitted scaler and model."""
    scaler = StandardScaler().fit(rows)
    rows = scaler.transform(rows)  #ABLATABLE_COMPONENT
    return scaler, LogisticRegression(max_iter=500).fit(rows, labels)


def evaluate(scaler: StandardScaler, model: LogisticRegression, rows: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean log-likelihood of the labels."""
    probabilities = model.predict_proba(scaler.transform(rows))
    return float(np.log(probabilities[np.arange(len(labels)), labels]).mean())


def main() -> None:
    """Train and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows, labels = table(FEATURES)
    train_rows, test_rows, train_labels, test_labels = train_test_split(
        rows, labels, test_size=0.3, random_state=options.seed, stratify=labels
    )
    scaler, model = train(train_rows, train_labels)
    likelihood = evaluate(scaler, model, test_rows, test_labels)
    report("log_likelihood", likelihood)


if __name__ == "__main__":
    main()
