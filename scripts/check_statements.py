#!/usr/bin/env python3
"""Proves that the tables can be distributed by their keys; compares citus.sql, migrations and statements.

    scripts/check_statements.py [ROOT]      ROOT: the folder that holds src/, by default this repository

Each table of each service is in deploy/postgres/citus.sql: distributed by the first column of its primary key, or
local with a reason. Each sql::Statement names the key of each distributed table that it touches, as
a parameter (key = $n, key IN ($n:ids), a value of an INSERT) or by a join to a row that is named so.

Two guarantees depend on this. A request touches only the shards of the keys that it names. A replica is never read for
a key that has just been written (src/platform/sql/recent_writes.hpp). Statements that run in the background need not
name keys; they are listed here.
"""

import re
import sys
from pathlib import Path

# Statements without a key, which no request runs. Each with the reason why it may look at all shards.
BACKGROUND = {
    "outbox.find_waiting": "readiness, import and drain ask whether any event waits, and a relay that sleeps",
    "relay.read": "the relay reads a range of partitions, which are fewer than the shards",
    "relay.remove": "the relay removes what it has read, by id",
    "relay.count_waiting": "metric",
    "inbox.prune": "upkeep, by age",
    "dead_letters.list": "administration",
    "dead_letters.prune": "upkeep, by age",
    "idempotency.prune": "upkeep, by age",
    "graph_check.page_traits": "the graph is compared with all members",
    "graph_check.list_between": "the graph is compared with all connections",
    "post.find_purge": "upkeep looks for the next deleted post",
    "user.prune_registrations": "upkeep, by age",
    "user.prune_codes": "upkeep, by age",
    "user.prune_code_turns": "upkeep, by age",
    "user.prune_resets": "upkeep, by age",
    "user.prune_email_changes": "upkeep, by age",
    "user.prune_known_devices": "upkeep, by age",
    "user.list_accounts": "administration",
    "user.prune_refresh_tokens": "upkeep, by age",
    "user.prune_sessions": "upkeep, by age",
}
# Statements that are put together at run time, and where their key is.
MADE = {
    "connection.connect_strangers": "import; the key is the first value of each row",
    "connection.insert_bulk": "import; the key is the first value of each row",
}
# Made by the drivers themselves, in every schema; never distributed.
OWN_TABLES = {"schema_migrations"}
# Where the migrations of all services begin, and what is added there -> the file that holds the tables.
KIT = "src/platform/service/module.cpp"
SHARED = {
    "outbox::migrations()": "src/platform/outbox/outbox.cpp",
    "sql::kNodeLeaseSchema": "src/platform/sql/node_lease.cpp",
    "http::kIdempotencySchema": "src/platform/http/idempotency.cpp",
}

