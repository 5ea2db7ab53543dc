"""GGUF files, unpacked into directories in the hub's layout."""

import copy
from pathlib import Path

import torch
import transformers

from benchmarks.models.pretrained import read


def unpack(file: Path, directory: Path) -> None:
    """Write a GGUF file's weights, in float32, and its tokenizer into a directory."""
    settings = {"gguf_file": file.name}
    read(transformers.AutoTokenizer, file.parent, **settings).save_pretrained(directory)
    config = read(transformers.AutoConfig, file.parent, **settings)
    # Each reading of a file takes seconds, and a model that is given its config needs one less.
    given = {"config": copy.deepcopy(config), "dtype": torch.float32}
    quantised = read(transformers.AutoModelForCausalLM, file.parent, **given, **settings)
    # Its weights are plain float32 now, but it still says that it is quantised, and refuses to be saved.
    plain = type(quantised)(config)
    plain.load_state_dict(quantised.state_dict())
    plain.save_pretrained(directory)
