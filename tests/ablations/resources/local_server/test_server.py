"""What the server says where its models cannot be made."""

import json
import threading
import urllib.error
import urllib.request

import pytest

from ablations.heads.errors import TextError
from ablations.heads.language_model import LanguageModel
from ablations.resources.local_server.server import LocalServer
from ablations.resources.local_server.shelf import Shelf, Weights


class Empty(Shelf):
    """A shelf on a machine without the sources to train on."""

    def load(self, name: str) -> LanguageModel:
        raise TextError("there are no sources to learn from")


def test_a_model_that_cannot_be_trained_is_said_so_and_the_next_call_does_not_wait_for_it() -> None:
    body = json.dumps({"model": "small", "prompt": "x"}).encode()
    with LocalServer(Empty(Weights.TRAINED), "127.0.0.1", 0, parallel=1) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError) as raised:
                urllib.request.urlopen(f"{server.url}/api/generate", body)  # noqa: S310
            assert raised.value.code == 500
            assert json.loads(raised.value.read()) == {"error": "there are no sources to learn from"}
        server.shutdown()
        thread.join()
