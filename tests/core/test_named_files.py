"""What a program's code says of the files that it reads."""

import pytest
from rabench.core.named_files import files_named_in


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A program's folder with files, and a working directory of its own beside it."""
    for name in (
        *("program/net.npy", "program/net-2.npy", "program/net-4.npy", "program/program.npy", "program/odd [1].npy"),
        *("program/trained/deep/net.pt", "program/program.py", "elsewhere/net.pt", "elsewhere/cwd.npy"),
        *(f"program/many/{i}.png" for i in range(40)),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "program"


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("np.load(HERE / 'net.npy')", ["net.npy"]),
        ("net = 'net'", []),
        ("np.load('cwd.npy')", ["../elsewhere/cwd.npy"]),
        ("HERE / 'trained' / 'deep' / 'net.pt'", ["../elsewhere/net.pt", "trained/deep/net.pt"]),
        ("os.path.join(HERE, 'trained/deep/net.pt')", ["trained/deep/net.pt"]),
        ("HERE / f'net-{bits}.npy'", ["net-2.npy", "net-4.npy"]),
        ("f'{HERE}/net-{bits:02}.npy'", ["net-2.npy", "net-4.npy"]),
        ("HERE.glob('net-*.npy')", ["net-2.npy", "net-4.npy"]),
        ("Path(__file__).with_suffix('.npy')", ["program.npy"]),
        ("'odd [1].npy'", ["odd [1].npy"]),
        ("f'{HERE}/many/{i}.png'", []),
        ("'program.py'", []),
        ("'/', '..', '.', '*', '**', f'{a}{b}', '', 'a' * 300, 'nul \\0', '\\n'", []),
        ("'" + "é" * 300 + "'", []),
        ("def f(:", []),
    ],
)
def test_files_that_code_names_are_found(folder, code, files):
    named = files_named_in(code.encode(), folder / "program.py")
    assert named == sorted((folder / name).resolve() for name in files)


def test_a_file_by_its_whole_path_is_found(folder):
    code = f"open({str(folder / 'net.npy')!r}), open(f'{folder}/net-{{bits}}.npy')"
    named = files_named_in(code.encode(), folder.parent / "other" / "program.py")
    assert [path.name for path in named] == ["net-2.npy", "net-4.npy", "net.npy"]
