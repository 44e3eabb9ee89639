"""scripts/features.py finds the tests that prove a feature."""
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import features  # noqa: E402


def test_ids_of_pytest_are_those_of_docstring_and_comment_above():
    assert features.proofs_of_python('''"""[X1] About all of them."""
# [U1]
@decorated
def test_a():
    """Says [U2] and [U3]."""
    x = y["[U4]"]

def helper():
    """[U5]"""
''') == [("X1", features.WHOLE_FILE), ("U2", "test_a"), ("U3", "test_a"), ("U1", "test_a")]


def test_ids_of_googletest_are_those_above_and_inside():
    assert features.proofs_of_cpp('''// [X1]
#include <a>

// [U1] [U2]
// goes on
TEST_P(A, First) {
    // [U3]
}

// [U4]
TEST(A, Second) {}
''') == [("X1", features.WHOLE_FILE), ("U1", "A.First"), ("U2", "A.First"), ("U3", "A.First"), ("U4", "A.Second")]


LIST = "# One\nU1\tFirst\nU2\tSecond\ta part\nU3\tThird\n"


def test_a_feature_works_if_a_test_proves_it():
    proofs = {"U1": {"tests/a.py": {"test_a": None}}, "U2": {"tests/b.cpp": {"B.C": None}}}
    text = features.render(features.read_features(LIST), proofs)
    assert "Of 3 features, 1 work, 1 work in part and 1 are planned." in text
    assert "| [U1](#u1) | First | works |" in text
    assert "| [U2](#u2) | Second | works; missing: a part |" in text
    assert "| U3 | Third | planned |" in text
    assert "- [tests/b.cpp](../tests/b.cpp): B.C" in text


@pytest.mark.parametrize("text, proofs, fault", [
    (LIST + "U1\tAgain\n", ["U1", "U2"], "U1: twice"),
    (LIST, ["U1", "U2", "U9"], "U9: not in"),
    (LIST, ["U1"], "U2: a part is missing"),
])
def test_a_list_that_does_not_fit_the_tests_is_a_fault(text, proofs, fault):
    faults = features.faults_of(features.read_features(text), {name: {"tests/a.py": {}} for name in proofs})
    assert len(faults) == 1 and faults[0].startswith(fault)


def test_a_page_that_is_not_up_to_date_is_found(tmp_path):
    for name, text in {"docs/features.tsv": LIST, "tests/a.py": 'def test_a():\n    """[U1] [U2]"""\n'}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    script = tmp_path / "scripts/features.py"
    script.parent.mkdir()
    script.write_text(Path(features.__file__).read_text())
    subprocess.run(["git", "init", "-q", tmp_path], check=True)

    def run(*options):
        return subprocess.run([sys.executable, script, *options], capture_output=True, text=True).returncode

    assert (run("--check"), run(), run("--check")) == (1, 0, 0)
    (tmp_path / "tests/a.py").write_text('def test_b():\n    """[U1] [U2]"""\n')
    assert run("--check") == 1
