"""What the tests of all studies share."""

import pytest

from ablations.floor import report_files


@pytest.fixture(autouse=True)
def no_pdf(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no PDF, which takes longer than the rest of a small report; tests marked `pdf` write it."""
    if request.node.get_closest_marker("pdf") is None:
        monkeypatch.setattr(report_files, "write_pdf", lambda *_: None)
