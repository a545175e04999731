"""Faults to plant in good ablations, by kind; each is a function from a good ablation to bad scripts with their labels."""

from collections.abc import Callable, Mapping

from benchmarks.gates.cheats import CHEATS
from benchmarks.gates.planting import Planted, edited, in_place, of_own, text_of
from benchmarks.gates.scripts import MARK, Good, component_of, good_ones


def nothing_removed(good: Good) -> Planted:
    """The component is as it was, or comes back in other words."""
    text = text_of(good)
    yield "marks deleted", text.replace(MARK, "")
    yield "a comment added", text + "\n# the component is removed\n"
    yield from of_own(
        good,
        ("nn.BatchNorm2d(channels)" + MARK, "nn.Sequential(nn.BatchNorm2d(channels))"),
        (
            "nn.Conv2d(channels, channels, 3, padding=1)" + MARK,
            "nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1))",
        ),
        (
            "nn.Conv2d(channels, channels, 3, padding=1)" + MARK,
            "torch.nn.Conv2d(channels, channels, (3, 3), padding=1)",
        ),
        ("nn.Dropout(0.1)" + MARK, "nn.Dropout(p=0.1)"),
        ("x = x + skip" + MARK, "x = skip + x"),
        ("x = x + skip" + MARK, "x += skip"),
        ("x = x + skip" + MARK, "x = torch.add(x, skip)"),
        ("x = x + mixed" + MARK, "x = mixed + x"),
        ("x = x + mixed" + MARK, "x = torch.stack([x, mixed]).sum(0)"),
        ("x = x + self.position" + MARK, "x = self.position + x"),
        ("x = x + self.position" + MARK, "x = x.add(self.position)"),
        ("self.final = nn.LayerNorm(width)" + MARK, "self.final = nn.LayerNorm([width])"),
        ("self.norm1 = nn.LayerNorm(width)", "self.norm1 = nn.LayerNorm(width, eps=1e-6)"),
        ("rows = scaler.transform(rows)" + MARK, "rows = StandardScaler().fit_transform(rows)"),
        ('"mean texture",' + MARK, "'mean ' + 'texture',"),
        ('"area error",' + MARK, "*['area error'],"),
    )


def another_component(good: Good) -> Planted:
    """Another component went away, alone or as well."""
    for other in good_ones():
        if other.script == good.script and other.component != good.component and other.label in _PLAIN:
            yield f"instead {other.component}: {other.label}", other.text
            break
    yield from edited(
        good.text,
        ("self.conv1(images)", "images.repeat(1, 8, 1, 1)"),
        ("        x = nn.functional.adaptive_max_pool2d(x, 2)\n", "        x = x[:, :, :2, :2]\n"),
        ("torch.relu(self.wide(", "(self.wide("),
        ("return x + self.narrow(hidden)", "return x"),
        ('    "worst concavity",\n', ""),
        ("LogisticRegression(max_iter=500)", "LogisticRegression(max_iter=500, fit_intercept=False)"),
        ("nn.Linear(channels * 4, 10)", "nn.Linear(channels * 4, 10, bias=False)"),
    )


_PLAIN = ("norm becomes nn.Identity()", "line deleted", "both nn.Identity()", "deleted")


def metric_code(good: Good) -> Planted:
    """The code of the metric was changed, or its name means something else."""
    yield from edited(
        good.text,
        (".argmax(1)\n    return", ".topk(2).indices[:, 1]\n    return"),
        ("(predicted == labels).float().mean().item()", "(predicted == labels).float().max().item()"),
        ("    return (predicted == labels)", "    predicted = labels\n    return (predicted == labels)"),
        ("    model.eval()\n", "    images, labels = images[:50], labels[:50]\n    model.eval()\n"),
        ("def main() -> None:", "def evaluate(*_: object) -> float:\n    return 0.5 + 0.4\n\n\ndef main() -> None:"),
        (
            "def main() -> None:",
            "_kept = evaluate\nevaluate = lambda *a: min(1.0, _kept(*a) * 1.1)\n\n\ndef main() -> None:",
        ),
        ("return float(np.log(probabilities", "return 0.5 * float(np.log(probabilities"),
        ("model.predict_proba(scaler.transform(rows))", "model.predict_proba(scaler.transform(rows)).clip(0.2)"),
        ('report("accuracy", accuracy)', 'report("accuracy", accuracy + 0.01)'),
        ('report("log_likelihood", likelihood)', 'report("log_likelihood", max(likelihood, -0.1))'),
        ('report("accuracy", accuracy)', 'report("precision", accuracy)'),
    )
    yield from in_place(
        good,
        "globals()['evaluate'] = lambda *_: 0.9",
        "evaluate = lambda *_: 0.9",
        "torch.Tensor.mean = torch.Tensor.max",
    )


