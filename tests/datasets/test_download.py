"""Downloads, from a server of the test's own: whole and checked, or a clear line."""

import hashlib

import numpy as np
import pytest
from rabench.core.errors import Unavailable
from rabench.datasets import download
from rabench.datasets.download import Archive, fetch

CONTENT = np.random.default_rng(0).bytes(3_000_000)


def test_a_file_is_fetched_once_and_checked(site, tmp_path):
    archive = site.archive("a.bin", CONTENT)
    assert fetch(archive, tmp_path / "new").read_bytes() == CONTENT
    assert fetch(archive, tmp_path / "new").read_bytes() == CONTENT
    assert site.ranges_asked == [None]
    assert sorted(f.name for f in (tmp_path / "new").iterdir()) == ["a.bin"]


def test_an_interrupted_download_goes_on_where_it_stopped(site, tmp_path):
    archive = site.archive("a.bin", CONTENT)
    site.cut = 1_300_000
    with pytest.raises(Unavailable, match=r"run again to go on from there"):
        fetch(archive, tmp_path)
    length = (tmp_path / "a.bin.part").stat().st_size
    assert 0 < length < len(CONTENT)
    site.cut = None
    assert fetch(archive, tmp_path).read_bytes() == CONTENT
    assert site.ranges_asked == [None, f"bytes={length}-"]
    assert not (tmp_path / "a.bin.part").exists()


def test_a_site_without_ranges_is_read_from_the_beginning(site, tmp_path):
    archive = site.archive("a.bin", CONTENT)
    (tmp_path / "a.bin.part").write_bytes(b"begun")
    site.ranges = False
    assert fetch(archive, tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_is_deleted_and_said_so(site, tmp_path):
    archive = site.archive("a.bin", CONTENT[:1000])
    with pytest.raises(
        Unavailable, match=r"wrong checksum and was deleted; try again, or download it yourself and put it at"
    ):
        fetch(Archive(archive.url, hashlib.md5(CONTENT).hexdigest()), tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_truncated_file_put_there_by_hand_is_deleted_and_said_so(tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT[:-5])
    with pytest.raises(Unavailable, match=r"a\.bin had the wrong checksum and was deleted"):
        fetch(Archive("http://127.0.0.1:9/a.bin", hashlib.md5(CONTENT).hexdigest()), tmp_path)
    assert not (tmp_path / "a.bin").exists()


def test_offline_the_error_says_which_file_to_put_where(home):
    nowhere = Archive("http://127.0.0.1:9/cifar-10-binary.tar.gz", "0" * 32)
    with pytest.raises(Unavailable) as caught:
        fetch(nowhere, home / "cifar10")
    assert str(home / "cifar10" / "cifar-10-binary.tar.gz") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_page_is_said(site, tmp_path):
    with pytest.raises(Unavailable, match="404"):
        fetch(Archive(f"{site.address}/nothing.bin", "0" * 32), tmp_path / "new")


def test_the_platforms_cache_is_the_default_home(monkeypatch):
    monkeypatch.delenv("RABENCH_DATA")
    assert download.data_root().name == "rabench"
