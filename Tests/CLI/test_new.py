"""`asya new`: the folder works as it is."""

import subprocess
import sys

import pytest


def test_the_new_actor_passes_its_test_with_and_without_pytest(asya):
    result = asya("new", "hello")
    assert result.stdout.split() == [f"hello/{name}" for name in ("handler.py", "test_handler.py", "actor.yaml", "README.md")]
    folder = asya.folder / "hello"
    subprocess.run([sys.executable, "test_handler.py"], cwd=folder, check=True, capture_output=True)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_handler.py"],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def test_the_new_manifest_is_valid_everywhere(asya):
    asya("new", "hello", "--transport", "rabbitmq", "--folder", "elsewhere")
    assert "transport: rabbitmq" in (asya.folder / "elsewhere" / "actor.yaml").read_text()
    for arguments in (["-f", "elsewhere"], ["-f", "elsewhere/actor.yaml", "--local"], []):
        result = asya("validate", *arguments, "--strict", "--output", "json")
        assert result.json["findings"] == [] and [actor["name"] for actor in result.json["actors"]] == ["hello"]


@pytest.mark.parametrize("existing", ["handler.py", "README.md"])
def test_nothing_is_overwritten(asya, existing):
    folder = asya.folder / "hello"
    folder.mkdir()
    (folder / existing).write_text("mine")
    result = asya("new", "hello", status=1)
    assert f"hello/{existing} exists already" in result.stderr
    assert [path.name for path in folder.iterdir()] == [existing]
    assert (folder / existing).read_text() == "mine"


def test_a_folder_with_other_files_is_fine(asya):
    (asya.folder / "hello").mkdir()
    (asya.folder / "hello" / "data.csv").write_text("x")
    asya("new", "hello", "--output", "json")
    assert (asya.folder / "hello" / "actor.yaml").exists()


def test_what_cannot_be_made_is_named(asya):
    (asya.folder / "hello").write_text("a file")
    result = asya("new", "hello", status=1)
    assert "hello/handler.py" in result.stderr and "Not a directory" in result.stderr
    result = asya("new", "hello", "--folder", "missing/hello", status=1)
    assert "cannot make the folder missing/hello" in result.stderr
