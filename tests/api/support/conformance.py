"""Checks every answer against the server's OpenAPI document: an undocumented status or field is a failure. [X8]"""

import re

import jsonschema_rs

UNSAID = object()


def closed(node):
    """The schema with no fields besides those that it names: clients must ignore others, but today there are none."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: closed(value) for key, value in node.items()}
    return {"additionalProperties": False, **node} if isinstance(node.get("properties"), dict) else node


class Document:
    """The OpenAPI document with look-ups by request."""

    def __init__(self, tree: dict):
        self.tree = tree
        self.validators = {}
        self.operations = []  # (method, template, operation)
        self.by_method = {}
        for template, item in tree["paths"].items():
            shared = item.get("parameters", [])
            for method, operation in item.items():
                if method.upper() not in ("GET", "PUT", "POST", "PATCH", "DELETE"):
                    continue
                operation = {**operation, "parameters": shared + operation.get("parameters", [])}
                self.operations.append((method.upper(), template, operation))
                pattern = re.compile("^" + re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)) + "$")
                self.by_method.setdefault(method.upper(), []).append(
                    (template.count("{"), pattern, template, operation)
                )
        for rows in self.by_method.values():
            rows.sort(key=lambda row: row[0])  # fixed segments win over parameters

    def find(self, method: str, path: str):
        """(template, operation) of a request, or None for a path that is not documented."""
        for _, pattern, template, operation in self.by_method.get(method, []):
            if pattern.match(path):
                return template, operation
        return None

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            at = self.tree
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part.replace("~1", "/").replace("~0", "~")]
            node = at
        return node

    def body_schema(self, operation):
        """The schema of the JSON body of an operation, resolved; None when it takes none."""
        content = self.resolve(operation.get("requestBody", {})).get("content", {})
        for kind, media in content.items():
            if "json" in kind:
                return self.resolve(media["schema"])
        return None

    def faults_of(self, method: str, path: str, status: int, content_type: str, body) -> list[str]:
        """What of an answer contradicts the document; `body` is parsed JSON or UNSAID."""
        found = self.find(method, path)
        if not found:
            return []
        template, operation = found
        answers = operation["responses"]
        key = (
            str(status)
            if str(status) in answers
            else f"{status // 100}XX"
            if f"{status // 100}XX" in answers
            else "default"
        )
        if key not in answers:
            return [f"status {status} is not documented for {method} {template}"]
        content = self.resolve(answers[key]).get("content", {})
        kind = content_type.split(";")[0].strip()
        media = content.get(kind, content.get("*/*"))
        if media is None:
            return (
                [f"{method} {template} {status}: content type '{kind}' is not documented, only {list(content)}"]
                if kind
                else []
            )
        if body is UNSAID or "schema" not in media:
            return []
        at = (method, template, key, kind)
        if at not in self.validators:
            schema = {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "components": {"schemas": closed(self.tree["components"]["schemas"])},
                **closed(media["schema"]),
            }
            self.validators[at] = jsonschema_rs.validator_for(schema)
        return [
            f"{method} {template} {status}: /{'/'.join(map(str, error.instance_path))}: {error.message}"
            for error in self.validators[at].iter_errors(body)
        ]
