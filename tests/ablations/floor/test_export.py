"""Tables as text and as files."""

import json

from ablations.floor.export import to_csv, to_json, to_latex, to_markdown
from ablations.floor.report_files import WIDE, _shown, _with_options
from ablations.floor.statistics import Estimate
from ablations.floor.table import Column, Scaled, Table

TABLE = Table(
    key="t",
    title="Arms & 5 % of them",
    columns=(
        Column("arm", "Arm"),
        Column("accuracy", "Accuracy", "%", scale=100, digits=1),
        Column("macs", "MACs", "M", scale=1e-6, digits=3),
        Column("runs", "n"),
    ),
    rows=(
        ("llm_a", Estimate(0.9, 0.88, 0.92, 3), 1_234_567, 3),
        ("=cmd()", Estimate(0.5, None, None, 1), None, 1),
        ("c", None, None, 12_000),
    ),
    notes=("read_me",),
)


def test_people_see_scaled_figures_with_half_the_interval() -> None:
    assert TABLE.headings() == ("Arm", "Accuracy (%)", "MACs (M)", "n")
    assert TABLE.shown() == (
        ("llm_a", "90.0 ± 2.0", "1.235", "3"),
        ("=cmd()", "50.0", "–", "1"),
        ("c", "–", "–", "12,000"),
    )


def test_a_csv_holds_base_units_and_empty_fields() -> None:
    assert to_csv(TABLE) == (
        "arm,accuracy,accuracy_low,accuracy_high,accuracy_n,macs,runs\n"
        "llm_a,0.9,0.88,0.92,3,1234567,3\n"
        "'=cmd(),0.5,,,1,,1\n"
        "c,,,,,,12000\n"
    )


def test_json_holds_base_units_and_null() -> None:
    (table,) = json.loads(to_json([TABLE]))["tables"]
    assert table["rows"][0] == {
        "arm": "llm_a",
        "accuracy": {"mean": 0.9, "low": 0.88, "high": 0.92, "n": 3},
        "macs": 1234567,
        "runs": 3,
    }
    assert table["rows"][2] == {"arm": "c", "accuracy": None, "macs": None, "runs": 12000}
    assert table["notes"] == ["read_me"]


def test_latex_is_escaped() -> None:
    latex = to_latex(TABLE)
    assert r"\caption{Arms \& 5 \% of them}" in latex
    assert r"\begin{tabular}{lrrr}" in latex
    assert r"llm\_a & 90.0 $\pm$ 2.0 & 1.235 & 3 \\" in latex
    assert r"c & -- & -- & 12,000 \\" in latex
    assert r"\par\footnotesize read\_me" in latex


def test_columns_can_be_left_out() -> None:
    narrow = TABLE.without("accuracy", "runs")
    assert narrow.headings() == ("Arm", "MACs (M)")
    assert narrow.rows[0] == ("llm_a", 1_234_567)


def test_markdown_has_units_and_obeys_no_name() -> None:
    text = to_markdown(TABLE)
    assert text.startswith("**Arms & 5 % of them**\n\n| Arm | Accuracy (%) | MACs (M) | n |\n|---|---:|---:|---:|\n")
    assert "| llm\\_a | 90.0 ± 2.0 | 1.235 | 3 |" in text
    named = Table("t", "T", (Column("a", "A"),), (("<b>|x|</b>\n[y](z)",),))
    assert to_markdown(named).splitlines()[-1] == r"| \<b\>\|x\|\</b\> \[y\](z) |"


def test_a_number_with_a_unit_of_its_own_is_stored_in_base_units() -> None:
    percent = Column("x", "X", "%", scale=100, digits=1)
    table = Table(
        "t", "T", (Column("d", "D"),), ((Scaled(Estimate(0.5, 0.4, 0.6, 3), percent),), (Scaled(None, percent),))
    )
    assert table.shown() == (("50.0 ± 10.0",), ("–",))
    assert to_csv(table) == "d,d_low,d_high,d_n\n0.5,0.4,0.6,3\n,,,\n"
    assert json.loads(to_json([table]))["tables"][0]["rows"][0]["d"]["mean"] == 0.5


def test_a_name_of_an_option_is_not_broken_and_nothing_else_is_markup() -> None:
    assert _with_options("<b> --no-x, a-b") == "&lt;b&gt; <code>--no-x</code>, a-b"


def test_a_plot_of_several_panels_gets_the_whole_width() -> None:
    for width in (WIDE, WIDE + 1):
        header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + width.to_bytes(4, "big")
        assert _shown("", header)[2] == (width > WIDE)
