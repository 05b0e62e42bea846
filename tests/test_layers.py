"""Imports point downwards: core knows nobody, a plug-in knows core and its own family, bench knows all."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FAMILIES = ("classifiers", "codecs", "datasets", "quantizers")
ALLOWED = {"core": {"core"}, **{family: {"core", family} for family in FAMILIES}}
CODE = sorted(p for d in (*ALLOWED, "bench") for p in (ROOT / d).rglob("*.py"))


def imports(path):
    """The modules of this project that a file imports, as dotted names below the root."""
    here = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield ".".join([*here[: len(here) - node.level + 1], *(node.module or "").split(".")]).strip(".")
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
            assert "codecs" not in names, f"{path} imports the standard library's codecs"
            assert not {"pickle", "marshal", "shelve"} & set(names), f"{path} unpickles"


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downwards(path):
    name = str(path.relative_to(ROOT))
    allowed = ALLOWED.get(name.split("/")[0])
    for module in imports(path):
        assert allowed is None or any(module == a or module.startswith(a + ".") for a in allowed), (
            f"{name} imports {module}"
        )


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_shell_no_silent_except_and_no_exit_outside_the_command_line(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            assert not [k for k in node.keywords if k.arg == "shell"], f"{path}:{node.lineno} uses a shell"
            called = ast.unparse(node.func)
            assert path.name in ("cli.py", "console.py") or called not in ("sys.exit", "exit", "print"), (
                f"{path}:{node.lineno}: {called}"
            )
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{path}:{node.lineno} catches everything"
