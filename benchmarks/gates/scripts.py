"""The scripts, and good ablations of each of their components, written by hand in several forms."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ablations.code.source.annotations import Component, components_of
from ablations.code.source.documents import Documents
from benchmarks.gates import mixed

MARK = "  #ABLATABLE_COMPONENT"
SCRIPTS = ("cnn.py", "tabular.py", "transformer.py", mixed.NAME)


@dataclass(frozen=True, slots=True)
class Good:
    """A good ablation.

    Attributes:
        script: Name of the script.
        component: Name of the component that goes away.
        label: What was done.
        place: The lines that stand in the component's place, if they are statements; else None.
        text: The whole script after it.
    """

    script: str
    component: str
    label: str
    place: str | None
    text: str


@cache
def original(script: str) -> Documents:
    """Return the documents of a script."""
    if script == mixed.NAME:
        return Documents({script: mixed.TEXT})
    return Documents({script: resources.files("ablations.code.examples").joinpath(script).read_text(encoding="utf-8")})


@cache
def components(script: str) -> tuple[Component, ...]:
    """Return the components of a script."""
    return components_of(original(script))


def component_of(good: Good) -> Component:
    """Return the component that a good ablation takes away."""
    return next(found for found in components(good.script) if found.name == good.component)


@cache
def good_ones() -> list[Good]:
    """Return all good ablations."""
    others = (_good(mixed.NAME, name, label, place, *edits) for name, label, place, edits in mixed.places())
    return [*_layers(), *_features(), *_sums(), *_norms(), *others]


def swapped(text: str, *edits: tuple[str, str]) -> str:
    """Replace texts that each occur exactly once."""
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    return text


def _layers() -> Iterator[Good]:
    """Layers that become the identity, or go away together with their uses."""
    cnn, reader = "cnn.py", "transformer.py"
    forms = ("nn.Identity()", "torch.nn.Identity()", "nn.Sequential()", "lambda x: x")
    for script, name, made, uses in (
        (cnn, "norm", "nn.BatchNorm2d(channels)", [("self.norm(self.conv1(images))", "self.conv1(images)")]),
        (cnn, "conv2", "nn.Conv2d(channels, channels, 3, padding=1)", [("torch.relu(self.conv2(x))", "torch.relu(x)")]),
        (cnn, "drop", "nn.Dropout(0.1)", [("        x = self.drop(x)\n", "")]),
        (reader, "final", "nn.LayerNorm(width)" + MARK, [("self.final(self.block(x))", "self.block(x)")]),
    ):
        owner = "Net" if script == cnn else "Reader"
        component = f"{script[:-3]}:{owner}.__init__.{name}"
        line = f"        self.{name} = {made.removesuffix(MARK)}{MARK}"
        for form in forms:
            new = f"        self.{name} = {form}"
            yield _good(script, component, f"{name} becomes {form}", new, (line, new))
            yield _good(script, component, f"{name} becomes {form}, mark kept", new, (line, new + MARK))
        note = f"        # {name} is ablated\n        self.{name} = nn.Identity()"
        yield _good(script, component, f"{name} with a comment", note, (line, note))
        yield _good(script, component, f"{name} and its use deleted", "", (line + "\n", ""), *uses)
        yield _good(script, component, f"{name} unused", "        pass", (line, "        pass"), *uses)


def _features() -> Iterator[Good]:
    """Columns of the table, deleted in the list."""
    script = "tabular.py"
    for component in components(script)[:6]:
        line = f"{component.source}\n"
        name = component.name
        yield _good(script, name, "line deleted", None, (line, ""))
        yield _good(script, name, "line commented out", None, (line, f"    # {line.strip()}\n"))
        text = swapped(original(script).texts[script], (line, ""))
        begin, end = text.index("FEATURES = ["), text.index("]\n\n\ndef table")
        names = [part.split(",")[0].strip() for part in text[begin:end].splitlines()[1:]]
        one_line = f"{text[:begin]}FEATURES = [{', '.join(names)}{text[end:]}"
        yield Good(script, name, "list on one line", None, one_line)
    line = "    rows = scaler.transform(rows)" + MARK
    for label, new in (("rows stay", "    rows = rows"), ("pass", "    pass")):
        yield _good(script, "tabular:train.rows", label, new, (line, new))
    yield _good(script, "tabular:train.rows", "deleted", "", (line + "\n", ""))


def _sums() -> Iterator[Good]:
    """Residual connections and position codes, whose sum becomes its other side."""
    for script, name, line in (
        ("cnn.py", "cnn:Net.forward.x", "        x = x + skip"),
        ("transformer.py", "transformer:Block.forward.x", "        x = x + mixed"),
        ("transformer.py", "transformer:Reader.forward.x", "        x = x + self.position"),
    ):
        for new in ("        x = x", "        pass", "        x = x.clone()", "        x = x.contiguous()"):
            yield _good(script, name, new.strip(), new, (line + MARK, new))
        yield _good(script, name, "deleted", "", (line + MARK + "\n", ""))


def _norms() -> Iterator[Good]:
    """The hinted normalisations: one of them or both."""
    script, name = "transformer.py", "transformer:Block.__init__.norm1"
    first, second = (f"        self.norm{number} = nn.LayerNorm(width)\n" for number in (1, 2))
    start, end = "        #ABLATION_HINT_START\n", "        #ABLATION_HINT_END\n"
    uses = (("normal = self.norm1(x)", "normal = x"), ("self.wide(self.norm2(x))", "self.wide(x)"))
    for form in ("nn.Identity()", "nn.Sequential()", "lambda x: x"):
        new_first, new_second = (f"        self.norm{number} = {form}\n" for number in (1, 2))
        yield _good(script, name, f"both {form}", new_first + new_second, (first, new_first), (second, new_second))
        yield _good(script, name, f"first {form}", new_first + second, (first, new_first))
        yield _good(script, name, f"second {form}", first + new_second, (second, new_second))
    whole = start + first + second + end
    yield _good(script, name, "both deleted", "", (whole, ""), *uses)
    yield _good(script, name, "first deleted", second, (first, ""), uses[0])
    yield _good(script, name, "second deleted", first, (second, ""), uses[1])


def _good(script: str, component: str, label: str, place: str | None, *edits: tuple[str, str]) -> Good:
    return Good(script, component, label, place, swapped(original(script).texts[script], *edits))
