"""What several GPUs gain: the tables of the document are those of the script."""

import pytest

from benchmarks.scaling import H100, LINKS, RTX_4090, exposed_seconds, growing, ring_seconds, sizes, splitting
from tests.helpers import ROOT


def test_the_document_has_the_tables_of_the_script() -> None:
    document = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    tables = [sizes(H100, LINKS[0]), sizes(RTX_4090, LINKS[1]), splitting(H100)]
    tables += [growing(H100, link) for link in LINKS]
    assert [table for table in tables if table not in document] == []


def test_a_ring_passes_each_byte_twice_but_for_the_own_part() -> None:
    link = LINKS[3]
    assert ring_seconds(link.bandwidth, 4, link) == pytest.approx(2 * 3 / 4 + 6 * link.latency)
    assert ring_seconds(link.bandwidth, 1, link) == 0


def test_what_the_backward_pass_hides_is_all_but_the_last_bucket() -> None:
    link, n_bytes = LINKS[3], 10**9
    whole = ring_seconds(n_bytes, 2, link)
    assert exposed_seconds(n_bytes, 2, link, overlap=0.25 * whole) == pytest.approx(0.75 * whole)
    assert 0 < exposed_seconds(n_bytes, 2, link, overlap=2 * whole) < 0.05 * whole
