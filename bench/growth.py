"""What each family of questions costs at two data sizes, as a table."""

from report import all_lines, disk_remark, figure, heading, table_head, yes

HEADINGS = (
    "family",
    "entries",
    "at ten times",
    "CPU ms",
    "at ten times",
    "p99 ms",
    "at ten times",
    "errors",
    "ratio",
    "at most",
    "reached",
)


def table(result: dict, name: str) -> str:
    """Return in Markdown what each family costs at two data sizes; the plot is ``name``.svg."""
    small, large = result["sizes"]
    refused = sorted({line["scenario"] for line in all_lines(result) if "unsupported" in line})
    return "\n".join(
        [
            *heading(result),
            f"The same questions, asked by 8 clients of {small['patients']} patients ({small['resources']:,} "
            f"resources) and of {large['patients']} ({large['resources']:,}). **Ratio** is of CPU ms: how much dearer "
            "at ten times the data.",
            "",
            f"![cost against size]({name}.svg)",
            "",
            *table_head(HEADINGS),
            *map(_row, result["growth"]),
            *(f"| {scenario} | not supported yet" + " |" * (len(HEADINGS) - 1) for scenario in refused),
            "",
            *(remark for one in result["sizes"] for remark in (disk_remark(one["disk"]), "")),
        ]
    )


def _row(one: dict) -> str:
    ends = one["small"], one["large"]
    cells = [
        one["scenario"],
        *(figure(end.get("entries_mean")) for end in ends),
        *(f"{end['cpu_ms']:.2f}" for end in ends),
        *(figure(end["p99_ms"]) for end in ends),
        str(sum(end["errors"] for end in ends)),
        f"**{one['ratio']:.2f}**",
        f"{one['limit']:g}",
        yes(one["ratio"] <= one["limit"]),
    ]
    return f"| {' | '.join(cells)} |"
