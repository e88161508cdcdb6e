"""The layout and the one-way imports of the design."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "knowledge_base": {"chatbot", "finetune", "app"},
    "chatbot": {"finetune", "app"},
    "finetune": {"app"},
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_one_way(package: str) -> None:
    wrong = {str(p.relative_to(ROOT)): imported(p) & FORBIDDEN[package] for p in modules(package)}
    assert not {path: names for path, names in wrong.items() if names}


def test_gradio_is_imported_only_by_the_pages() -> None:
    every = [p for package in FORBIDDEN for p in modules(package)]
    users = [p.relative_to(ROOT).as_posix() for p in every if "gradio" in imported(p)]
    assert users
    assert all(user.startswith(("chatbot/web/ui/", "finetune/web/")) for user in users)


def test_chromadb_is_imported_only_by_the_index() -> None:
    users = {p.name for package in FORBIDDEN for p in modules(package) if "chromadb" in imported(p)}
    assert users <= {"index.py"}


@pytest.mark.parametrize("package", ["chatbot", "knowledge_base"])
def test_torch_is_never_imported_with_a_module(package: str) -> None:
    heavy = {"torch", "transformers", "sentence_transformers"}
    assert not {p.name for p in modules(package) if imported(p, top_level_only=True) & heavy}


def test_importing_the_command_line_loads_nothing_heavy_and_makes_no_folder(tmp_path: Path) -> None:
    code = "import sys, app; print([m for m in ('torch', 'gradio', 'chromadb', 'xllamacpp') if m in sys.modules])"
    environment = {"FRONTDESK_DATA_DIR": str(tmp_path / "data"), "PATH": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "[]", done.stderr
    assert not (tmp_path / "data").exists()


def test_modules_stay_small() -> None:
    long = {p.name: n for k in FORBIDDEN for p in modules(k) if (n := p.read_text().count("\n")) > 600}
    assert not long
