"""Actor score-section: how easy is a section to read? A class handler, because its model is built once per process."""

import collections
import logging
import os
import pathlib
import re
import time

logger = logging.getLogger("score-section")

CORPUS = pathlib.Path(os.environ.get("DOCUMENTS_DIRECTORY", pathlib.Path(__file__).parent.parent / "documents"))
# A word is familiar when this many texts of the corpus use it.
FAMILIAR_FROM_TEXTS = 3
# The share of the Flesch score; the rest is the share of familiar words.
FLESCH_WEIGHT = 0.8

_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?")
_SENTENCE_END = re.compile(r"[.!?]+[\"”’)]*(?:\s+|$)")
_VOWELS = re.compile(r"[aeiouy]+")


def words_of(text):
    """The words of a text in lower case."""
    return _WORD.findall(text.lower())


def sentences_of(text):
    """The sentences of a text, without their closing marks."""
    return [sentence for sentence in _SENTENCE_END.split(text) if sentence.strip()]


def syllable_count(word):
    """Syllables by groups of vowels; a silent final e does not count. Right for about nine words of ten."""
    count = len(_VOWELS.findall(word))
    if word.endswith("e") and not word.endswith(("le", "ee")) and count > 1:
        count -= 1
    if word.endswith("ed") and not word.endswith(("ted", "ded")) and count > 1:
        count -= 1
    return max(count, 1)


def flesch_reading_ease(text):
    """Flesch's score: about 100 for a children's book, below 30 for a legal text; may leave 0…100."""
    words = words_of(text)
    sentence_count = max(len(sentences_of(text)), 1)
    if not words:
        return 0.0
    syllables = sum(syllable_count(word) for word in words)
    return 206.835 - 1.015 * len(words) / sentence_count - 84.6 * syllables / len(words)


class SectionScorer:
    """The model: which words are familiar, learned from the corpus when the process starts."""

    def __init__(self, corpus=CORPUS):
        started = time.monotonic()
        texts_with_word = collections.Counter()
        text_count = 0
        for path in sorted(pathlib.Path(corpus).glob("*.txt")):
            # A file that is not UTF-8 still has words; fetch-documents is the one who refuses it.
            texts_with_word.update(set(words_of(path.read_text(encoding="utf-8", errors="replace"))))
            text_count += 1
        self.familiar = frozenset(word for word, count in texts_with_word.items() if count >= FAMILIAR_FROM_TEXTS)
        logger.info(
            "model built from %d texts: %d words, %d of them familiar, %.0f ms",
            text_count, len(texts_with_word), len(self.familiar), (time.monotonic() - started) * 1000,
        )

    def score(self, section):
        """Adds "score" (0…100, higher is easier) and its parts to a section."""
        words = words_of(section["text"])
        flesch = min(max(flesch_reading_ease(section["text"]), 0.0), 100.0)
        familiar_share = sum(word in self.familiar for word in words) / len(words) if words else 0.0
        score = FLESCH_WEIGHT * flesch + (1 - FLESCH_WEIGHT) * 100 * familiar_share
        return {
            **section,
            "score": round(score, 1),
            "first_score": section.get("first_score", round(score, 1)),
            "flesch": round(flesch, 1),
            "familiar_share": round(familiar_share, 3),
            "word_count": len(words),
        }
