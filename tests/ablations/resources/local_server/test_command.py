"""The server's command line, as far as it is refused."""

import socket
from contextlib import closing

import pytest

from ablations.resources.local_server.__main__ import main


def test_a_port_that_is_taken_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert said == f"It cannot listen on 127.0.0.1 port {port}: Address already in use. Try --port 0.\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "99999"], "'99999' is no port; ports are 0 (a free one) to 65535"),
        (["--port", "x"], "'x' is no port"),
        (["--parallel", "0"], "'0' is no number from 1 on"),
        (["--threads", "-1"], "'-1' is no number from 1 on"),
        (["--weights", "mine"], "choose from"),
    ],
)
def test_a_bad_option_is_quoted(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