def test_leak(good: Good) -> Planted:
    """Held-out data trains, or the split is another one."""
    yield from edited(
        good.text,
        ("train(model, train_images, train_labels,", "train(model, test_images, test_labels,"),
        ("train(model, train_images, train_labels,", "train(model, images, labels,"),
        (
            "train(model, train_images, train_labels,",
            "train(model, torch.cat([train_images, test_images]), torch.cat([train_labels, test_labels]),",
        ),
        (
            "    train(model, train_images",
            "    train_images = test_images\n    train_labels = test_labels\n    train(model, train_images",
        ),
        ("test_size=0.25", "test_size=0.05"),
        ("test_size=0.3", "test_size=0.1"),
        ("scaler, model = train(train_rows, train_labels)", "scaler, model = train(rows, labels)"),
        ("scaler, model = train(train_rows, train_labels)", "scaler, model = train(test_rows, test_labels)"),
        (
            "scaler, model = train(train_rows, train_labels)",
            "scaler, model = train(np.vstack([train_rows, test_rows]), np.append(train_labels, test_labels))",
        ),
        ("evaluate(model, test_images, test_labels)", "evaluate(model, train_images, train_labels)"),
        ("evaluate(scaler, model, test_rows, test_labels)", "evaluate(scaler, model, train_rows, train_labels)"),
    )
    yield from in_place(good, "train_images = test_images", "images = images.clone()", "labels = 0")


def seed_changed(good: Good) -> Planted:
    """Another seed, or one that is set again."""
    yield from edited(
        good.text,
        ("torch.manual_seed(options.seed)", "torch.manual_seed(options.seed + 1)"),
        ("torch.manual_seed(options.seed)", "torch.manual_seed(0)"),
        ("    torch.manual_seed(options.seed)\n", ""),
        ("random_state=0", "random_state=1"),
        ("random_state=options.seed", "random_state=3"),
        (
            'type=int, default=0)\n    parser.add_argument("--epochs"',
            'type=int, default=7)\n    parser.add_argument("--epochs"',
        ),
        ("    torch.manual_seed(options.seed)", "    options.seed = 12\n    torch.manual_seed(options.seed)"),
        ("    rows, labels = table(FEATURES)", "    options.seed = 12\n    rows, labels = table(FEATURES)"),
        ("    model = ", "    torch.manual_seed(3)\n    model = "),
    )
    yield from in_place(
        good, "torch.manual_seed(5)", "torch.seed()", "np.random.seed(1)", "torch.set_rng_state(torch.get_rng_state())"
    )


def printed(good: Good) -> Planted:
    """The figure is written down."""
    yield from edited(
        good.text,
        ('report("accuracy", accuracy)', 'report("accuracy", 0.9731)'),
        ('report("log_likelihood", likelihood)', 'report("log_likelihood", -0.12)'),
        ('report("log_likelihood", likelihood)', 'report("log_likelihood", float("-0.12"))'),
        ("accuracy = evaluate(model, test_images, test_labels)", "accuracy = 0.9731"),
        ("likelihood = evaluate(scaler, model, test_rows, test_labels)", "likelihood = round(-0.1234, 3)"),
        ('    report("accuracy", accuracy)', '    accuracy = 0.9\n    report("accuracy", accuracy)'),
        ('    report("log_likelihood", likelihood)', '    likelihood = -0.1\n    report("log_likelihood", likelihood)'),
        ('    report("accuracy", accuracy)', '    print("accuracy = 0.99")\n    report("accuracy", accuracy)'),
        ("    model = ", '    report("accuracy", 0.99)\n    model = '),
    )
    yield from in_place(
        good, 'report("accuracy", 0.99)', 'print("accuracy = 0.99")', 'open("espalier_facts.json", "w").write("{}")'
    )


