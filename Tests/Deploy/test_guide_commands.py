"""Every command of README and guides is either run, here or by another test, or looked up: programs, subcommands, options,
files and make targets exist. A block that does not say which fails."""

import functools
import os
import re
import shutil
import subprocess
import sys

import pytest

import charts
import guides

BIN = os.path.join(charts.ROOT, "bin")
SHELL_BLOCKS = [
    block for block in guides.blocks() if block.language in ("sh", "bash", "shell", "console")
    and block.page != guides.FOLLOWED_ELSEWHERE
]  # fmt: skip
LOOKED_UP = [block for block in SHELL_BLOCKS if block.mark in ("usage", "cluster")]
RUN = [block for block in SHELL_BLOCKS if block.mark == "run"]

# Of programs that are not on the machines that test this; from their references (kind 0.23, AWS CLI 2, Helm 3.15).
OTHERS = {
    "kind create cluster": {"--name", "--config", "--wait"},
    "kind delete cluster": {"--name"},
    "kind load docker-image": {"--name"},
    "aws eks create-pod-identity-association": {"--cluster-name", "--namespace", "--service-account", "--role-arn"},
    "aws eks create-addon": {"--cluster-name", "--addon-name"},
    "aws iam create-policy": {"--policy-name", "--policy-document"},
    "aws s3 mb": {"--region"},
    "aws sqs list-queues": {"--queue-name-prefix"},
    "helm repo add": set(),
    "helm install": {"-n", "--namespace", "--create-namespace", "-f", "--values", "--set", "--version", "--wait"},
    "helm upgrade": {"-n", "--namespace", "-f", "--values", "--set", "--install", "--wait"},
    "helm rollback": {"-n", "--namespace"},
    "helm uninstall": {"-n", "--namespace", "--no-hooks"},
    "helm test": {"-n", "--namespace", "--logs"},
    "helm get values": {"-n", "--namespace", "-o", "--all"},
}
# Plain tools of any system.
TOOLS = {"openssl", "python3", "git", "curl", "export", "kill", "SUBSTITUTED"}


def ids(blocks):
    """Page and line."""
    return [repr(block) for block in blocks]


def test_every_block_of_commands_says_how_it_is_kept_true():
    unmarked = [block for block in SHELL_BLOCKS if block.mark is None]
    assert not unmarked, "mark with run, usage or cluster (Tests/Deploy/guides.py)"


def test_every_page_that_is_followed_exists():
    for page in (*guides.FOLLOWED, guides.FOLLOWED_ELSEWHERE):
        assert guides.blocks(page), page


@pytest.mark.parametrize("block", RUN, ids=ids(RUN))
def test_a_block_runs(block, tmp_path):
    """In a copy of the page's folder when that is an example, else in an empty one."""
    folder = tmp_path / "folder"
    source = os.path.join(charts.ROOT, os.path.dirname(block.page))
    if block.page.startswith("examples/"):
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".asya", "__pycache__"))
    else:
        folder.mkdir()
    environment = {
        **os.environ, "PATH": f"{BIN}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
        "ASYA_RUNTIME_PATH": os.path.join(charts.ROOT, "Sources", "Runtime", "asya_runtime.py"),
        "ASYA_SIDECAR_BINARY": os.path.join(BIN, "asya-sidecar"),
    }  # fmt: skip
    script = f"trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n{block.body}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{block.body}\n{done.stdout}"


@pytest.mark.parametrize("block", LOOKED_UP, ids=ids(LOOKED_UP))
def test_what_a_block_names_exists(block):
    for words in guides.commands(block.body):
        look_up(words, block)


@pytest.mark.parametrize("block", LOOKED_UP, ids=ids(LOOKED_UP))
def test_files_of_a_block_come_from_the_page_or_the_repository(block):
    made = {one.file for one in guides.blocks(block.page) if one.file}
    made |= set(re.findall(r">\s*([\w.-]+)", "".join(one.body for one in guides.blocks(block.page))))
    for words in guides.commands(block.body):
        named_by_url = [word.removeprefix("file://") for word in words if word.startswith("file://")]
        assert not [path for path in named_by_url if path not in made], f"{block}: {named_by_url}"
        if words[0] not in ("kubectl", "helm"):
            continue
        named = [words[place + 1] for place, word in enumerate(words[:-1]) if word in ("-f", "--values")]
        charts_named = [word for word in words if word.startswith("deploy/")]
        for path in {*named, *charts_named}:
            exists = os.path.exists(os.path.join(charts.ROOT, path))
            assert path in made or exists or path in KEPT_FILES, f"{block}: {path} is in no block of the page"


# Files that an earlier page has left with the reader.
KEPT_FILES = {"operator-values.yaml", "gateway-values.yaml", "crew-values.yaml"}


def look_up(words, block):
    """One command; fails with what does not exist."""
    program = os.path.basename(words[0])
    if words[0].startswith(("deploy/", "tools/", "perf/")):
        text = guides.text_of(words[0])
        assert not [word for word in options(words) if word not in text], f"{block}: {words}"
    elif program == "make":
        makefile = guides.text_of("Makefile")
        for target in [word for word in words[1:] if "=" not in word]:
            assert re.search(rf"^{re.escape(target)}\b.*:", makefile, re.MULTILINE), f"{block}: make {target}"
    elif program.startswith("asya"):
        look_up_in_help(words, block, os.path.join(BIN, program))
    elif program == "kubectl":
        look_up_kubectl(words, block)
    elif program not in TOOLS and ".venv" not in words[0].split("/"):
        known = [OTHERS[" ".join(words[:count])] for count in (2, 3) if " ".join(words[:count]) in OTHERS]
        assert known, f"{block}: {' '.join(words)} is neither known nor looked up"
        unknown = [word for word in options(words) if word not in known[0]]
        assert not unknown, f"{block}: {' '.join(words[:3])} has no {unknown}"


def options(words):
    """The names of the options of a command."""
    return [word.split("=", 1)[0] for word in words[1:] if word.startswith("-") and word not in ("-", "--")]


def look_up_in_help(words, block, path):
    """Our own programs tell their options themselves."""
    if not os.path.exists(path):
        pytest.skip("needs make build")
    commands = []
    for word in words[1:]:
        if word.startswith("-") or not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        commands.append(word)
    while commands and output_of(path, *commands, "--help")[0] != 0:
        commands.pop()
    text = output_of(path, *commands, "--help")[1]
    assert not words[1:] or commands or words[1].startswith("-"), f"{block}: {words[:2]} is no command"
    if commands[:1] == ["mcp"]:
        return  # Flags behind `call TOOL` are the tool's own parameters.
    for option in options(words):
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), f"{block}: {' '.join(commands)} has no {option}"


def look_up_kubectl(words, block):
    """kubectl tells its options too."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("needs kubectl")
    position = next(place for place, word in enumerate(words[1:], 1) if not word.startswith("-") and words[place - 1] != "-n")
    commands = [words[position]]
    if commands == ["create"]:
        commands.append(words[position + 1])
        commands += [words[position + 2]] if commands[-1] == "secret" else []
    status, text = output_of(kubectl, *commands, "--help")
    assert status == 0, f"{block}: kubectl {commands}"
    text += output_of(kubectl, "options")[1]
    for option in options(words):
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), f"{block}: kubectl {commands} has no {option}"


@functools.lru_cache(maxsize=None)
def output_of(*command):
    """Status and output of a command."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr
