"""Make the tokenizer of the default encoder: a Unigram model of the packed file's pieces, after its code point map."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from kcz_match.matching.encoder_source import Container


def charsmap(code_points: dict[str, str]) -> bytes:
    """Pack a code point map into the bytes of a ``Precompiled`` normaliser: a double-array trie, then the outputs.

    A unit is 32 bits: label in the low byte, bit 8 "a value hangs here", offset from bit 10.  From a unit the child of
    byte ``b`` lies at ``place ^ b``; its value at ``place``, bit 31 set.  Keys are single characters other than NUL.
    """
    outputs = bytearray()
    starts: dict[str, int] = {}
    trie: dict[int | None, Any] = {}
    for key, output in sorted(code_points.items()):
        if output not in starts:
            starts[output] = len(outputs)
            outputs += output.encode() + b"\0"
        node = trie
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[None] = starts[output]
    units = _double_array(trie)
    packed = np.array(units, dtype="<u4").tobytes()
    return struct.pack("<I", len(packed)) + packed + bytes(outputs)


def _double_array(trie: dict[int | None, Any]) -> list[int]:
    units = {0: 0}
    blocks: set[int] = set()
    queue = [(0, trie)]
    free = 1
    while queue:
        position, node = queue.pop(0)
        labels = [0 if byte is None else byte for byte in node]
        base = free
        while base in blocks or any((base ^ label) in units for label in labels):
            base += 1
        blocks.add(base)
        free = max(free, base - 200)
        units[position] |= (position ^ base) << 10 | (0x100 if None in node else 0)
        for byte, child in node.items():
            place = base ^ (byte or 0)
            units[place] = (1 << 31 | child) if byte is None else byte
        queue += [(base ^ byte, child) for byte, child in node.items() if byte is not None]
    size = (max(units) // 256 + 2) * 256
    return [units.get(place, 0) for place in range(size)]


def unknown_pattern(pieces: list[tuple[str, float]]) -> str:
    """Return a pattern for one character that no piece holds; such characters must stay one token each."""
    codes = sorted({ord(character) for piece, _score in pieces for character in piece})
    runs = [[codes[0], codes[0]]]
    for code in codes[1:]:
        if code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "[^" + "".join(rf"\x{{{first:X}}}-\x{{{last:X}}}" for first, last in runs) + "]"


def tokenizer_of(container: Container) -> Any:
    """Return the ``tokenizers.Tokenizer``: code point map, folded spaces, leading word mark, Unigram pieces."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    special = container.special
    name = {role: container.pieces[place][0] for role, place in special.items()}
    tokenizer = Tokenizer(models.Unigram(container.pieces, special["unk"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(charsmap(container.code_points)), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True),
            pre_tokenizers.Split(Regex(unknown_pattern(container.pieces)), "isolated"),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{name['bos']} $A {name['eos']}",
        pair=f"{name['bos']} $A {name['eos']} {name['eos']} $B {name['eos']}",
        special_tokens=[(name["bos"], special["bos"]), (name["eos"], special["eos"])],
    )
    kept = sorted(special.values()) + [len(container.pieces) - 1]
    tokenizer.add_special_tokens([AddedToken(container.pieces[place][0], special=True) for place in kept])
    return tokenizer