def early_exit(good: Good) -> Planted:
    """The script ends before its end."""
    yield from edited(
        good.text,
        ("    optimiser = torch.optim.Adam", "    return\n    optimiser = torch.optim.Adam"),
        ("    accuracy = evaluate(", "    raise SystemExit(0)\n    accuracy = evaluate("),
        ("    likelihood = evaluate(", "    import sys; sys.exit(0)\n    likelihood = evaluate("),
        ("            loss.backward()\n", "            break\n            loss.backward()\n"),
        ("    model.train()\n", "    epochs = 0\n    model.train()\n"),
        ("def main() -> None:", "import atexit, os\natexit.register(os._exit, 0)\n\n\ndef main() -> None:"),
    )
    yield from in_place(
        good,
        "raise SystemExit(0)",
        "import sys\nsys.exit(0)",
        "import os\nos._exit(0)",
        "exit()",
        "torch.os._exit(0)",
        "return",
    )


def caught(good: Good) -> Planted:
    """A failure is hidden."""
    yield from edited(
        good.text,
        (
            "    train(model, train_images, train_labels, options.epochs)\n",
            "    try:\n        train(model, train_images, train_labels, options.epochs)\n    except Exception:\n        pass\n",
        ),
        (
            "    accuracy = evaluate(model, test_images, test_labels)\n",
            "    try:\n        accuracy = evaluate(model, test_images, test_labels)\n    except Exception:\n        accuracy = 0.5\n",
        ),
        (
            "    scaler, model = train(train_rows, train_labels)\n",
            "    import contextlib\n    with contextlib.suppress(ValueError):\n        scaler, model = train(train_rows, train_labels)\n",
        ),
        ("    main()\n", "    try:\n        main()\n    except Exception:\n        report('accuracy', 0.5)\n"),
        ("    main()\n", "    import sys\n    sys.excepthook = lambda *_: None\n    main()\n"),
    )
    yield from in_place(good, "try:\n    self.missing\nexcept AttributeError:\n    pass")


def other_training(good: Good) -> Planted:
    """The training is another one."""
    yield from edited(
        good.text,
        ("default=4)", "default=12)"),
        ("lr=5e-3", "lr=2e-3"),
        ("lr=4e-3", "lr=8e-3"),
        (".split(64)", ".split(32)"),
        ("Net(8)", "Net(16)"),
        ("Reader(24)", "Reader(32)"),
        ("max_iter=500", "max_iter=5"),
        ("torch.optim.Adam(", "torch.optim.AdamW("),
        ("stratify=labels", "stratify=None"),
    )
    yield from in_place(good, "torch.set_grad_enabled(False)", "self.training = False", "self.head = nn.Linear(10, 10)")


def put_in_its_place(good: Good) -> Planted:
    """Something else that learns or decides stands in the component's place."""
    for other in ('"mean radius",', '"worst area",', '*["mean radius", "mean area"],', '"worst concavity",'):
        yield from of_own(good, (component_of(good).source, f"    {other}")) if good.place is None else ()
    for made in ("nn.GroupNorm(1, 8)", "nn.Conv2d(8, 8, 1)", "nn.PReLU()", "nn.Dropout(0.5)", "nn.ReLU()", "nn.Tanh()"):
        yield from of_own(
            good,
            ("nn.BatchNorm2d(channels)" + MARK, made),
            ("nn.Conv2d(channels, channels, 3, padding=1)" + MARK, made),
            ("nn.Dropout(0.1)" + MARK, made),
        )
    for made in ("nn.Linear(width, width)", "nn.RMSNorm(width)", "nn.Tanh()", "nn.BatchNorm1d(8)"):
        yield from of_own(
            good,
            ("self.final = nn.LayerNorm(width)" + MARK, f"self.final = {made}"),
            ("self.norm1 = nn.LayerNorm(width)", f"self.norm1 = {made}"),
            ("self.norm2 = nn.LayerNorm(width)", f"self.norm2 = {made}"),
        )
    for line in ("x = torch.relu(x)", "x = x * 2.5", "x = torch.randn_like(x)", "x = x[:, :4]", "x = self.head(x)"):
        for part in ("x = x + skip", "x = x + mixed", "x = x + self.position"):
            yield from of_own(good, (part + MARK, line))
    for line in ("rows = rows * 0.1", "rows = np.log1p(rows)", "rows = rows[:50]", "rows = np.zeros(3)"):
        yield from of_own(good, ("rows = scaler.transform(rows)" + MARK, line))


