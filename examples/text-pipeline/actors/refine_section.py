"""Actor refine-section: rewrites a section in shorter sentences and plainer words."""

import re

from score_section import sentences_of, words_of

# Sentences longer than this are divided where the grammar allows it.
LONG_SENTENCE_WORDS = 14
# Neither half of a divided sentence becomes shorter than this.
SHORTEST_HALF_WORDS = 4

_PLAIN_PHRASES = [
    (re.compile(r"\bprior to\b", re.IGNORECASE), "before"),
    (re.compile(r"\bsubsequent to\b", re.IGNORECASE), "after"),
    (re.compile(r"\bin the event that\b", re.IGNORECASE), "if"),
    (re.compile(r"\bin consequence of\b", re.IGNORECASE), "because of"),
]
_PLAIN_WORDS = {
    "accommodate": "fit", "accordingly": "so", "additional": "more", "additionally": "also",
    "administration": "office", "aforementioned": "said", "anticipated": "expected", "appropriate": "right",
    "approximately": "about", "approximation": "guesses", "ascertain": "find out", "attribution": "laying",
    "authority": "right", "characterisation": "picture", "characteristically": "as a rule",
    "circumstances": "facts", "clarification": "words", "commence": "start", "commenced": "begun",
    "commodities": "foods", "communicated": "told", "comprehensive": "full", "concerning": "about",
    "considerable": "great", "consideration": "care", "considerations": "thoughts", "consistently": "always",
    "consultation": "talks", "consumption": "food", "contemporary": "present", "demonstrate": "show",
    "demonstrates": "shows", "departmental": "team", "deposited": "left", "deterioration": "decay",
    "difficulties": "trouble", "dispositional": "inborn", "disseminated": "sent", "documentation": "notes",
    "eliminated": "removed", "elimination": "removal", "empirical": "field", "encounters": "meets",
    "endeavour": "try", "endeavoured": "tried", "enumerated": "listed", "epistemological": "factual",
    "facilitate": "see to", "facilities": "rooms", "formulations": "forms", "fundamentally": "deeply",
    "furthermore": "also", "immediate": "quick", "implementation": "use", "increasingly": "more and more",
    "individual": "person", "individuals": "people", "information": "facts", "insufficient": "too small",
    "interdependence": "bond", "interpretations": "readings", "investigation": "study", "majority": "most",
    "memorandum": "note", "methodological": "basic", "modification": "change", "modifications": "changes",
    "necessitate": "need", "necessitates": "needs", "normative": "moral", "notwithstanding": "despite",
    "obligated": "bound", "obligation": "duty", "participant": "user", "participants": "users",
    "participation": "interest", "perishable": "fresh", "personnel": "staff", "phenomenon": "thing",
    "popularity": "fame", "possesses": "has", "presuppose": "assume", "previously": "before",
    "probabilistic": "rough", "promulgate": "issue", "proponents": "friends",
    "qualification": "limits", "refrigeration": "cooling", "regulations": "rules",
    "representative": "usual", "representatives": "heads", "responsibility": "blame", "responsible": "same",
    "subsequent": "next", "sufficient": "enough", "suitable": "fit", "supplementary": "new",
    "terminate": "end", "termination": "end", "terminological": "wording", "theoretical": "bookish",
    "unavailable": "not there", "underestimated": "missed", "utilisation": "use",
}
_WORD = re.compile(r"[A-Za-z]+")
# Where a sentence may be divided, best place first, and what the second half then starts with.
_DIVISIONS = [
    (re.compile(r";\s+(?:and |however, |furthermore, )?"), ""),
    (re.compile(r", (?:and|but) (?=\w+ )"), ""),
    (re.compile(r", which (?=are |have )"), "These "),
    (re.compile(r", which "), "This "),
    (re.compile(r",\s+"), ""),
]


def refine(section):
    """A section with a rewritten "text" and "refinements" counted up."""
    sentences = []
    for sentence in sentences_of(_in_plain_words(section["text"])):
        sentences.extend(_divided(sentence.strip()))
    return {
        **section,
        "text": " ".join(f"{_capitalised(sentence)}." for sentence in sentences),
        "refinements": section.get("refinements", 0) + 1,
    }


def _in_plain_words(text):
    def replaced(match):
        word = match.group()
        plain = _PLAIN_WORDS.get(word.lower())
        if plain is None:
            return word
        return _capitalised(plain) if word[0].isupper() else plain

    for phrase, plain in _PLAIN_PHRASES:
        text = phrase.sub(plain, text)
    return _WORD.sub(replaced, text)


def _divided(sentence):
    """A sentence as one or more shorter ones."""
    finished, waiting = [], [sentence]
    while waiting:
        candidate = waiting.pop()
        halves = _halves(candidate) if len(words_of(candidate)) > LONG_SENTENCE_WORDS else None
        if halves is None:
            finished.append(candidate.strip(" ,;:"))
        else:
            waiting.extend(reversed(halves))
    return finished


def _halves(sentence):
    for place, opening in _DIVISIONS:
        for match in place.finditer(sentence):
            halves = [sentence[: match.start()], opening + sentence[match.end() :]]
            if all(len(words_of(half)) >= SHORTEST_HALF_WORDS for half in halves):
                return halves
    return None


def _capitalised(text):
    return text[:1].upper() + text[1:]
