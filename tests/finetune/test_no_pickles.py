"""Nothing that can run code is loaded: neither by our modules nor from an adapter's folder."""

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatbot.adapter_files import PEFT_CONFIG, PEFT_WEIGHTS
from chatbot.errors import AdapterError
from finetune.errors import ExportError
from finetune.export import read_peft
from finetune.registry import AdapterRegistry
from tests.chatbot.tiny_adapters import PASSED, make_adapter
from tests.conftest import ROOT

PACKAGES = ("chatbot", "knowledge_base", "finetune")
PICKLERS = {
    "pickle",
    "_pickle",
    "cPickle",
    "cloudpickle",
    "dill",
    "joblib",
    "shelve",
    "marshal",
    "jsonpickle",
}
LOADERS = {("torch", "load"), ("torch", "save"), ("pandas", "read_pickle"), ("pd", "read_pickle")}
SWITCHES = {("allow_pickle", True), ("weights_only", False), ("trust_remote_code", True)}


def unsafe(tree: ast.AST) -> Iterator[str]:
    """What in a module reads or writes pickles."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            of = node.module if isinstance(node, ast.ImportFrom) else ""
            names = {alias.name.split(".")[0] for alias in node.names} if not of else {of.split(".")[0]}
            yield from names & PICKLERS
            yield from (f"{of}.{a.name}" for a in node.names if (of, a.name) in LOADERS)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in LOADERS:
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            yield from {str(node.arg)} if (node.arg, node.value.value) in SWITCHES else ()


def test_the_check_knows_what_it_looks_for() -> None:
    bad = "import pickle\nfrom torch import load\nimport torch\ntorch.load(1)\nf(allow_pickle=True)\nimport joblib.x"
    assert sorted(unsafe(ast.parse(bad))) == ["allow_pickle", "joblib", "pickle", "torch.load", "torch.load"]
    assert not list(unsafe(ast.parse("import json\njson.load(f)\nnp.load(f, allow_pickle=False)")))


def test_no_module_reads_or_writes_pickles() -> None:
    modules = [ROOT / "app.py", *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]
    found = {path.as_posix(): list(unsafe(ast.parse(path.read_text("utf-8")))) for path in modules}
    assert len(found) > 100
    assert not {name: what for name, what in found.items() if what}


@pytest.mark.parametrize(
    "name", [f"{PEFT_WEIGHTS[:-12]}.bin", "weights.pt", "weights.pth", "x.pkl", "x.ckpt"]
)
def test_an_adapter_with_pickled_weights_is_not_taken_in(tmp_path: Path, name: str) -> None:
    folder = make_adapter(tmp_path / "shop-1")
    (folder / name).write_bytes(b"\x80\x04\x95pickle")
    manifest = json.loads((folder / "adapter.json").read_text("utf-8"))
    manifest["files"][name] = hashlib.sha256(b"\x80\x04\x95pickle").hexdigest()
    (folder / "adapter.json").write_text(json.dumps(manifest), "utf-8")
    registry = AdapterRegistry(tmp_path / "data", shipped=tmp_path / "shipped")
    with pytest.raises(AdapterError, match="not allowed"):
        registry.register(folder, PASSED)
    assert not registry.list()


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt"])
def test_pickled_weights_are_not_exported(tmp_path: Path, name: str) -> None:
    folder = make_adapter(tmp_path / "shop-1")
    (folder / PEFT_WEIGHTS).rename(folder / name)
    assert (folder / PEFT_CONFIG).is_file()
    with pytest.raises(ExportError, match="no adapter in PEFT's form"):
        read_peft(folder)
