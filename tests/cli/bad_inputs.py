"""Bad inputs by their kinds: each is a command line, with files made for it, and what its error must tell.

A case is `line` or `(line, words)`. `{name}` stands for a file of `FILES`, made in a folder of the test session.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

Case = str | tuple[str, str]

DEEP_JSON = "[" * 100_000 + "]" * 100_000
BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))])
FILES: Mapping[str, bytes] = {
    "deep.yaml": b"a: " + b"[" * 50_000 + b"]" * 50_000,
    "deeper.yaml": b"".join(b" " * n + b"a:\n" for n in range(1500)),
    "bomb.yaml": BOMB.encode(),
    "alias.yaml": b"model: &m resnet18_quarter\nbase: *m\n",
    "int.yaml": b"trials: !!int x\n",
    "float.yaml": b"lr: !!float x\n",
    "bool.yaml": b"mlflow: !!bool maybe\n",
    "time.yaml": b"seed: !!timestamp x\n",
    "binary_tag.yaml": b"model: !!binary '*'\n",
    "object.yaml": b"model: !!python/object/apply:os.system ['true']\n",
    "set.yaml": b"!!set {a, b}\n",
    "tabs.yaml": b"model:\n\t- x\n",
    "unclosed.yaml": b"criteria: [l2, taylor\n",
    "quote.yaml": b"model: 'resnet\n",
    "colon.yaml": b"model: a: b\n",
    "two.yaml": b"--- \nmodel: x\n---\nmodel: y\n",
    "twice.yaml": b"trials: 3\ntrials: 4\n",
    "list.yaml": b"- model\n- base\n",
    "text.yaml": b"just some words\n",
    "number.yaml": b"42\n",
    "bytes.yaml": bytes(range(256)),
    "latin.yaml": "model: café\n".encode("latin-1"),
    "utf16.yaml": "model: x\n".encode("utf-16"),
    "null.yaml": b'runs: "a\\0b"\n',
    "control.yaml": b"model: \x07\n",
    "escape.yaml": b'model: "\\e[2J\\e[31mred"\n',
    "large.yaml": b"#" * (2**20 + 1),
    "nokey.yaml": b"? [a, b]\n: c\n",
    "numbers.yaml": b"1: 2\n",
    "unknown.yaml": b"modle: x\n",
    "nested.yaml": b"model:\n  name: x\n",
    "criteria.yaml": b"criteria: []\n",
    "criteria_null.yaml": b"criteria: [null]\n",
    "criteria_map.yaml": b"criteria: {l2: 1}\n",
    "trials.yaml": b"trials: many\n",
    "inf.yaml": b"lr: .inf\n",
    "nan.yaml": b"eta: .nan\n",
    "huge.yaml": b"target_macs: 1e308G\n",
    "infinite.yaml": b"target_macs: .inf\n",
    "negative.yaml": b"trials: -1\n",
    "band.yaml": b"band: [1]\n",
    "band_text.yaml": b"band: wide\n",
    "band_nan.yaml": b"band: [.nan, .nan]\n",
    "variable.yaml": b"runs: ${NO_SUCH_VARIABLE}/runs\n",
    "home.yaml": b"data_path: ~nobody-by-that-name/data\n",
    "runs.yaml": b"runs: 5\nmodel: no_such_model\n",
    "llm.yaml": b"llm: 5\n",
    "long.yaml": b"model: " + b"x" * 5000 + b"\n",
    "empty.json": b"",
    "null.json": b"null",
    "list.json": b"[]",
    "text.json": b"hello",
    "deep.json": DEEP_JSON.encode(),
    "bytes.json": bytes(range(256)),
    "fields.json": b'{"no": "such field"}',
    "cut.json": b'{"as_of": "2026-11-0',
    "nan.json": b'{"as_of": "2026-11-06", "models": {"m": {"input_per_million": NaN, "output_per_million": 1}}}',
    "inf.json": b'{"as_of": "2026-11-06", "models": {"m": {"input_per_million": 1e999, "output_per_million": 1}}}',
    "negative.json": b'{"as_of": "2026-11-06", "models": {"m": {"input_per_million": -1, "output_per_million": 1}}}',
    "day.json": b'{"as_of": "yesterday", "models": {}}',
    "model.json": b'{"model": "gpt-4"}',
    "wire.json": b'{"wire": "carrier pigeon"}',
    "fault.json": b'{"calls": [{"fault": "no_such_fault"}]}',
    "latency.json": b'{"latency_s": -1}',
    "image.pth": b"\x89PNG\r\n\x1a\n",
    "empty.pth": b"",
    "text.safetensors": b"hello",
    "huge.safetensors": b"\xff" * 8 + b"{}",
    "empty.safetensors": b"",
}
LONG = "x" * 300
YAML = [name for name in FILES if name.endswith(".yaml")]
PRICE_FILES = ["empty", "null", "list", "text", "deep", "bytes", "fields", "cut", "nan", "inf", "negative", "day"]
SCRIPTS = ["empty", "null", "list", "text", "deep", "bytes", "fields", "cut", "model", "wire", "fault", "latency"]
WEIGHTS = ["image.pth", "empty.pth", "text.safetensors", "huge.safetensors", "empty.safetensors"]
INTEGERS = ("trials", "workers", "window", "epochs", "batch-size", "finetune-workers", "max-revisions", "llm-per-call")
FLOATS = ("lr", "eta", "trial-timeout", "cpus-per-trial")
URLS = (
    "http://h:99999/v1",
    "http://h:x/v1",
    "http://[::1/v1",
    "ftp://h/v1",
    "http://",
    "file:///etc/passwd",
    "http://h:0",
)

KINDS: Mapping[str, Sequence[Case]] = {
    "a YAML file": [f"--config {{{name}}}" for name in YAML],
    "a YAML file of a study": [f"ablate llm --llms gpt-4 --config {{{name}}}" for name in YAML[:24]],
    "a whole number": [f"--{name}={value}" for name, value in product(INTEGERS, ("0", "-1", "1.5", "many", "", "1e3"))],
    "a number": [f"--{name}={value}" for name, value in product(FLOATS, ("inf", "nan", "-1", "x", "1e999"))],
    "a target": [
        (f"--target-macs={value}", "MACs")
        for value in ("1e308G", "1e308", "1e308%", "inf", "nan", "-1", "0", "", "lots", "2.06T", "1e-400", "9" * 400)
    ],
    "a band": [f"--band={value}" for value in ("", ",", "1", "a,b", "1,2,3", "nan,nan", "inf,inf", "1%,-1%", "2%,3%")],
    "a price file": [f"--llm vllm:m@http://127.0.0.1:9/v1 --prices {{{name}.json}}" for name in PRICE_FILES],
    "a script": [f"--llm scripted:{{{name}.json}}" for name in SCRIPTS],
    "weights": [
        *(f"evaluate --model resnet18_quarter --checkpoint {{{name}}}" for name in WEIGHTS),
        *(f"export --model resnet18_quarter --checkpoint {{{name}}}" for name in WEIGHTS),
        *(f"latency --model resnet18_quarter --checkpoint {{{name}}}" for name in WEIGHTS),
    ],
    "a checkpoint folder": [
        f"{verb} --checkpoint {place}"
        for verb, place in product(
            ("evaluate", "finetune", "export", "latency", "profile"), ("nowhere", "{folder}", "/dev/null", LONG)
        )
    ],
    "a path": [
        *(f"--runs {place}" for place in ("{text.json}", "{text.json}/in", "/dev/null/runs", "/proc/runs", LONG)),
        *(f"--runs=~nobody-by-that-name{end}" for end in ("", "/runs")),
        *(f"--{name}=${{{{NO_SUCH_VARIABLE}}}}/x" for name in ("runs", "data-path", "prices", "config")),
        *(f"--config {place}" for place in ("{folder}", "/dev/null/x", LONG, "/dev/zero")),
        *(f"--llm scripted:{place}" for place in ("{folder}", "/dev/null/x", LONG, "nowhere")),
        *(f"--prices {place} --llm vllm:m@http://127.0.0.1:9/v1" for place in ("{folder}", "/dev/null/x", LONG)),
        *(f"--dataset imagefolder --data-path {place}" for place in ("{text.json}", "{folder}", LONG, "/dev/null/x")),
        (r"evaluate --checkpoint a\[/b]", r"a\[/b]"),
        ("--config a[/b]", "a[/b]"),
        ("--config a[bold]b", "a[bold]b"),
    ],
    "an address": [
        *(f"--llm vllm:m@{url}" for url in URLS),
        *(f"--tracking-uri {uri}" for uri in ("ftp://h", "gopher://h/x", "sqlit:///x.db")),
        *(
            f"--ray-address {address}"
            for address in ("http://h:8265", "ray://h:1", "h", "h:0", "127.0.0.1:99999", "127.0.0.1:9")
        ),
        *(f"finetune --checkpoint {{folder}} --ray-address {address}" for address in ("http://h", "h:x")),
        *(f"doctor --ray-address {address}" for address in ("http://h:8265", "ray://h:1", "h", "h:0")),
    ],
    "a name": [
        *(
            f"--{option} {value}"
            for option, value in product(("dataset", "proposer", "criteria"), ("x", "rulez", LONG))
        ),
        *(f"--switch-to {value}" for value in ("x", "llm", "rules")),
        *(f"--model {value}" for value in ("x", "x:y", ":", "os:system", "json:loads", "no.such:f", "[/]")),
        *(f"--optimizer {value}" for value in ("adam", "SGDD")),
        *(f"--executor {value}" for value in ("dask", "Ray")),
        *(f"--llm {value}" for value in ("x", "claude", ":", "ollama:", "vllm:m", "replay:", "replay:x", "scripted:")),
    ],
    "a run": [
        *(f"resume {name}" for name in ("nothing", "latest", "..", "{folder}", "/dev/null", LONG, "[/]")),
        *(f"sync {name}" for name in ("nothing", "latest", "{folder}", "/dev/null", LONG)),
        "resume --add-trials=-1",
        "resume --add-trials=x",
    ],
    "a contradiction": [
        "--llm gpt-4 --proposer rules",
        "--proposer llm",
        "--no-projection --round-to 2",
        "--no-mlflow --tracking-uri sqlite:///x.db",
        "--executor local --workers 2",
        "--executor local --finetune-workers 2",
        "--executor local --ray-address auto",
        "--switch-to rules",
        "--dataset digits --data-path .",
        "export --checkpoint {text.json}",
        ("latency --checkpoint nowhere --threads 1000000", "--threads"),
        ("latency --checkpoint nowhere --threads 0", "--threads"),
        ("latency --checkpoint nowhere --threads x", "--threads"),
        ("latency --checkpoint nowhere --batch-size=-1", "--batch-size"),
        ("latency --checkpoint nowhere --device tpu", "--device"),
        ("latency --checkpoint nowhere --memory-format x", "--memory-format"),
        "export --checkpoint nowhere --format docx",
    ],
    "a command line": [
        "searhc",
        "ablate llms",
        "ablate llm",
        "evaluate",
        "export",
        "latency",
        "finetune",
        "profile --model",
        "--no-such-option",
        "--trials",
        "--trials 1 2",
        "resume a b",
        "compare --no-such-option",
        "doctor --no-such-option",
        "profile --input-size 0",
        "profile --num-classes x",
        "evaluate --checkpoint x --batch-size 0",
        "ablate llm --llms gpt-4 --seeds 0",
        "ablate llm --llms , --seeds 1",
        "ablate llm --llms scripted:nowhere.json",
    ],
}


def make_files(folder: Path) -> dict[str, str]:
    """Write the files, and return what stands for each in a command line."""
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    return {name: str(folder / name) for name in (*FILES, "folder")}


def cases() -> list[tuple[str, str, str]]:
    """All cases: kind, line, and words of the error; each line once."""
    made = [(kind, *((case, "") if isinstance(case, str) else case)) for kind, of in KINDS.items() for case in of]
    return list({line: (kind, line, words) for kind, line, words in made}.values())


def spell(line: str, files: Mapping[str, str]) -> list[str]:
    """The arguments of a line."""
    for name, place in files.items():
        line = line.replace("{" + name + "}", place)
    return line.replace("{{", "{").replace("}}", "}").split(" ")


def summary() -> str:
    """How many cases there are of each kind, as JSON."""
    counts: dict[str, int] = {}
    for kind, _, _ in cases():
        counts[kind] = counts.get(kind, 0) + 1
    return json.dumps(counts, indent=2)