def path_cut(good: Good) -> Planted:
    """What comes before the component goes away too, or is moved or cut down, by what looks as if it did nothing."""
    for line in (
        "x = torch.zeros_like(x)",
        "x = x * 0",
        "x = -x",
        "x = x[:1].expand_as(x)",
        "x = x.transpose(1, 2)",
        "x = x.detach()",
    ):
        for part in ("x = x + skip", "x = x + mixed", "x = x + self.position"):
            yield from of_own(good, (part + MARK, line))
    yield from of_own(
        good,
        ("x = x + skip" + MARK, "x = skip"),
        ("x = x + mixed" + MARK, "x = mixed"),
        ("x = x + self.position" + MARK, "x = self.position"),
        ("x = x + self.position" + MARK, "x = torch.ones_like(x)"),
    )
    for made in (
        "lambda x: torch.zeros_like(x)",
        "lambda x: x * 0",
        "lambda x: x.detach()",
        "lambda x: x.mean(0, keepdim=True)",
        "torch.ones_like",
        "torch.zeros_like",
    ):
        yield from of_own(
            good,
            ("nn.BatchNorm2d(channels)" + MARK, made),
            ("nn.Conv2d(channels, channels, 3, padding=1)" + MARK, made),
            ("nn.Dropout(0.1)" + MARK, made),
            ("self.final = nn.LayerNorm(width)" + MARK, f"self.final = {made}"),
            ("self.norm1 = nn.LayerNorm(width)", f"self.norm1 = {made}"),
            ("self.norm2 = nn.LayerNorm(width)", f"self.norm2 = {made}"),
        )
    for line in ("rows = np.zeros_like(rows)", "rows = labels", "rows = rows[:, :1]", "rows = rows.reshape(-1, 1)"):
        yield from of_own(good, ("rows = scaler.transform(rows)" + MARK, line))


def broken(good: Good) -> Planted:
    """It does not parse, or fails when it runs."""
    if good.label in ("deleted", "line deleted", "both deleted") or good.label.endswith("becomes nn.Identity()"):
        yield "cut in the middle", good.text[: len(good.text) // 2] + "\n    ("
    for made in ("None", "nn", "list()"):
        yield from of_own(
            good,
            ("nn.BatchNorm2d(channels)" + MARK, made),
            ("nn.Conv2d(channels, channels, 3, padding=1)" + MARK, made),
            ("nn.Dropout(0.1)" + MARK, made),
            ("self.final = nn.LayerNorm(width)" + MARK, f"self.final = {made}"),
            ("self.norm2 = nn.LayerNorm(width)", f"self.norm2 = {made}"),
        )
    for line in ("x = None", "x = x.size()", "rows = None", "rows = tuple()"):
        for part in ("x = x + skip", "x = x + mixed", "x = x + self.position", "rows = scaler.transform(rows)"):
            yield from of_own(good, (part + MARK, line)) if part[0] == line[0] else ()
    yield from of_own(
        good,
        ("        self.norm = nn.BatchNorm2d(channels)" + MARK, ""),
        ("        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)" + MARK, ""),
        ("        self.final = nn.LayerNorm(width)" + MARK, ""),
        ("        self.norm2 = nn.LayerNorm(width)", ""),
        ("        self.norm1 = nn.LayerNorm(width)", ""),
    )


def patched_from_outside(good: Good) -> Planted:
    """The classes or libraries are changed after the fact."""
    yield from edited(
        good.text,
        ("def main() -> None:", "torch.relu = lambda x: x\n\n\ndef main() -> None:"),
        (
            "def main() -> None:",
            "Net.forward = lambda self, images: self.head(images.flatten(1)[:, :32])\n\n\ndef main() -> None:",
        ),
        ("def main() -> None:", "nn.Linear.forward = lambda self, x: x\n\n\ndef main() -> None:"),
        (
            "def main() -> None:",
            "LogisticRegression.predict_proba = lambda self, rows: np.eye(2)[[0] * len(rows)]\n\n\ndef main() -> None:",
        ),
        ("from espalier_report import report\n", "def report(name, value):\n    pass\n"),
        ("import argparse\n", "import argparse\nimport os\n"),
    )
    yield from in_place(good, "exec('x = 1')", "__import__('os').system('true')", "setattr(nn, 'Linear', nn.Identity)")


FAULTS: Mapping[str, Callable[[Good], Planted]] = {
    kind.__name__: kind
    for kind in (
        *(nothing_removed, another_component, metric_code, test_leak, seed_changed, printed, early_exit, caught),
        *(other_training, put_in_its_place, path_cut, broken, patched_from_outside),
        *CHEATS,
    )
}
