"""Sentences of prose: taken out of Markdown and out of Python sources, and measured."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

MOST_WORDS = 30
FENCE = re.compile(r"^\s*(```|~~~)")
ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")
RULE = re.compile(r"^[\s|:-]+$")
DRAWN = re.compile(r"[─│├└┌]|={3,}|\S {3,}\S")  # a tree, a table
CODE = re.compile(r"``.+?``|`[^`]+`", re.DOTALL)
IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
SHORT = re.compile(r"\b(e\.g|i\.e|eq|et al|vs|cf|etc|approx)\.\s")
END = re.compile(r"""[.!?]["')*_\]]*\s+|[.!?]["')*_\]]*$""")
WORD = re.compile(r"[^\s]*[^\W_][^\s]*")


class Sentence(NamedTuple):
    line: int  # of the block that it stands in
    text: str

    @property
    def words(self) -> int:
        return len(WORD.findall(self.text))

    @property
    def too_long(self) -> bool:
        """Over 30 words, or a chain of clauses: more than one semicolon."""
        return self.words > MOST_WORDS or self.text.count(";") > 1


def split(text: str, line: int = 0) -> Iterator[Sentence]:
    """The sentences of one block. Code counts as one word, a link as its text, an image's description as a sentence."""
    text = CODE.sub(" code ", text)
    text = IMAGE.sub(lambda image: f" {image[1]}. ", text)
    text = SHORT.sub(lambda short: short[1].replace(".", "") + " ", LINK.sub(r"\1", text))
    start = 0
    for end in END.finditer(text):
        yield Sentence(line, text[start : end.end()].strip())
        start = end.end()
    if text[start:].strip():
        yield Sentence(line, text[start:].strip())


def of_markdown(text: str) -> Iterator[Sentence]:
    """A heading, an item of a list and a cell of a table are sentences of their own; fenced blocks are left out."""
    for line, block in _blocks(text):
        yield from split(block, line)


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    held: list[str] = []
    begun, fenced = 0, False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if FENCE.match(line):
            fenced = not fenced
        alone = FENCE.match(line) or fenced or not line.strip() or line.startswith(("#", "|"))
        if held and (alone or ITEM.match(line)):
            yield begun, " ".join(held)
            held = []
        if line.startswith("|") and not fenced and not RULE.match(line):
            yield from ((number, cell) for cell in CODE.sub("code", line).split("|") if cell.strip())
        elif line.startswith("#") and not fenced:
            yield number, line.lstrip("# ")
        elif not alone:
            begun = begun if held else number
            held.append(ITEM.sub("", line).strip().removeprefix("> "))


def of_docstrings(source: str) -> Iterator[Sentence]:
    """Of modules, classes and functions. Trees, tables and what is set in after a blank line are left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = re.sub(r"(?<=\n)\n((?: {4,}.*\n?)+)", _emptied, ast.get_docstring(node) or "")
            lines = ("" if DRAWN.search(line) else line for line in text.splitlines())
            for sentence in of_markdown("\n".join(lines)):
                yield sentence._replace(line=node.body[0].lineno + sentence.line - 1)


def of_errors(source: str) -> Iterator[Sentence]:
    """Of the texts that `raise` statements carry. What is put in when it runs counts as one word."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for argument in [*node.exc.args, *(keyword.value for keyword in node.exc.keywords)]:
                if (text := _text(argument)) is not None:
                    yield from split(text, node.lineno)


def _emptied(block: re.Match[str]) -> str:
    return "\n" * block[0].count("\n")


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (_text(node.left) or "x") + (_text(node.right) or "x")
    return None
