"""A gated model, from a real small HTTP server that answers as the hub does."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest

from benchmarks.errors import SuiteError
from benchmarks.models import backbones


class _Gate(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("X-Error-Code", "GatedRepo")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(machine: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Gate)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    yield address
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_gated_model_says_what_to_do(hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub._snapshot_download, "HF_HUB_CACHE", str(tmp_path), raising=False)
    with pytest.raises(SuiteError, match="meta-llama/Llama-2-7b-hf is gated") as raised:
        backbones.locate("meta-llama/Llama-2-7b-hf", tmp_path)
    assert "hf auth login" in str(raised.value)
    assert "\n" not in str(raised.value)
