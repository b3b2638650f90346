"""Actor split-sections: one document in, one envelope per section out (a returned list is a fan-out)."""

import re


def split(document):
    """A document → the list of its sections: each paragraph but the title."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", document["text"]) if part.strip()]
    if paragraphs[0].startswith("#"):
        paragraphs = paragraphs[1:]
    if not paragraphs:
        raise ValueError(f"{document['path']} has a title and no text")
    return [
        {
            "path": document["path"],
            "title": document["title"],
            "section": number,
            "section_count": len(paragraphs),
            "text": " ".join(paragraph.split()),
        }
        for number, paragraph in enumerate(paragraphs, start=1)
    ]
