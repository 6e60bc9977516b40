"""Draw the rules of the embedded default into docs/overview.md, as a Mermaid chart.

    python tools/rulegraph.py            write it
    python tools/rulegraph.py --check    fail if what is there differs

An arrow goes from a rule to one that reads what it writes; arrows that others imply are left out.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "overview.md"
BLOCK = re.compile(r"(?<=<!-- rulegraph -->\n).*?(?=\n<!-- end of rulegraph -->)", re.DOTALL)


def arrows() -> set[tuple[str, str]]:
    """Pairs of rules, the second of which reads what the first writes, as Snakemake plans them from nothing."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "mermaid-js", "--forceall"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = dict(re.findall(r"^\s*(id\d+)\[(\w+)\]$", said, re.MULTILINE))
    pairs = re.findall(r"^\s*(id\d+) --> (id\d+)$", said, re.MULTILINE)
    return {(names[first], names[second]) for first, second in pairs if names[second] != "all"}


def reduced(pairs: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs that no longer way leads between, sorted."""
    nexts: dict[str, set[str]] = {}
    for first, second in pairs:
        nexts.setdefault(first, set()).add(second)
    after: dict[str, set[str]] = {}

    def reached(name: str) -> set[str]:
        if name not in after:
            after[name] = set().union(*({other} | reached(other) for other in nexts.get(name, ())))
        return after[name]

    return sorted(
        (first, second)
        for first, second in pairs
        if not any(second in reached(other) for other in nexts[first] - {second})
    )


def main() -> None:
    """Write the chart, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if the chart differs")
    check = parser.parse_args().check
    lines = ["```mermaid", "flowchart TB", *(f"    {first} --> {second}" for first, second in reduced(arrows())), "```"]
    page = PAGE.read_text(encoding="utf-8")
    drawn = BLOCK.sub("\n".join(lines), page)
    if drawn == page:
        print("nothing differs")
    elif check:
        sys.exit("docs/overview.md: its chart of the rules is old; python tools/rulegraph.py draws it anew")
    else:
        PAGE.write_text(drawn, encoding="utf-8")
        print("written: docs/overview.md")


if __name__ == "__main__":
    main()
