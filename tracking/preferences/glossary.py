"""Terms that need explaining, marked in a text. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tracking.preferences.types import Glossed, Piece

_BRACKETS = ("（", "(")


class Glossary:
    """Marks terms that need explaining; the first use of each prints its explanation (ET-05)."""

    def __init__(self, *, terms: Mapping[str, str]) -> None:
        self._terms = terms
        self._seen: set[str] = set()
        longest_first = sorted(terms, key=len, reverse=True)
        # A Latin term must stand alone: "tag" is not explained inside "stage".
        self._pattern = re.compile(
            "|".join(
                rf"(?<![A-Za-z]){re.escape(term)}(?![A-Za-z])"
                if term.isascii()
                else re.escape(term)
                for term in longest_first
            )
            or r"(?!)"
        )

    def mark(self, text: str) -> Glossed:
        pieces: list[Piece] = []
        end = 0
        for found in self._pattern.finditer(text):
            if found.start() > end:
                pieces.append(Piece(text=text[end : found.start()]))
            term = found.group()
            gloss = self._terms[term]
            # A text that explains the term itself, or by it, needs no second explanation.
            before, behind = text[: found.start()], text[found.end() :]
            is_explained = behind.startswith(_BRACKETS) or before.endswith(_BRACKETS)
            is_first = gloss not in self._seen and not is_explained
            self._seen.add(gloss)
            pieces.append(Piece(text=term, gloss=gloss, is_first=is_first))
            end = found.end()
        if end < len(text):
            pieces.append(Piece(text=text[end:]))
        return tuple(pieces)
