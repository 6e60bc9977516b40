"""Every link and every path of this project that a page, a comment or a message names leads to what exists."""

import re
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGES = {path.stem for path in (ROOT / "workflow" / "rules").glob("*.smk")} - {"common"}
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "config" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
SOURCES = sorted(
    path
    for folder in ("src", "workflow", "config", "tests", "benchmarks", "tools", "envs", "resources")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".smk", ".yaml", ".rst", ".def", ".sh"}
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
NAMED = re.compile(
    r"(?<![\w/.{}<>*-])(?:docs|src|tests|benchmarks|workflow|config|tools|envs|profiles)/[\w./-]*\w(?![\w/]*[{*])"
)
MADE = {"envs/main.sif"}
"""Paths that a command makes, so that a fresh checkout does not have them."""


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, in the form that GitHub gives them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def name_of(path: Path) -> str:
    """A path as the project names it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    """Also those to a heading in the same page."""
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken, f"{name_of(page)} links to {', '.join(broken)}, which lead nowhere"


@pytest.mark.parametrize("file", [*PAGES, ROOT / "Snakefile", ROOT / "Makefile", *SOURCES], ids=name_of)
def test_paths_that_are_named_are_there(file: Path) -> None:
    """In prose, code blocks, comments, docstrings and messages alike."""
    named = NAMED.findall(file.read_text(encoding="utf-8"))
    if file.is_relative_to(ROOT / "tests"):  # which make trees of their own under such names
        named = [path for path in named if path.startswith("docs/")]
    missing = sorted({path for path in named if path not in MADE and not (ROOT / path).exists()})
    assert not missing, f"{name_of(file)} names {', '.join(missing)}, which this project does not have"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_modules_that_are_named_are_there(page: Path) -> None:
    """A dotted name is a module of ours, or a name that its module defines."""
    missing = []
    for name in sorted(set(re.findall(r"`(abaw(?:\.\w+)+)`", page.read_text(encoding="utf-8")))):
        place = ROOT / "src" / name.replace(".", "/")
        owners = [place.parent.with_suffix(".py"), place.parent / "__init__.py"]
        defined = any(owner.exists() and place.name in owner.read_text(encoding="utf-8") for owner in owners)
        if not (place.is_dir() or place.with_suffix(".py").exists() or defined):
            missing.append(name)
    assert not missing, f"{name_of(page)} names {', '.join(missing)}, which this project does not have"


def test_every_stage_has_its_page() -> None:
    """So that a rule's name leads to what is written about it; the overview links all of them."""
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert pages >= STAGES, f"no page in docs is named {', '.join(sorted(STAGES - pages))}"
    assert rows_of_overview().keys() >= STAGES, (
        f"docs/overview.md lacks {', '.join(STAGES - rows_of_overview().keys())}"
    )


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_every_rule_is_listed_with_its_stage(stage: str) -> None:
    """The overview's row of a stage has the rules of its .smk file and no others; `plot_*` stands for several."""
    rules = re.findall(
        r"^ *rule (\w+):", (ROOT / "workflow" / "rules" / f"{stage}.smk").read_text(encoding="utf-8"), re.MULTILINE
    )
    listed = re.findall(r"`([a-z_*]+)`", rows_of_overview()[stage])
    unlisted = [rule for rule in rules if not any(fnmatch(rule, name) for name in listed)]
    assert not unlisted, f"docs/overview.md lists no {', '.join(unlisted)} for the stage {stage}"
    unknown = [name for name in listed if not any(fnmatch(rule, name) for rule in rules)]
    assert not unknown, (
        f"docs/overview.md lists {', '.join(unknown)} for the stage {stage}, whose rules are {', '.join(rules)}"
    )


@cache
def rows_of_overview() -> dict[str, str]:
    """The rules of each stage, as the overview's first table lists them."""
    text = (ROOT / "docs" / "overview.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| ([^|]*) \|", text, re.MULTILINE))
