"""Typed text made fit to keep.  Pure."""

from __future__ import annotations

import unicodedata


def clean(text: object) -> str:
    """Return typed text fit to keep: NFC, no control characters but line ends, no direction overrides, stripped."""
    raw = unicodedata.normalize("NFC", "" if text is None else str(text)).replace("\r\n", "\n").replace("\r", "\n")
    if raw.replace("\n", "").replace("\t", "").isprintable():
        return raw.strip()
    kept = (c for c in raw if c == "\n" or c == "\t" or unicodedata.category(c) not in {"Cc", "Cs", "Co", "Cn"})
    return "".join(c for c in kept if not 0x202A <= ord(c) <= 0x202E and not 0x2066 <= ord(c) <= 0x2069).strip()


def clean_line(text: object) -> str:
    """Return a typed name fit to keep: as ``clean`` does, and on one line with single blanks."""
    return " ".join(clean(text).split())
