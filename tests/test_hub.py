"""Models by name: one question to the network, and no more where it does not answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import free_port

from qa import hub
from qa.encoder import SentenceTransformerEncoder
from qa.errors import ModelError
from qa.reranker import CrossEncoderReranker


class Sender(BaseHTTPRequestHandler):
    """Answers every question with the same code, and notes it."""

    asked: list[str]
    code: int

    def do_HEAD(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.code)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Sender]]:
    """A place that sends models, on this machine; it has none."""
    made = type("Made", (Sender,), {"asked": [], "code": 404})
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        _use(monkeypatch, server.server_address[1])
        yield made
        server.shutdown()


def _use(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("code", [200, 404, 500])
def test_whatever_it_answers_it_is_there(code: int, sender: type[Sender]) -> None:
    """Then the library fetches the model as it always does."""
    sender.code = code
    assert not hub.only_local("some/model")
    assert sender.asked == ["/"]


def test_a_folder_asks_no_network(sender: type[Sender], tmp_path: Path) -> None:
    """A path is a path."""
    assert not hub.only_local(str(tmp_path))
    assert sender.asked == []


def test_no_network_is_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there; nor does anybody answer here; nor may anybody be asked."""
    _use(monkeypatch, free_port())
    assert hub.only_local("some/model")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        _use(monkeypatch, silent.getsockname()[1])
        monkeypatch.setattr(hub, "_PATIENCE", 0.2)
        assert hub.only_local("some/model")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert hub.only_local("some/model")


@pytest.mark.parametrize("load", [SentenceTransformerEncoder, CrossEncoderReranker])
def test_a_name_without_a_network_is_not_asked_for_again_and_again(
    load: type, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """One message, which ends its sentences, and not a word of trying again."""
    _use(monkeypatch, free_port())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"^The \w+ 'some/model' cannot be loaded: .*[^.]\. Give the path"):
        load("some/model")
    assert "Retrying" not in caplog.text


@pytest.mark.parametrize(("raised", "said"), [
    (OSError("No such model.\nSee the manual."), "No such model."),
    (OSError("Not found: "), "Not found."),
    (ValueError("a colon in the middle: fine"), "a colon in the middle: fine."),
    (KeyError(), "KeyError."),
])  # fmt: skip
def test_a_reason_is_a_sentence(raised: Exception, said: str) -> None:
    """The first line, with one full stop."""
    assert hub.reason(raised) == said
