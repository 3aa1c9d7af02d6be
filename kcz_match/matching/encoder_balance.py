"""Find by which factors the channels of a transformer are divided before its 8-bit products, and computed exactly.

An 8-bit product gives all channels of its input one scale.  A few channels are ten to fifty times as large as the rest,
so the rest would be left two or three bits.  Dividing each channel by a factor and multiplying the matching rows of the
matrix by it changes nothing in exact arithmetic and moves part of the spread from the input into the matrix, whose
columns have scales of their own.  The factors follow from how large channels grow on the texts of ``sample``.

Everything is computed in float64 and every factor is a power of two: machines that add up in another order still come
to the same factors, so the built files, and with them the name of the encoder, are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import erf

from kcz_match.matching.encoder_source import Container, state_of

SHARE = 0.6
SMALLEST_PEAK = 1e-3
READERS = {
    "qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "context": ("attention.output.dense",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
}
State = Mapping[str, np.ndarray]


def layer_name(layer: int) -> str:
    """Return what the names of one layer's tensors begin with."""
    return f"encoder.layer.{layer}."


def factors(container: Container, texts: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Return for each layer the factors (channels,) float32 of its four inputs, named as in ``READERS``.

    ``texts`` holds the input rows (n, d) of each text: the sums of its word, position and type embeddings.
    """
    state = state_of(container)
    means = peaks(state, texts, container.geometry["heads"], container.epsilon)
    return [{place: _factors(state, layer, place, one[place]) for place in READERS} for layer, one in enumerate(means)]


def _factors(state: State, layer: int, place: str, peak: np.ndarray) -> np.ndarray:
    matrices = [np.abs(state[f"{layer_name(layer)}{name}.weight"]).max(axis=0) for name in READERS[place]]
    input_size = np.log2(np.maximum(peak, SMALLEST_PEAK * peak.max()))
    matrix_size = np.log2(np.maximum(np.max(matrices, axis=0), 1e-6).astype(np.float64))
    exponents = SHARE * input_size - (1 - SHARE) * matrix_size
    powers: np.ndarray = np.exp2(np.round(exponents - np.median(exponents))).astype(np.float32)
    return powers


def peaks(state: State, texts: Sequence[np.ndarray], heads: int, epsilon: float) -> list[dict[str, np.ndarray]]:
    """Run texts (n_i, d) through the transformer; return each layer's inputs: largest by channel, mean of the texts."""
    starts = np.cumsum([0] + [len(rows) for rows in texts])[:-1]
    rows = _normed(state, "embeddings.LayerNorm", np.concatenate(texts).astype(np.float64), epsilon)
    found = []
    for layer in range(sum(name.endswith("intermediate.dense.bias") for name in state)):
        name = layer_name(layer)
        parts = [np.split(_linear(state, name + reader, rows), starts[1:]) for reader in READERS["qkv"]]
        context = np.concatenate([_attention(q, k, v, heads) for q, k, v in zip(*parts, strict=True)])
        middle = rows + _linear(state, name + "attention.output.dense", context)
        middle = _normed(state, name + "attention.output.LayerNorm", middle, epsilon)
        inner = _linear(state, name + "intermediate.dense", middle)
        inner = inner * 0.5 * (1 + erf(inner / np.sqrt(2)))
        inputs = {"qkv": rows, "context": context, "up": middle, "down": inner}
        largest = {place: np.maximum.reduceat(np.abs(values), starts, axis=0) for place, values in inputs.items()}
        found.append({place: values.mean(axis=0) for place, values in largest.items()})
        rows = middle + _linear(state, name + "output.dense", inner)
        rows = _normed(state, name + "output.LayerNorm", rows, epsilon)
    return found


def _linear(state: State, name: str, rows: np.ndarray) -> np.ndarray:
    result: np.ndarray = rows @ state[f"{name}.weight"].T.astype(np.float64) + state[f"{name}.bias"]
    return result


def _normed(state: State, name: str, rows: np.ndarray, epsilon: float) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + epsilon)
    result: np.ndarray = scaled * state[f"{name}.weight"] + state[f"{name}.bias"]
    return result


def _attention(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int) -> np.ndarray:
    q, k, v = (one.reshape(len(one), heads, -1).transpose(1, 0, 2) for one in (query, key, value))
    alike = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[2])
    alike = np.exp(alike - alike.max(axis=2, keepdims=True))
    context: np.ndarray = (alike / alike.sum(axis=2, keepdims=True)) @ v
    return context.transpose(1, 0, 2).reshape(query.shape)
