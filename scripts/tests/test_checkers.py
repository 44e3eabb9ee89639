"""The checkers of scripts/ find what they are for, and nothing in code as it should be."""
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import check_docstrings  # noqa: E402
import check_english  # noqa: E402
import check_layers  # noqa: E402
import check_statements  # noqa: E402
import check_tracked  # noqa: E402
import summarize_tests  # noqa: E402


def house(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return check_layers.check(tmp_path)


def test_lower_levels_may_be_included(tmp_path):
    assert house(tmp_path, {
        "platform/base/id.hpp": "",
        "platform/sql/database.hpp": '#include "platform/base/id.hpp"\n',
        "services/user/public/cards.hpp": '#include "platform/base/id.hpp"\n',
        "services/post/post_service.cpp":
            '#include "platform/sql/database.hpp"\n#include "services/user/public/cards.hpp"\n',
        "app/wiring.cpp": '#include "services/post/module.hpp"\n',
        "main.cpp": '#include "app/app.hpp"\n',
    }) == []


@pytest.mark.parametrize("name, text, fault", [
    ("platform/base/id.hpp", '#include "platform/sql/database.hpp"',
     "platform/base (level 0) may not include platform/sql"),
    ("platform/sql/a.cpp", '#include "platform/bus/bus.hpp"', "a room of its own level"),
    ("services/post/a.cpp", '#include "services/user/user_store.hpp"', "a room of its own level"),
    ("services/post/public/a.hpp", '#include "services/post/post.hpp"', "may not include services/post (level"),
    ("platform/outbox/a.cpp", '#include "services/post/public/a.hpp"', "may not include services/post/public"),
    ("services/post/a.cpp", '#include "app/wiring.hpp"', "may not include app"),
    ("services/post/a.cpp", "#include <boost/beast/http.hpp>", "only platform/http may see"),
    ("platform/base/a.hpp", "#include <boost/asio/post.hpp>", "platform/base may not see"),
    ("platform/base/a.hpp", '#include "../json/read.hpp"', "write the path from src/"),
    ("platform/base/a.hpp", "#include <platform/base/b.hpp>", "included with quotes"),
    ("platform/odds/a.hpp", "", "in no room of the house"),
])
def test_an_include_against_the_levels_is_found(tmp_path, name, text, fault):
    faults = house(tmp_path, {name: "#pragma once\n\n" + text + "\n"})
    assert len(faults) == 1 and fault in faults[0]
    assert faults[0].startswith(f"src/{name}:{1 if 'no room' in fault else 3}: ")


def test_a_loop_of_files_is_found(tmp_path):
    faults = house(tmp_path, {
        "platform/base/a.hpp": '#include "platform/base/b.hpp"\n',
        "platform/base/b.hpp": '#include "platform/base/a.hpp"\n',
    })
    assert faults == ["src: files in a loop: platform/base/a.hpp -> platform/base/b.hpp -> platform/base/a.hpp"]


def test_a_loop_of_public_rooms_is_found(tmp_path):
    faults = house(tmp_path, {
        "services/post/public/a.hpp": '#include "services/user/public/b.hpp"\n',
        "services/user/public/c.hpp": '#include "services/post/public/d.hpp"\n',
    })
    assert len(faults) == 1 and "rooms in a loop" in faults[0]


def test_an_include_in_a_comment_is_none(tmp_path):
    assert house(tmp_path, {"platform/base/a.hpp": '// #include "app/app.hpp"\n/*\n#include "app/app.hpp"\n*/\n'}) == []


def names_without_comment(code):
    return [message.removesuffix(" has no /// comment") for _, message in sorted(check_docstrings.Header(code).faults)]


@pytest.mark.parametrize("code, names", [
    ("struct A { int a; };", ["struct A"]),
    ("template <class T>\nclass A final : public B<T> {\n};", ["class A"]),
    ("enum class Code { a, b };", ["enum Code"]),
    ("template <class T>\nconcept C = true;", ["concept C"]),
    ("int f(int a);", ["f()"]),
    ("inline int f() { return 1; }", ["f()"]),
    ("template <class T>\n    requires(sizeof(T) > 1)\nauto f(T t) -> T;", ["f()"]),
    ("namespace a::b {\nTask<Result<void>> f(std::function<void(int)> g = {});\n}", ["f()"]),
    ("// not a docstring\nint f();", ["f()"]),
    ("/// Far away.\n\nint f();", ["f()"]),
    ("/// A.\nclass A {\npublic:\n    int f();\n    int g();\nprivate:\n    int h();\n};", ["f()", "g()"]),
    ("/// A.\nclass A {\n    int f();\n    int g();\n};", []),
    ("/// A.\nstruct A {\n    /// F.\n    int f();\n\n    int g() const;\n};", ["g()"]),
    ("/// A.\nstruct A {\n    struct B { int b; };\n};", ["struct B"]),
    ("/// A.\nstruct A {\n    explicit A(int a) : a_{a}, b_(a) {\n        g();\n    }\n    int f();\n    int g();\n};",
     ["f()", "g()"]),
])
def test_a_missing_comment_is_found(code, names):
    assert names_without_comment(code) == names


@pytest.mark.parametrize("code", [
    "/// A.\nstruct A {\n    A();\n    ~A();\n    A(const A&) = delete;\n    A& operator=(A&&) noexcept;\n"
    "    int a() const { return a_; }\n    void f() override;\n"
    "    friend bool operator==(const A&, const A&) = default;\n    friend void swap(A& a, A& b) { a.swap(b); }\n"
    "    explicit operator bool() const;\n};",
    "/// Both.\nint f();\nint g();",
    "/// Of the overload set.\nint f(int a);\n\nint f(long a);",
    "/// The only function of a type is what the type is.\nclass Clock {\npublic:\n"
    "    virtual ~Clock() = default;\n    virtual Time now() const = 0;\n};",
    "namespace detail {\nint f();\nstruct A {};\n}",
    "namespace {\nint f();\n}",
    "struct Later;\nclass Later2;\nusing F = void (*)(int);\nBOOST_DESCRIBE_STRUCT(A, (), (a, b))\n"
    "static_assert(sizeof(int) == 4);\n",
    "std::function<void(int)> f;\nint g = h(1);\nint i{h(2)};\nextern const char* const kText;\n"
    "std::array<int, sizeof(int)> j;",
    'inline constexpr const char* kSql = R"(CREATE TABLE f(a int);\nint g();)";',
    "template <class T>\nstruct std::hash<A<T>> {\n    std::size_t f(A<T> a) const;\n"
    "    std::size_t g(A<T> a) const;\n};",
    "/// A.\nstruct A {\n    /// F.\n    int f();\n};\ntemplate <class T>\nint A::g() {\n    return 1;\n}",
    "#define F(x) \\\n    int f(int x);\n",
    "/// T.\ntemplate <class T>\n    requires requires(T t) { t.f(); }\nint f(T t) {\n    return 1'000;\n}",
])
def test_what_needs_no_comment_is_left_alone(code):
    assert names_without_comment(code) == []


@pytest.mark.parametrize("line", [
    "image: gh" "cr.io/someone/something:1",
    "pip install --index-" "url somewhere",
    "see /wo" "rk/main/README.md",
    "-----BEGIN EC PRIVATE" " KEY-----",
    "AKIA" "ABCDEFGHIJKLMNOP",
])
def test_what_belongs_to_one_machine_is_found(tmp_path, line):
    path = tmp_path / "file"
    path.write_text(f"first\n{line}\n")
    assert [number for number, _, _ in check_tracked.check(path)] == [2]


@pytest.mark.parametrize("line", [
    "src/wo" "rk/a", "apt-get install docker.io", "GET /v1/posts", "image: postgres:15", "$HOME/wo" "rk/x",
])
def test_ordinary_text_belongs_to_nobody(tmp_path, line):
    path = tmp_path / "file"
    path.write_text(line)
    assert check_tracked.check(path) == []


def english(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return [number for number, _ in check_english.check(path)]


@pytest.mark.parametrize("name, text, lines", [
    ("a.cpp", "int a;\n// " + "x" * 117 + "\n// " + "x" * 118 + "\n", [3]),
    ("a.md", "ä" * 120 + "\n" + "ä" * 121 + "\n", [2]),
    ("a.md", "| " + "x" * 120 + " | b |\n| " + "x" * 121 + " | b |\n", [2]),
    ("a.py", "| " + "x" * 100 + " | " + "y" * 100 + " |\n", [1]),
    ("a.md", "[here](https://example.org/" + "x" * 120 + ") it is\n", []),
    ("a.md", "x" * 121 + " https://example.org/\n", [1]),
])
def test_a_long_line_is_found(tmp_path, name, text, lines):
    assert english(tmp_path, name, text) == lines


@pytest.mark.parametrize("text", [
    "the graph is aw" "ay", "while both are\n    /// aw" "ay", "the graph is to" "ld at once", "Whoe" "ver asks",
    "it is too de" "ar", "counted an" "ew", "it waits for " "ever", "wh" "o keeps it asks", "fails: el" "se it would",
    "class To" "ld {", "kMake" "shift",
])
def test_words_that_nobody_uses_are_found(tmp_path, text):
    assert english(tmp_path, "a.hpp", f"// First.\n/// {text}\n") == [2]


@pytest.mark.parametrize("text", [
    "three steps away", "two replicas, told apart by name", "else return a;", "nothing to amend", "a new one",
    "a ? b : else_branch",
])
def test_usual_words_are_left_alone(tmp_path, text):
    assert english(tmp_path, "a.hpp", f"/// {text}\n") == []


def test_headers_that_miss_an_include_are_found(tmp_path):
    build = tmp_path / "build"
    (tmp_path / "src/platform/base").mkdir(parents=True)
    (tmp_path / "cmake").mkdir()
    build.mkdir()
    (tmp_path / "cmake/pch.hpp").write_text("")
    (tmp_path / "src/platform/base/a.hpp").write_text("#pragma once\nstruct A {};\n")
    (tmp_path / "src/platform/base/b.hpp").write_text("#pragma once\nstruct B { A a; };\n")
    source = tmp_path / "src/platform/base/a.cpp"
    (build / "compile_commands.json").write_text(
        f'[{{"directory": "{build}", "file": "{source}",'
        f' "command": "clang++-19 -I{tmp_path}/src -c {source} -o a.o"}}]'
    )
    script = Path(__file__).resolve().parent.parent / "check_headers.py"
    command = [sys.executable, str(script), str(build), "--root", str(tmp_path)]

    first = subprocess.run(command, capture_output=True, text=True)
    assert first.returncode == 1 and "2 compiled, 1 failed" in first.stdout
    assert "b.hpp does not compile alone" in first.stdout

    (tmp_path / "src/platform/base/b.hpp").write_text(
        '#pragma once\n#include "platform/base/a.hpp"\nstruct B { A a; };\n'
    )
    second = subprocess.run(command, capture_output=True, text=True)
    assert second.returncode == 0 and "1 compiled, 0 failed" in second.stdout

    # A change of what b.hpp includes is a change of b.hpp.
    (tmp_path / "src/platform/base/a.hpp").write_text("#pragma once\nstruct C {};\n")
    third = subprocess.run(command, capture_output=True, text=True)
    assert third.returncode == 1 and "2 compiled, 1 failed" in third.stdout

    # The build compiles a.cpp, and thereby a.hpp alone, but only if nothing is included before it.
    (build / "headers_checked.json").unlink()
    source.write_text('#include "platform/base/a.hpp"\n')
    fourth = subprocess.run(command, capture_output=True, text=True)
    assert "1 compiled, 1 failed" in fourth.stdout
    (build / "headers_checked.json").unlink()
    source.write_text('#include <string>\n#include "platform/base/a.hpp"\n')
    fifth = subprocess.run(command, capture_output=True, text=True)
    assert "2 compiled, 1 failed" in fifth.stdout


GTEST = """<testsuites><testsuite name="S">
  <testcase name="Ok" status="run" result="completed" classname="S"/>
  <testcase name="Off" status="notrun" result="suppressed" classname="S"/>
  <testcase name="DISABLED_Consumes" status="notrun" result="suppressed" classname="FaultsProcess"/>
  <testcase name="Bad" status="run" result="completed" classname="S"><failure message="x"/></testcase>
  <testcase name="No" status="run" result="skipped" classname="S"><skipped message="a.cpp:3&#x0A;no engine"/></testcase>
</testsuite></testsuites>"""


def test_results_are_counted_and_skips_say_why(tmp_path):
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit/a.xml").write_text(GTEST)
    (tmp_path / "check").mkdir()
    (tmp_path / "check/a.tsv").write_text("format\tpassed\t\nlayers\tfailed\tsrc/a.hpp:1: wrong\n")
    parts = summarize_tests.read(tmp_path)
    counts = [(part.name, part.passed, len(part.failed), len(part.skipped)) for part in parts]
    assert counts == [("check", 1, 1, 0), ("unit", 1, 1, 2)]
    text, good = summarize_tests.render(parts, skips_fail=False)
    assert not good and text.splitlines()[-1] == "2 passed, 2 failed, 2 skipped"
    assert "no engine" in text and "S.Bad" in text


def test_in_ci_a_skip_is_a_failure(tmp_path):
    (tmp_path / "api").mkdir()
    (tmp_path / "api/a.tsv").write_text("one\tpassed\t\ntwo\tskipped\tno engine\n")
    parts = summarize_tests.read(tmp_path)
    assert summarize_tests.render(parts, skips_fail=False)[1]
    assert not summarize_tests.render(parts, skips_fail=True)[1]


def test_nothing_run_is_no_success(tmp_path):
    assert not summarize_tests.render(summarize_tests.read(tmp_path), skips_fail=False)[1]


def statement(text, freshness=""):
    return f'constexpr sql::Statement kIt{{"post.it", "{text}"{freshness}}};\n'


def distributed(tmp_path, source, citus="SELECT pg_temp.distribute('post.posts', 'author_id', 'none');\n"):
    """What is found about one statement of a service with one table."""
    files = {
        "src/services/post/migrations/0001_init.sql":
            "CREATE TABLE posts (author_id bigint, id bigint, PRIMARY KEY (author_id, id));",
        "src/services/post/post_store.cpp": source,
        "deploy/postgres/citus.sql": citus,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [fault for fault in check_statements.check(tmp_path) if "no statement" not in fault]


@pytest.mark.parametrize("text", [
    "SELECT id FROM posts WHERE author_id = $1 AND id < $2",
    "SELECT p.id FROM posts p WHERE p.author_id IN ($1:ids) AND (p.id = $2 OR p.id = $3)",
    "DELETE FROM posts WHERE author_id = $1 AND id IN (SELECT id FROM posts WHERE author_id = $1 LIMIT $2)",
    "INSERT INTO posts (id, author_id) VALUES ($1, $2), ($3, $2)"
    " ON CONFLICT (author_id, id) DO UPDATE SET id = excluded.id",
    "INSERT INTO posts (id, author_id) SELECT COALESCE(MAX(id) + 1, $2), $1 FROM posts WHERE author_id = $1",
    "UPDATE posts SET id = $3 WHERE (author_id = $1 AND id = $2) OR (author_id = $2 AND id = $1)",
    "WITH mine AS (SELECT author_id, id FROM posts WHERE author_id = $1)"
    " SELECT p.id FROM mine m JOIN posts p ON p.author_id = m.author_id",
    "SELECT p.id FROM posts o JOIN posts p ON o.author_id = p.author_id WHERE p.id = $2 AND o.author_id = $1",
    "SELECT id FROM posts WHERE (author_id = $1 AND id < $2) OR (id = $3 AND (author_id = $4))",
    "SELECT o.id FROM posts o WHERE o.author_id = $1"
    " AND EXISTS (SELECT 1 FROM posts p WHERE p.author_id = o.author_id AND p.id > o.id)",
])
def test_a_statement_that_names_its_keys_passes(tmp_path, text):
    assert distributed(tmp_path, statement(text)) == []


@pytest.mark.parametrize("text", [
    "SELECT id FROM posts WHERE id = $1",
    "SELECT id FROM posts WHERE author_id > $1",
    "SELECT id FROM posts WHERE author_id = $1 OR id = $2",
    "SELECT id FROM posts WHERE author_id = $1 UNION SELECT id FROM posts WHERE id = $2",
    "DELETE FROM posts WHERE author_id = $1 AND id IN (SELECT id FROM posts WHERE id < $2)",
    "SELECT p.id FROM posts o JOIN posts p ON p.id = o.id WHERE o.author_id = $1",
    "INSERT INTO posts (id) VALUES ($1)",
    "INSERT INTO posts (id, author_id) VALUES ($1, $2), ($3, 7)",
    "INSERT INTO posts (id, author_id) SELECT $2, MAX(id) FROM posts WHERE author_id = $1",
    "INSERT INTO posts (id, author_id) SELECT $2, $1 FROM posts WHERE id = $2",
    "UPDATE posts SET author_id = $1",
    "SELECT id FROM drafts WHERE author_id = $1",
    "SELECT id FROM posts WHERE (author_id = $1 OR id = $2)",
    "SELECT id FROM posts WHERE id = $1 AND (author_id = $2 OR (author_id = $3 OR id > $4))",
    "SELECT id FROM posts WHERE NOT (author_id = $1)",
    "SELECT p.id FROM posts o JOIN posts p ON p.author_id = o.id WHERE o.author_id = $1",
    "SELECT p.id FROM posts o JOIN posts p ON p.author_id = o.author_id WHERE p.id = $1",
    "SELECT id FROM posts WHERE author_id = posts.id",
    "SELECT id FROM posts ORDER BY author_id = $1",
])
def test_a_statement_that_does_not_is_found(tmp_path, text):
    assert len(distributed(tmp_path, statement(text))) >= 1


@pytest.mark.parametrize("text", [
    "INSERT INTO posts (author_id, id) VALUES ($1, COALESCE((SELECT id FROM posts WHERE author_id = $1), $2))",
    "SELECT id FROM posts WHERE author_id IN ($1:ids) UNION ALL SELECT id FROM posts WHERE author_id = $2",
    "WITH RECURSIVE below (author_id, id) AS (SELECT author_id, id FROM posts WHERE author_id IN ($1:ids)"
    " UNION SELECT p.author_id, p.id FROM below b JOIN posts p ON p.author_id = b.author_id AND p.id > b.id)"
    " SELECT id FROM below",
])
def test_a_form_that_citus_refuses_is_found(tmp_path, text):
    """[F: `outbox.append` is refused] [F: `post.list_comment_counts_of` is refused]

    [F: `connection.list_pairs` and `list_circles` write intermediate results]
    """
    assert len(distributed(tmp_path, statement(text))) == 1


def test_statements_are_read_from_raw_strings_macros_and_neighbours(tmp_path):
    columns = '#define COLUMNS "id, author_id"\n'
    assert distributed(tmp_path, columns + statement('SELECT " COLUMNS " FROM posts WHERE id = $1'))
    assert distributed(tmp_path, 'constexpr Statement kA{"a", R"(\n  SELECT id FROM posts)"};')
    assert distributed(tmp_path, 'constexpr Statement kA{"a", "SELECT id"\n  " FROM posts"};')
    assert distributed(tmp_path, "sql::Statement made;")
    assert distributed(tmp_path, "// constexpr Statement kA{\"a\", \"SELECT id FROM posts\"};") == []


def test_only_a_select_that_names_its_keys_may_be_answered_by_a_replica(tmp_path):
    freshness = ", sql::Freshness::replica_ok"
    assert distributed(tmp_path, statement("SELECT id FROM posts WHERE author_id = $1", freshness)) == []
    assert distributed(tmp_path, statement("DELETE FROM posts WHERE author_id = $1", freshness))


@pytest.mark.parametrize("citus", [
    "",
    "SELECT pg_temp.distribute('post.posts', 'id', 'none');\n",
    "SELECT pg_temp.distribute('post.posts', 'author_id', 'user.accounts');\n",
    "SELECT pg_temp.distribute('post.posts', 'author_id', 'none');\n"
    "SELECT pg_temp.keep_local('post.posts');  -- few rows\n",
    "SELECT pg_temp.distribute('post.posts', 'author_id', 'none');\n"
    "SELECT pg_temp.distribute('post.drafts', 'author_id', 'post.posts');\n",
    "SELECT pg_temp.distribute('post.posts', 'author_id', 'none');\nSELECT something();\n",
    "SELECT pg_temp.keep_local('post.posts');\n",
])
def test_a_table_that_is_not_distributed_by_its_key_is_found(tmp_path, citus):
    assert distributed(tmp_path, statement("SELECT id FROM posts WHERE author_id = $1"), citus)


def test_a_table_may_stay_local_for_a_reason(tmp_path):
    local = "SELECT pg_temp.keep_local('post.posts');  -- few rows\n"
    assert distributed(tmp_path, statement("SELECT id FROM posts WHERE id = $1"), local) == []
