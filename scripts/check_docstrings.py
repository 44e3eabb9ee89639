#!/usr/bin/env python3
"""Finds public types and functions in the headers of src/ that have no /// comment directly above.

    scripts/check_docstrings.py [ROOT | HEADER...]      by default all of this repository's src/

One comment may cover several functions that follow each other without a blank line. One function of an overload set
needs a comment. The only public function of a type needs none, because the comment of the type says what it does.

Nor do these: private and protected members, friends, and the contents of a namespace `detail` or without a name;
constructors (the comment of the type says what they take), destructors, defaulted and deleted functions, overrides,
operators, members that are defined on one line or declared in another place; specialisations, forward declarations,
aliases and variables.
"""

import re
import sys
from pathlib import Path

TOKEN = re.compile(
    r"""(?P<doc>///[^\n]*)
      | (?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\.)*)
      | (?P<string>(?:u8|[uUL])?R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"
                  |(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"
                  |(?<![0-9A-Fa-f])'(?:[^'\\\n]|\\.)+')
      | (?P<name>[A-Za-z_]\w*)
      | (?P<number>\.?\d(?:[\w.']|[eEpP][+-])*)
      | (?P<mark2>::|->|[^\s])""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
CLOSING = {"(": ")", "[": "]", "{": "}"}
TYPES = {"class", "struct", "union", "enum"}
# Names with parentheses that are not the parameters of a function.
NOT_A_FUNCTION = {"alignas", "decltype", "noexcept", "explicit", "requires", "__attribute__", "sizeof", "throw", "asm"}


class Token:
    def __init__(self, text, line, last_line, kind):
        self.text, self.line, self.last_line, self.kind = text, line, last_line, kind


class Header:
    """One header, read declaration by declaration; `faults` are (line, message)."""

    def __init__(self, text):
        self.faults, self.tokens, self.doc_lines = [], [], set()
        self.lines = text.split("\n")
        line, counted = 1, 0
        for match in TOKEN.finditer(text):
            line += text.count("\n", counted, match.start())
            counted = match.start()
            kind = match.lastgroup
            if kind == "mark":
                kind = "string"
            if kind == "doc":
                self.doc_lines.add(line)
            elif kind not in ("comment", "directive"):
                self.tokens.append(Token(match.group(), line, line + match.group().count("\n"), kind))
        self.at, self.functions = 0, []
        self.scope(checked=True, type_name=None)

    def text(self, ahead=0):
        index = self.at + ahead
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def skip_balanced(self):
        """From an opening bracket to behind its closing one."""
        opening = self.text()
        closing, depth = CLOSING[opening], 0
        while self.at < len(self.tokens):
            depth += (self.text() == opening) - (self.text() == closing)
            self.at += 1
            if depth == 0:
                return

    def skip_angles(self):
        """From `<` to behind its `>`."""
        depth = 0
        while self.at < len(self.tokens):
            if self.text() in CLOSING:
                self.skip_balanced()
                continue
            depth += (self.text() == "<") - (self.text() == ">")
            self.at += 1
            if depth == 0:
                return

    def skip_to_semicolon(self):
        while self.at < len(self.tokens) and self.text() not in (";", "}"):
            if self.text() in CLOSING:
                self.skip_balanced()
            else:
                self.at += 1
        if self.text() == ";":
            self.at += 1

    def scope(self, checked, type_name, public=True):
        """The declarations up to the end of a namespace or class; leaves its `}` to the caller."""
        group = None  # (last line, has a comment) of the function declared just before
        outer, self.functions = self.functions, []
        while self.at < len(self.tokens) and self.text() != "}":
            if self.text() in ("public", "private", "protected") and self.text(1) == ":":
                public = self.text() == "public"
                self.at += 2
                group = None
            elif self.text() == ";":
                self.at += 1
            else:
                group = self.declaration(checked and public, type_name, group)
        self.judge_functions(type_name)
        self.functions = outer

    def judge_functions(self, type_name):
        """Adds the faults of the scope that ends: its functions that need a comment and have none."""
        documented = {name for _, name, has_comment in self.functions if has_comment}
        if type_name is not None and len({name for _, name, _ in self.functions}) == 1:
            return
        for line, name, _ in self.functions:
            if name not in documented:
                self.faults.append((line, f"{name}() has no /// comment"))

    def body(self, **arguments):
        self.at += 1
        self.scope(**arguments)
        self.at += 1

    def declaration(self, checked, type_name, group):
        first = self.tokens[self.at]
        if first.text in ("namespace", "inline") and "namespace" in (first.text, self.text(1)):
            return self.namespace(checked)
        if first.text == "extern" and self.tokens[self.at + 1].kind == "string" and self.text(2) == "{":
            self.at += 2
            return self.body(checked=checked, type_name=None)
        if first.text in ("using", "typedef", "static_assert", "friend"):
            is_function = first.text == "friend"
            return self.skip_function_or_statement() if is_function else self.skip_to_semicolon()
        if first.kind == "name" and re.fullmatch(r"[A-Z][A-Z0-9_]+", first.text) and self.text(1) == "(":
            self.at += 1  # a macro, for example BOOST_DESCRIBE_STRUCT(...)
            return self.skip_balanced()
        return self.type_or_function(first, checked, type_name, group)

    def namespace(self, checked):
        names = []
        while self.text() not in ("{", ";", "="):
            names.append(self.text())
            self.at += 1
        if self.text() != "{":
            return self.skip_to_semicolon()
        named = names[-1] != "namespace"
        self.body(checked=checked and named and "detail" not in names, type_name=None)

    def skip_function_or_statement(self):
        while self.text() not in ("{", ";", ""):
            if self.text() == "(":
                self.skip_balanced()
            else:
                self.at += 1
        if self.text() == "{":
            self.skip_balanced()
        else:
            self.at += 1

    def type_or_function(self, first, checked, type_name, group):
        """Reads one declaration and judges it. Returns the group for the next one when this is a function."""
        name, kind, words = None, None, []
        specialised = initializers = elsewhere = False
        while self.at < len(self.tokens):
            text = self.text()
            if text == "template" and self.text(1) == "<":
                self.at += 1
                self.skip_angles()
            elif text == "requires" and kind is None or text == "requires" and kind == "function":
                self.skip_requires()
            elif text == "operator":
                name, kind = "operator", "function"
                self.at += 1
                while self.text() != "(" or (self.text(-1) == "operator" and self.text(1) == ")"):
                    self.at += 1
            elif text == "<" and words:
                specialised |= kind == "type" and ":" not in words
                self.skip_angles()
            elif text in TYPES and kind is None and not words[-1:] == ["enum"]:
                kind = "type"
                words.append(text)
                self.at += 1
            elif text == "concept":
                kind, name = "concept", self.text(1)
                self.skip_to_semicolon()
                break
            elif text == "(":
                called = self.text(-1)
                opened_by = self.tokens[self.at - 1]
                self.skip_balanced()
                if called in NOT_A_FUNCTION or kind in ("function", "type") and name is not None:
                    continue
                if kind == "type" and words[-1] in TYPES:
                    continue
                if opened_by.kind == "name":
                    elsewhere = words[-2:-1] == ["::"]
                    name, kind = ("~" if "~" in words else "") + called, "function"
            elif text == "[":
                self.skip_balanced()
            elif text == ":" and kind == "function":
                initializers = True
                self.at += 1
            elif text == "=":
                words.append(text)
                self.at += 1
                if kind == "function":
                    words.append(self.text())
                self.skip_to_semicolon()
                break
            elif text == "{":
                if initializers and (self.tokens[self.at - 1].kind == "name" or self.text(-1) == ">"):
                    self.skip_balanced()
                    continue
                if kind == "type":
                    self.type_body(first, checked, words, specialised)
                    return None
                self.skip_balanced()
                if kind == "function":
                    words.append("{")
                    break
            elif text == ";":
                self.at += 1
                break
            elif text == "}":
                break
            else:
                words.append(text)
                self.at += 1
        if kind == "concept":
            self.judge(first, checked, f"concept {name}")
            return None
        if kind != "function" or elsewhere:
            return None
        return self.note_function(first, checked, type_name, group, name, words)

    def skip_requires(self):
        self.at += 1
        if self.text() == "(":
            self.skip_balanced()
            if self.text() == "{":
                self.skip_balanced()
        elif self.text() == "{":
            self.skip_balanced()

    def type_body(self, first, checked, words, specialised):
        keyword = next(word for word in words if word in TYPES)
        names = words[words.index(keyword) + 1 :]
        names = names[: names.index(":")] if ":" in names else names
        names = [n for n in names if n not in TYPES and n != "final" and re.fullmatch(r"\w+", n)]
        name = names[-1] if names else None
        needed = checked and name is not None and not specialised
        if needed:
            self.judge(first, checked, f"{keyword} {name}")
        if keyword == "enum":
            self.skip_balanced()
        else:
            self.body(checked=needed, type_name=name, public=keyword != "class")
        self.skip_to_semicolon()

    def documented(self, first):
        return first.line - 1 in self.doc_lines

    def judge(self, first, checked, what):
        if checked and not self.documented(first):
            self.faults.append((first.line, f"{what} has no /// comment"))

    def note_function(self, first, checked, type_name, group, name, words):
        """Notes the function for judge_functions(); returns the group for the next one."""
        last = self.tokens[min(self.at, len(self.tokens)) - 1].last_line
        documented = self.documented(first)
        if not documented and group is not None:
            between = self.lines[group[0] : first.line - 1]
            documented = group[1] and all(line.strip() for line in between)
        free = (
            type_name is not None
            and name in (type_name, "~" + type_name)
            or "~" in words
            or name == "operator"
            or any(word in words for word in ("override", "final", "default", "delete"))
            or type_name is not None
            and "{" in words
            and self.declared_on(first) == last
        )
        if checked and not free:
            self.functions.append((first.line, name, documented))
        return last, documented

    def declared_on(self, first):
        """The line of a declaration's first token behind its template<...> head."""
        end = self.at
        self.at = self.tokens.index(first)
        while self.text() == "template":
            self.at += 1
            self.skip_angles()
        line = self.tokens[self.at].line
        self.at = end
        return line


def check(paths, root):
    """The faults of these headers as lines "src/file:line: what is wrong"."""
    faults = []
    for path in paths:
        name = path.relative_to(root) if path.is_relative_to(root) else path
        for line, message in sorted(Header(path.read_text(encoding="utf-8")).faults):
            faults.append(f"{name}:{line}: {message}")
    return faults


def main():
    arguments = [Path(a) for a in sys.argv[1:]]
    root = Path(__file__).resolve().parent.parent
    if len(arguments) == 1 and arguments[0].is_dir():
        root, arguments = arguments[0], []
    headers = arguments or sorted((root / "src").rglob("*.hpp"))
    faults = check(headers, root)
    print("\n".join(faults) if faults else f"{len(headers)} headers, every public type and function has its comment")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
