"""The fenced blocks of README and guides, and what their marks say.

A block of commands says behind its language how it is kept true:

    sh run      run in a fresh folder with the built programs, by Tests/Deploy/test_guide_commands.py
    sh usage    alternatives to choose from: commands, options, targets and files are looked up, nothing runs
    sh cluster  needs a cluster: looked up as `usage`; those of FOLLOWED are run by Tests/EndToEnd

docs/quickstart/data-scientists.md has marks of its own, since it is followed line by line in two terminals
(Tests/CLI/test_quickstart.py). A block of YAML names the chart whose values it holds, or the file it stands for:

    yaml values=asya-operator [file=NAME]
    yaml file=NAME
"""

import os
import re
import shlex

import charts

# Followed line by line by a test of its own.
FOLLOWED_ELSEWHERE = "docs/quickstart/data-scientists.md"
# Run whole against a cluster by Tests/EndToEnd.
FOLLOWED = ("docs/quickstart/platform-engineers.md", "docs/how-to/upgrade.md", "docs/how-to/migrate.md")
MARKS = ("run", "usage", "cluster")
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
# Of every shell, nothing to look up.
_PLAIN = {"for", "export", "cd", "echo", "cat", "sed", "rm", "seq", "mkdir"}
_SHELL_WORDS = {"for", "do", "done", "in", "if", "then", "fi", "else", "while", "{", "}", "!"}


class Block:
    """One fenced block."""

    def __init__(self, page, line, info, body):
        self.page = page
        self.line = line
        self.language = info[0] if info else ""
        self.words = info[1:]
        self.body = body

    def __repr__(self):
        return f"{self.page}:{self.line}"

    @property
    def mark(self):
        """How a block of commands is kept true; None when it does not say."""
        return next((word for word in self.words if word in MARKS), None)

    @property
    def values_of(self):
        """The chart whose values these are, or None."""
        return self._setting("values")

    @property
    def file(self):
        """The file a reader puts this block into, or None."""
        chart = self.values_of
        return self._setting("file") or (f"{chart.removeprefix('asya-')}-values.yaml" if chart else None)

    def _setting(self, name):
        return next((word.partition("=")[2] for word in self.words if word.startswith(f"{name}=")), None)


def pages():
    """Paths of README and all guides, relative to the root."""
    found = ["README.md", "CONTRIBUTING.md"]
    for top in ("docs", "examples"):
        for folder, _, names in os.walk(os.path.join(charts.ROOT, top)):
            found += [os.path.relpath(os.path.join(folder, name), charts.ROOT) for name in names if name.endswith(".md")]
    return sorted(path for path in found if os.path.exists(os.path.join(charts.ROOT, path)))


def text_of(page):
    """The text of a page."""
    with open(os.path.join(charts.ROOT, page), encoding="utf-8") as file:
        return file.read()


def blocks(*only):
    """All blocks of the pages, or of those named."""
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, match["info"].split(), match["body"])
        for page in only or pages()
        for text in [text_of(page)]
        for match in _FENCE.finditer(text)
    ]


def commands(body):
    """The simple commands of a block, each as a list of words; variables and substitutions stay as they are."""
    text = body.replace("\\\n", " ")
    text = re.sub(r"<<'(\w+)'.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    found = []
    for line in text.splitlines():
        inner = re.findall(r"\$\(([^()]*)\)", line)
        for part in [re.sub(r"\$\([^()]*\)", "SUBSTITUTED", line), *inner]:
            found += _split(part)
    return found


def _split(line):
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    found, current, skips = [], [], False
    for word in lexer:
        if skips:
            skips = False
        elif re.fullmatch(r"[;&|]+", word):
            found.append(current)
            current = []
        elif re.fullmatch(r"[<>]+", word):
            skips = True
        elif not current and (word in _SHELL_WORDS or re.match(r"[A-Za-z_]\w*=", word)):
            # `for x in a b c` has no command.
            current = ["for"] if word == "for" else []
        else:
            current.append(word)
    found.append(current)
    return [words for words in found if words and words[0] not in _PLAIN]