LITERAL = r'R"\((?P<raw>.*?)\)"|"(?P<plain>(?:[^"\\]|\\.)*)"'
TOKEN = re.compile(LITERAL + r"|(?P<name>\w+)|(?P<other>.)", re.DOTALL)
COMMENT = re.compile(r'(R"\(.*?\)"|"(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
KEYWORDS = "WHERE SET ON VALUES ORDER GROUP LIMIT JOIN LEFT INNER RETURNING UNION USING AS".split()


def without_comments(text):
    return COMMENT.sub(lambda match: match.group(1) or " ", text)


def unescaped(text):
    return text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")


def literals(text, macros):
    """The texts of a C++ expression of string literals and macros, neighbours joined; a comma ends one."""
    parts = [""]
    for token in TOKEN.finditer(text):
        if token["raw"] is not None:
            parts[-1] += token["raw"]
        elif token["plain"] is not None:
            parts[-1] += unescaped(token["plain"])
        elif token["name"]:
            parts[-1] += macros.get(token["name"], token["name"])
        elif token["other"] == ",":
            parts.append("")
        elif not token["other"].isspace():
            parts[-1] += token["other"]
    return parts


def end_of_braces(text, at):
    """The place behind the brace that closes the one at `at`."""
    depth = 0
    for token in TOKEN.finditer(text, at):
        depth += {"{": 1, "}": -1}.get(token["other"], 0)
        if depth == 0:
            return token.end()
    raise ValueError("a brace is not closed")


def statements_of(text):
    """(line, name, sql, is replica_ok) of each Statement constant in a source file, and faults in their definitions."""
    source = without_comments(text)
    macros = {
        name: "".join(literals(body, {}))
        for name, body in re.findall(r"#define (\w+) +((?:[^\n\\]|\\.|\\\n)*)", source)
    }
    found, faults = [], []
    for match in re.finditer(r"\bStatement\s+(\w+)\s*([{;=(]|,)?", source):
        line = source.count("\n", 0, match.start()) + 1
        if source[: match.start()].endswith(("struct ", "class ")):
            continue
        if match[2] == "{":
            parts = literals(source[match.end() : end_of_braces(source, match.end() - 1) - 1], macros)
            found.append((line, parts[0], parts[1], "replica_ok" in "".join(parts[2:])))
        elif match[2] != ";" or "BulkStatement" not in source:
            faults.append((line, f'{match[1]}: write a Statement as constexpr Statement kName{{"name", "text"}}'))
    for match in re.finditer(r'BulkStatement\{\d+, "([^"]+)"', source):
        if match[1] not in MADE:
            faults.append((source.count("\n", 0, match.start()) + 1, f"{match[1]} is made at run time and not in MADE"))
    return found, faults


def tables_of(text):
    """Table -> the columns of its primary key, of a script or of a source file that holds one."""
    text = re.sub(r"--[^\n]*", "", text)
    text = re.sub(r'"\s*\n\s*"', "", text)
    tables = {}
    for match in re.finditer(r"CREATE TABLE (\w+)\s*\((.*?)\)\s*;", text, re.DOTALL):
        whole = re.search(r"PRIMARY KEY\s*\(([^)]*)\)", match[2])
        inline = re.search(r"(\w+) [^,(]*PRIMARY KEY", match[2])
        tables[match[1]] = re.split(r"\s*,\s*", whole[1].strip()) if whole else [inline[1]] if inline else []
    return tables


def unique_indexes_of(text):
    return re.findall(r"CREATE UNIQUE INDEX (\w+) ON (\w+)\s*\(([^)]*)\)", text)


def citus_of(text):
    """Table -> its key, or "" for one that stays on the coordinator; and the faults."""
    text = re.sub(r"CREATE FUNCTION.*?\$\$.*?\$\$;", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)
    tables, faults = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        shared = re.match(r"^SELECT pg_temp\.distribute\('(\w+)\.(\w+)', '(\w+)', '(?:none|(\w+)\.\w+)'\);$", line)
        local = re.match(r"^SELECT pg_temp\.keep_local\('(\w+)\.(\w+)'\);  -- \S.*$", line)
        if match := shared or local:
            name = f"{match[1]}.{match[2]}"
            if name in tables:
                faults.append((number, f"{name} is there twice"))
            tables[name] = shared[3] if shared else ""
            if shared and shared[4] not in (None, shared[1]):
                faults.append((number, f"{name} is colocated with a table of another service"))
        elif line.strip() and not line.startswith("--") and line not in ("BEGIN;", "COMMIT;"):
            faults.append((number, f"not understood: {line}"))
    return tables, faults


def at_depth_0(text, separator):
    """`text` split where `separator` (a regular expression) stands outside parentheses."""
    parts, depth, start = [], 0, 0
    for match in re.finditer(r"[()]|" + separator, text):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
        elif depth == 0:
            parts.append(text[start : match.start()])
            start = match.end()
    return parts + [text[start:]]


def blocks_of(sql):
    """The statement and its subqueries, each without those inside it; arms of a UNION apart."""
    blocks, rest = [], sql
    while match := re.search(r"\(\s*(?=SELECT\b)", rest):
        depth, end = 0, match.start()
        for end in range(match.start(), len(rest)):
            depth += {"(": 1, ")": -1}.get(rest[end], 0)
            if depth == 0:
                break
        blocks += blocks_of(rest[match.end() : end])
        rest = rest[: match.start()] + "@" + rest[end + 1 :]
    return blocks + at_depth_0(rest, r"\bUNION\b(?:\s+ALL\b)?")


def holds(condition, named):
    """Whether `condition` holds only for rows that match `named`, a regular expression.

    That is so if one part of an AND requires it, or every part of an OR.
    """
    condition = condition.strip()
    for separator, decide in ((r"\b(?:WHERE|ON|JOIN)\b", any), (r"\bOR\b", all), (r"\bAND\b", any)):
        parts = at_depth_0(condition, separator)
        if len(parts) > 1:
            return decide(holds(part, named) for part in parts)
    if condition.startswith("(") and condition.endswith(")"):
        return holds(condition[1:-1], named)
    return bool(named.match(condition))


def is_key_named(block, column, others):
    """Whether the conditions of `block` compare the key `column` with a parameter or with one of `others`.

    `others` are columns that are named themselves; all arguments are regular expressions.
    """
    column, other = r"(?:%s)(?!\w)" % column, r"(?:%s)(?!\w)" % "|".join(others or ["(?!)"])
    named = re.compile(rf"{column}\s*(?:=\s*(?:\$\d+|{other})|IN\s*\(\$\d+:ids\))|{other}\s*=\s*{column}")
    conditions = re.split(r"\b(?:WHERE|ON(?! CONFLICT))\b", block, maxsplit=1)
    return len(conditions) > 1 and holds(
        re.split(r"\b(?:GROUP BY|ORDER BY|RETURNING|LIMIT)\b", conditions[1])[0], named
    )


def unnamed(block, tables, temporary, keys):
    """The tables of `block` (with their aliases) whose key is neither a parameter nor equal to a named key."""
    here = {alias or table for table, alias in tables if table not in temporary}
    # Columns of temporary tables, and of the statement around this one, whose own tables are looked at by themselves.
    others = [r"(?!(?:%s)\.)\w+\.\w+" % "|".join(here)]
    left = [(table, alias) for table, alias in tables if keys.get(table)]
    while True:
        found = []
        for table, alias in left:
            name, key = alias or table, keys[table]
            column = rf"{name}\.{key}" if len(tables) > 1 else rf"(?:{name}\.)?{key}"
            if is_key_named(block, column, others):
                found.append((table, alias))
        if not found:
            return [table for table, _ in left]
        left = [pair for pair in left if pair not in found]
        others += [rf"{alias or table}\.{keys[table]}" for table, alias in found]


def insert_faults(block, table, key):
    match = re.search(
        r"INTO\s+%s\s*\(([^)]*)\)\s*(?:VALUES\s*(.*)|SELECT\s+(.*?)\s+FROM\b)" % table, block, re.DOTALL
    )
    if not match:
        return ["INSERT INTO %s without columns and VALUES or SELECT" % table]
    columns = re.split(r"\s*,\s*", match[1].strip())
    if key not in columns:
        return [f"inserts into {table} without {key}"]
    rows = [match[3]]
    if match[2]:
        rows = [
            row.strip()[1:-1] for row in at_depth_0(re.split(r"\b(?:ON CONFLICT|RETURNING)\b", match[2])[0], ",")
        ]
    for row in rows:
        values = at_depth_0(row, ",")
        if not re.fullmatch(r"\s*\$\d+\s*", values[columns.index(key)]):
            return [f"inserts into {table} with a {key} that is no parameter"]
    return []


def key_faults(sql, keys):
    """Which distributed tables are touched without naming their key. `keys`: table -> key; empty: not distributed."""
    temporary = set(re.findall(r"(?:\bWITH(?:\s+RECURSIVE)?|,)\s+(\w+)\s*(?:\([^)]*\))?\s+AS\s*[(@]", sql))
    faults = []
    for block in blocks_of(sql):
        tables = r"\b(INTO|FROM|JOIN|(?<!DO )UPDATE)\s+(\w+)(?:\s+(?:AS\s+)?(?!(?:%s)\b)(\w+))?(?!\w|\(\))" % "|".join(
            KEYWORDS
        )
        read = []
        for verb, table, alias in re.findall(tables, block):
            if table not in temporary and table not in keys:
                faults.append(f"touches {table}, which no migration makes")
            elif verb != "INTO":
                read.append((table, alias))
            elif keys.get(table):
                faults += insert_faults(block, table, keys[table])
        faults += [
            f"touches {table} without naming its key {keys[table]}" for table in unnamed(block, read, temporary, keys)
        ]
    return faults


def form_faults(sql, keys):
    """Forms that Citus 13 refuses, or answers by way of intermediate results on all workers."""
    faults = []
    if re.search(r"\bVALUES\s*\(.*\(\s*SELECT\b", sql, re.DOTALL):
        faults.append("has a subquery in VALUES")
    touched = {keys[table] for table in re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", sql) if keys.get(table)}
    several = any(re.search(rf"(?<!\w){key}\s+IN\s*\(\$\d+:ids\)", sql) for key in touched)
    if several and re.search(r"\bUNION\b", sql):
        faults.append("has a UNION over several keys: write one statement for each arm, or for each key")
    return faults


def tables_of_service(root, folder):
    """Table -> primary key of a service: its own and those that the kit adds to every service."""
    texts = [path.read_text() for path in sorted((folder / "migrations").glob("*.sql"))]
    kit = (root / KIT).read_text() if (root / KIT).exists() else ""
    texts += [(root / file).read_text() for sign, file in SHARED.items() if sign in kit]
    tables = {}
    for text in texts:
        tables.update(tables_of(text))
    return tables, [index for text in texts for index in unique_indexes_of(text)]


def check(root):
    faults, keys, used = [], {table: "" for table in OWN_TABLES}, set()
    script = root / "deploy/postgres/citus.sql"
    citus, wrong = citus_of(script.read_text())
    faults += [f"deploy/postgres/citus.sql:{line}: {fault}" for line, fault in wrong]
    known = set()
    for folder in sorted((root / "src/services").iterdir()):
        if not (folder / "migrations").is_dir():
            continue
        tables, uniques = tables_of_service(root, folder)
        for table, primary in tables.items():
            name = f"{folder.name}.{table}"
            known.add(name)
            if not primary:
                faults.append(f"{name} has no primary key")
            elif name not in citus:
                faults.append(f"{name} is not in deploy/postgres/citus.sql")
            elif citus[name] and citus[name] != primary[0]:
                faults.append(f"{name} is distributed by {citus[name]}, but its primary key begins with {primary[0]}")
            key = citus.get(name) or ""
            if keys.setdefault(table, key) != key:
                faults.append(f"{name} has another key than the table of this name of another service")
        for index, table, columns in uniques:
            if keys.get(table) and keys[table] not in re.split(r"\s*,\s*", columns):
                faults.append(f"{folder.name}: the unique index {index} does not hold the key of {table}")
    faults += [f"deploy/postgres/citus.sql: {name} is made by no migration" for name in citus if name not in known]

    for path in sorted((root / "src").rglob("*.[ch]pp")):
        statements, wrong = statements_of(path.read_text())
        place = path.relative_to(root)
        faults += [f"{place}:{line}: {fault}" for line, fault in wrong]
        for line, name, sql, is_replica_ok in statements:
            found = key_faults(sql, keys)
            faults += [f"{place}:{line}: {name} {fault}" for fault in form_faults(sql, keys)]
            used.add(name)
            if name in BACKGROUND:
                if not found:
                    faults.append(f"{place}:{line}: {name} names its keys: take it out of BACKGROUND")
                if is_replica_ok:
                    faults.append(f"{place}:{line}: {name} is in BACKGROUND, so no replica may answer it")
            else:
                faults += [f"{place}:{line}: {name} {fault}" for fault in found]
            if is_replica_ok and not re.match(r"\s*SELECT\b", sql):
                faults.append(f"{place}:{line}: {name} is replica_ok and no SELECT")
    faults += [f"scripts/check_statements.py: no statement {name}" for name in BACKGROUND if name not in used]
    return faults


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    faults = check(root)
    print("\n".join(faults), end="\n" if faults else "")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
