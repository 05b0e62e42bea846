"""The tree: imports point downwards, between rooms and between files, and nothing goes round in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {
    "core": 1,
    **dict.fromkeys(("classifiers", "codecs", "datasets", "metrics"), 2),
    "quantizers": 3,  # a search asks a classifier
    "bench/records": 3,
    **dict.fromkeys(("bench/study", "bench/statistics"), 4),
    **dict.fromkeys(("bench/measuring", "bench/reading", "bench/conformance"), 5),
    **dict.fromkeys(("bench/running", "bench/comparing"), 6),
    **dict.fromkeys(("bench/choosing", "bench/timing", "bench/auditing"), 7),
    "bench/figures": 8,
    "bench/trained": 9,
    **dict.fromkeys(("bench/training", "bench/reporting"), 10),
    "bench/commands": 11,
    "bench": 12,
}
"""A room imports from lower floors and from itself; ``bench`` are the files that lie in no room of it."""
ENDING = (
    "bench/commands/cli.py",
    "bench/commands/cli_choosing.py",
    "bench/commands/cli_results.py",
    "bench/commands/cli_records.py",
    "bench/commands/cli_training.py",
    "bench/commands/console.py",
)
"""Files of the command line that end the process; a worker whose parent is gone ends itself in running/executors.py."""


def sources(root):
    """Every file of the package's rooms."""
    tops = {room.split("/")[0] for room in FLOORS}
    return sorted(p for top in tops for p in (root / top).rglob("*.py"))


def room_of(path):
    """The longest room whose folder holds a file or module, given as a path below the root; the package's root is none."""
    parts = path.split("/")
    names = ["/".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((name for name in names if name in FLOORS), "")


def imports(path, root):
    """The files and folders of this package that a file imports, as paths below the root; wherever the import stands."""
    here = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = "/".join([*here[: len(here) - node.level + 1], *(node.module or "").split(".")]).strip("/")
        for alias in node.names:
            yield next((t for t in (f"{base}/{alias.name}.py", f"{base}.py") if (root / t.strip("/")).is_file()), base)


def arrows_upwards(root):
    """Each import of a higher floor, or of another room of the same floor."""
    found = []
    for path in sources(root):
        name = str(path.relative_to(root))
        room = room_of(name)
        for target in imports(path, root):
            other = room_of(target.strip("/"))
            if other != room and (not other or FLOORS[other] >= FLOORS[room]):
                found.append(f"{name} imports {target or 'the package itself'}")
    return found


def circle(graph):
    """The first circle of a graph, as its nodes; none where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def files_graph(root):
    """The files that each file imports; a folder stands for its __init__.py."""
    graph = {}
    for path in sources(root):
        name = str(path.relative_to(root))
        targets = {t if t.endswith(".py") else f"{t}/__init__.py" for t in imports(path, root)}
        graph[name] = targets - {name}
    return graph


def rooms_graph(root):
    """The rooms that each room imports."""
    graph = {}
    for name, targets in files_graph(root).items():
        graph.setdefault(room_of(name), set()).update({room_of(t) for t in targets} - {room_of(name)})
    return graph


def breaches(path, name):
    """What house rules forbid in a file: shells, pickles, silent excepts, printing and exits outside the command line."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        place = f"{name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, (ast.Import, ast.ImportFrom)) and not getattr(node, "level", 0):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
            found += [f"{place} imports {n}" for n in names if n in ("pickle", "marshal", "shelve", "codecs")]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if any(k.arg == "shell" for k in node.keywords) or called in ("os.system", "os.popen"):
                found.append(f"{place} uses a shell")
            ends = called in ("sys.exit", "exit", "quit", "os._exit", "typer.Exit")
            prints = called == "print" or called.endswith(("console.print", "out.print", "err.print"))
            if prints and not name.startswith("bench/commands/"):
                found.append(f"{place}: {called}")
            if ends and name not in (*ENDING, "bench/running/executors.py"):
                found.append(f"{place}: {called}")
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append(f"{place} catches everything")
        elif isinstance(node, ast.ExceptHandler):
            broad = ast.unparse(node.type) in ("Exception", "BaseException")
            if all(isinstance(s, (ast.Pass, ast.Continue) if broad else ast.Pass) for s in node.body):
                found.append(f"{place} is silent about a failure")
    return found


@pytest.mark.slow
def test_imports_point_downwards():
    assert arrows_upwards(ROOT) == []


@pytest.mark.slow
def test_no_rooms_import_one_another():
    assert circle(rooms_graph(ROOT)) == []


@pytest.mark.slow
def test_no_files_import_one_another():
    assert circle(files_graph(ROOT)) == []


def test_bench_holds_nothing_loose():
    apis = {"api.py", "api_deciding.py", "api_records.py", "api_training.py"}
    assert {p.name for p in (ROOT / "bench").glob("*.py")} == {"__init__.py", *apis}


def test_rooms_are_small():
    for room in (r for r in FLOORS if r.startswith("bench/")):
        files = list((ROOT / room).glob("*.py"))
        lines = sum(len(f.read_text().splitlines()) for f in files)
        assert len(files) <= 12 and lines <= 1800, f"{room} holds {len(files)} files of {lines} lines"


@pytest.mark.slow
def test_functions_are_short():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}, {node.end_lineno - node.lineno + 1} lines"
        for path in sources(ROOT)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 50
    ]
    assert long == []


@pytest.mark.parametrize("path", sources(ROOT), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_shell_no_silent_except_and_no_exit_outside_the_command_line(path):
    assert breaches(path, str(path.relative_to(ROOT))) == []


@pytest.mark.parametrize(
    ("file", "text", "seen"),
    [
        ("core/a.py", "from ..bench.study import b", "core/a.py imports bench/study"),
        ("codecs/a.py", "from ..datasets import b", "codecs/a.py imports datasets"),
        ("bench/reading/a.py", "def f():\n    from ..running import b", "bench/reading/a.py imports bench/running"),
        ("core/a.py", "from .. import thing", "core/a.py imports the package itself"),
    ],
)
def test_an_arrow_upwards_is_found(tmp_path, file, text, seen):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    assert arrows_upwards(tmp_path) == [seen]


def test_a_circle_is_found_of_files_and_of_rooms(tmp_path):
    for name, text in {
        "core/a.py": "from .b import x",
        "core/b.py": "def f():\n    from . import a",
        "codecs/c.py": "from ..quantizers import d",
        "quantizers/d.py": "from ..codecs import c",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = circle(files_graph(tmp_path))
    assert set(found) in ({"core/a.py", "core/b.py"}, {"codecs/c.py", "quantizers/d.py"})
    assert set(circle(rooms_graph(tmp_path))) == {"codecs", "quantizers"}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import os\nos._exit(1)",
        "console.print('hello')",
        "print('hello')",
        "try:\n    f()\nexcept:\n    g()",
        "try:\n    f()\nexcept Exception:\n    pass",
    ],
)
def test_a_breach_of_the_house_rules_is_found(tmp_path, text):
    (tmp_path / "a.py").write_text(text)
    assert len(breaches(tmp_path / "a.py", "bench/study/a.py")) == 1
