"""The first module of the default encoder: tokenises, looks up words in a mapped table, and runs the 8-bit graph.

It stands in ``modules.json`` where a plain sentence-transformers folder has its ``Transformer``; pooling and
normalisation follow as usual.  Each text is run by itself, so its rows do not depend on the texts beside it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from sentence_transformers.base.modules.input_module import InputModule
from transformers import PreTrainedTokenizerFast

from kcz_match.matching.encoder_source import unpack

GRAPH = "model.onnx"
WORDS = "words.npy"
POSITIONS = "positions.npy"
RARITY = "rarity.npy"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


class OnnxTransformer(InputModule):
    """Token vectors from the files of one folder.

    Texts of one batch are shared among as many threads as torch may use; one text runs on one thread.  The word table
    (4-bit blocks) is mapped, not read: the processes of a machine share its pages, and unused words cost nothing.
    """

    config_file_name = "sentence_bert_config.json"
    config_keys = ["max_seq_length"]

    def __init__(self, folder: str | Path, max_seq_length: int = 512) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.max_seq_length = max_seq_length
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder))
        self.words = np.load(self.folder / WORDS, mmap_mode="r")
        self.positions = np.load(self.folder / POSITIONS)
        self.rarity = np.load(self.folder / RARITY, mmap_mode="r")
        self.session = _session(self.folder / GRAPH)

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> OnnxTransformer:
        """Return the module of a local folder."""
        folder = Path(model_name_or_path) / subfolder
        return cls(folder, cls.load_config(str(folder), local_files_only=True)["max_seq_length"])

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Copy the module's files into the folder ``output_path``."""
        for name in (GRAPH, WORDS, POSITIONS, RARITY, *TOKENIZER):
            shutil.copyfile(self.folder / name, Path(output_path) / name)
        self.save_config(output_path)

    def get_embedding_dimension(self) -> int:
        """Length of one token vector."""
        return int(self.positions.shape[1])

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, torch.Tensor]:
        """Return ``input_ids`` and ``attention_mask`` (texts, longest), padded on the right and cut at the end."""
        texts = [f"{prompt or ''}{text}" for text in inputs]
        return dict(
            self.tokenizer(
                texts, padding=True, padding_side="right", truncation=True, max_length=self.max_seq_length,
                return_token_type_ids=False, return_tensors="pt",
            )
        )  # fmt: skip

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Add ``token_embeddings`` (texts, longest, d) float32 to the features; padding has zero rows."""
        ids, counts = features["input_ids"].cpu().numpy(), features["attention_mask"].sum(dim=1).tolist()
        rows = np.zeros((*ids.shape, self.get_embedding_dimension()), np.float32)

        def run(place: int) -> None:
            rows[place, : counts[place]] = self._run(ids[place, : counts[place]])

        longest_first = sorted(range(len(ids)), key=lambda place: -counts[place])
        threads = min(len(ids), torch.get_num_threads())
        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(run, longest_first))
        else:
            for place in longest_first:
                run(place)
        features["token_embeddings"] = torch.from_numpy(rows)
        return features

    def _run(self, ids: np.ndarray) -> np.ndarray:
        words = unpack(self.words[ids], len(ids), self.get_embedding_dimension())
        tokens: np.ndarray = self.session.run(None, {"rows": (words + self.positions[: len(ids)])[None]})[0][0]
        return tokens


def _session(path: Path) -> onnxruntime.InferenceSession:
    """Open a graph on one thread and as it is: it is written in the form that runs fastest, see ``encoder_graph``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
