"""Unit tests of the example: handlers and accounting, without broker or processes."""

import json
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "actors"), str(HERE.parent.parent / "tools")]

import accounting
import fetch_documents
import judge_section
import refine_section
import score_section
import split_sections
from gateway_stand_in import FAILED, RUNNING, SUCCEEDED, GatewayStandIn

EASY = "The cat sat on the mat. It was a warm day. The dog ran to the tree and sat down."
HARD = (
    "Notwithstanding considerations previously communicated to departmental representatives, the administration has"
    " endeavoured to promulgate supplementary regulations; furthermore, the aforementioned modifications necessitate"
    " additional documentation, which is enumerated in the subsequent memorandum, prior to implementation."
)
ROUTE = ["fetch-documents", "split-sections", "score-section", "judge-section"]


@pytest.fixture(scope="module")
def scorer():
    return score_section.SectionScorer()


def judged(section, actors=tuple(ROUTE), position=3):
    return judge_section.judge({"payload": section, "route": {"actors": list(actors), "current": position}})


def test_a_document_is_read_with_its_metadata():
    document = fetch_documents.read_document({"path": "how-bread-rises.txt"})
    assert document["title"] == "How bread rises"
    assert document["byte_count"] == (fetch_documents.DIRECTORY / "how-bread-rises.txt").stat().st_size


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("not-yet-written.txt", ValueError),
        ("harbour-ledger-1893.txt", UnicodeDecodeError),
        ("nowhere.txt", FileNotFoundError),
        ("../demo.py", PermissionError),
        ("/etc/hostname", PermissionError),
    ],
)
def test_what_cannot_be_read_raises(path, error):
    with pytest.raises(error):
        fetch_documents.read_document({"path": path})


def test_splitting_numbers_the_paragraphs_after_the_title():
    sections = split_sections.split({"path": "x.txt", "title": "T", "text": "# T\n\none\nline\n\n\n two \n"})
    assert [(part["section"], part["section_count"], part["text"]) for part in sections] == [
        (1, 2, "one line"),
        (2, 2, "two"),
    ]


@pytest.mark.parametrize(
    ("word", "syllables"), [("cat", 1), ("table", 2), ("home", 1), ("walked", 1), ("needed", 2), ("communication", 5)]
)
def test_syllables(word, syllables):
    assert score_section.syllable_count(word) == syllables


def test_easy_text_scores_high_and_hard_text_low(scorer):
    easy, hard = scorer.score({"text": EASY}), scorer.score({"text": HARD})
    assert easy["score"] > 75
    assert hard["score"] < judge_section.LOWEST_ACCEPTABLE_SCORE


def test_the_first_score_is_kept(scorer):
    assert scorer.score({"text": EASY, "first_score": 3.0})["first_score"] == 3.0


def test_text_without_words_scores_zero(scorer):
    assert scorer.score({"text": "…"})["score"] == 0


def test_a_good_section_goes_on_along_its_route():
    envelope = judged({"score": 90.0})
    assert envelope["route"] == {"actors": ROUTE, "current": 4}
    assert envelope["payload"]["verdict"] == "clear"


def test_a_poor_section_gets_a_refiner_and_is_judged_again():
    envelope = judged({"score": 10.0})
    assert envelope["route"]["actors"] == [*ROUTE, "refine-section", "score-section", "judge-section"]
    assert envelope["route"]["current"] == 4


def test_a_refiner_goes_before_what_follows_the_judge():
    envelope = judged({"score": 10.0}, actors=[*ROUTE, "publish"])
    assert envelope["route"]["actors"][4:] == ["refine-section", "score-section", "judge-section", "publish"]


def test_refining_ends_at_the_limit():
    envelope = judged({"score": 10.0, "refinements": judge_section.REFINEMENT_LIMIT})
    assert envelope["route"]["actors"] == ROUTE
    assert envelope["payload"]["verdict"] == "still hard"


def test_refining_makes_a_hard_text_readable(scorer):
    refined = refine_section.refine({"text": HARD})
    assert refined["refinements"] == 1
    assert scorer.score(refined)["score"] > judge_section.LOWEST_ACCEPTABLE_SCORE
    assert "before use" in refined["text"]


def test_refining_leaves_short_plain_sentences_alone():
    assert refine_section.refine({"text": EASY})["text"] == EASY


