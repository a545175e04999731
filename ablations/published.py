"""Figures that others published, shown in tables of their own; none of them was measured by us."""

from ablations.floor.table import Column, Table

_COLUMNS = (
    Column("llm", "LLM"),
    Column("revisions", "Revisions", digits=1),
    Column("convergence_time_ratio", "Time against the first", "×", digits=2),
    Column("macs", "MACs", "G", scale=1e-9, digits=2),
    Column("accuracy", "Accuracy", "%", scale=100, digits=2),
)


def llm_selection() -> Table:
    """Return the LLM-selection ablation of AgenticPruner (ICML 2026 supplement): ResNet-50 on ImageNet."""
    return Table(
        key="published_llm_selection",
        title="Published, not measured here: AgenticPruner, ResNet-50 on ImageNet, target 2.06 GMACs",
        columns=_COLUMNS,
        rows=(
            ("Claude 3.5 Sonnet", 3.2, 1.0, 1_810_000_000, 0.7704),
            ("GPT-4", 4.1, 1.26, 1_720_000_000, 0.7612),
            ("Llama-3-70B", 5.6, 1.67, 1_680_000_000, 0.7489),
        ),
        notes=("As published: without intervals, and each of the three accuracies is at different MACs.",),
    )
