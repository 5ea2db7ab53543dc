"""GGUF files, unpacked into directories in the hub's layout."""

import os
import tempfile
from pathlib import Path

import torch
import transformers

from benchmarks.models import files
from benchmarks.models.backbones import read


def unpack(file: Path, target: Path) -> None:
    """Write a GGUF file's weights, in float32, and its tokenizer to the directory ``target``, which is whole or absent.

    Another process that unpacks the same file at the same time may be the one that leaves it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    settings = {"gguf_file": file.name}
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / "made"
        read(transformers.AutoTokenizer, file.parent, **settings).save_pretrained(made)
        quantised = read(transformers.AutoModelForCausalLM, file.parent, dtype=torch.float32, **settings)
        # Its weights are plain float32 now, but it still says that it is quantised, and refuses to be saved.
        plain = type(quantised)(read(transformers.AutoConfig, file.parent, **settings))
        plain.load_state_dict(quantised.state_dict())
        plain.save_pretrained(made)
        files.seal(made, target.name)
        try:
            os.replace(made, target)
        except OSError:
            if not target.is_dir():  # that is, no other process was first
                raise