def test_results_are_read_as_the_end_actors_keep_them(tmp_path):
    assert accounting.results_in(tmp_path) == []
    (tmp_path / "results").mkdir()
    lines = [{"at": "…", "outcome": "succeeded", "envelope": {"id": "a"}}, {"outcome": "failed", "envelope": {"id": "b"}}]
    (tmp_path / "results" / "results.ndjson").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    results = accounting.results_in(tmp_path)
    assert [(result.end, result.envelope_id) for result in results] == [("happy-end", "a"), ("error-end", "b")]


def happy(identifier, path, section, count):
    payload = {"path": path, "section": section, "section_count": count}
    return accounting.Result("happy-end", {"id": identifier, "payload": payload})


@pytest.fixture
def two_documents(tmp_path):
    (tmp_path / "good.txt").write_text("# T\n\none\n\ntwo\n")
    (tmp_path / "empty.txt").write_text("")
    return sorted(tmp_path.glob("*.txt"))


GOOD = [happy("good", "good.txt", 1, 2), happy("good-1", "good.txt", 2, 2)]
EMPTY = accounting.Result("error-end", {"id": "empty", "payload": {"original_payload": {"path": "empty.txt"}}})


def test_a_complete_run_has_no_problems_and_duplicates_are_counted(two_documents):
    expectation = accounting.expected_of(two_documents)
    assert accounting.problems_with(expectation, [*GOOD, EMPTY, GOOD[0]], {"good-1"}, {"a": 0}) == []
    assert accounting.duplicate_count([*GOOD, EMPTY, GOOD[0]]) == 1


@pytest.mark.parametrize(
    ("results", "children", "depths", "words"),
    [
        ([GOOD[0], EMPTY], {"good-1"}, {}, "happy-end: missing good-1"),
        (GOOD, {"good-1"}, {}, "error-end: missing empty"),
        ([*GOOD, EMPTY], set(), {}, "gateway: missing good-1"),
        ([*GOOD, EMPTY], {"good-1"}, {"score-section": 2}, "2 messages are still in the queue of score-section"),
        ([*GOOD, EMPTY, happy("x", "good.txt", 1, 2)], {"good-1"}, {}, "happy-end: unexpected x"),
        ([GOOD[0], happy("good-1", "good.txt", 1, 2), EMPTY], {"good-1"}, {}, "good.txt: sections [1] of 2 arrived"),
    ],
)
def test_each_loss_is_named(two_documents, results, children, depths, words):
    problems = accounting.problems_with(accounting.expected_of(two_documents), results, children, depths)
    assert any(words in problem for problem in problems), problems


def report(status, index=0, **more):
    return {"actors": ["a", "b"], "current_actor_idx": index, "status": status, **more}


def test_the_gateway_stand_in_follows_an_envelope_to_its_end():
    gateway = GatewayStandIn()
    gateway.create("x")
    gateway.note_progress("x", report("completed", duration_ms=3))
    gateway.register_child({"id": "x-1", "parent_id": "x"})
    assert [(known.envelope_id, known.percent) for known in gateway.snapshot()] == [("x", 50), ("x-1", 0)]
    gateway.note_final("x", {"status": SUCCEEDED})
    gateway.note_progress("x", report("received"))
    gateway.note_final("x-1", {"status": FAILED, "error": "e"})
    assert gateway.finished() == {"x", "x-1"}
    assert [known.status for known in gateway.snapshot()] == [SUCCEEDED, FAILED]


def test_a_late_report_of_the_hop_before_changes_nothing():
    gateway = GatewayStandIn()
    gateway.create("x")
    gateway.note_progress("x", report("processing", index=1))
    gateway.note_progress("x", report("completed", index=0, duration_ms=3))
    gateway.note_progress("x", report("received", index=1))
    known = gateway.snapshot()[0]
    assert (known.actor, known.phase, known.percent, known.hops) == ("b", "processing", 75, {0: ("a", 3)})
    assert gateway.held_by("b", known.updated) == ["x"]


def test_the_gateway_stand_in_does_not_know_strangers():
    gateway = GatewayStandIn()
    assert not gateway.note_progress("x", report("received"))
    assert not gateway.note_final("x", {"status": RUNNING})
