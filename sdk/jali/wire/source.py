"""A Python function as text: whether it stands on its own, what it takes, and what it imports. Nothing of it is run.

This keeps honest authors from surprises and tells reviewers what they read. It is no wall: walls are the sandbox's.
"""

import ast
import builtins
import io
import symtable
import tokenize
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

SOURCE_MAX = 64_000
PACKAGES = {
    "numpy": "numpy", "pandas": "pandas", "scipy": "scipy", "sklearn": "scikit-learn", "statsmodels": "statsmodels",
}  # fmt: skip
"""What a function may import, where the node has it, by the name under which it is installed."""
STANDARD = frozenset({
    "base64", "bisect", "calendar", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string",
    "textwrap", "typing", "warnings", "zlib",
})  # fmt: skip
"""Modules of the standard library that are loaded before the sandbox closes; no other can be, afterwards."""
ALWAYS = ("numpy", "pandas")
_NOT_THERE = frozenset({"open", "input", "breakpoint", "exec", "eval", "compile", "__import__", "help", "exit", "quit"})
_KNOWN = frozenset(dir(builtins)) - _NOT_THERE


class SourceRefused(ValueError):
    """A text is not one function that stands on its own. `line` counts from 1 within it."""

    def __init__(self, line: int, said: str) -> None:
        super().__init__(f"line {line}: {said}")
        self.line = line
        self.said = said


@dataclass(frozen=True)
class Function:
    """What a function takes: its name, its parameters behind the frame, which of them it needs, what it imports."""

    name: str
    parameters: tuple[str, ...]
    required: frozenset[str]
    any_parameter: bool
    packages: tuple[str, ...]

    def misfit(self, given: set[str]) -> str:
        """Say which parameters are missing or unknown; nothing where they fit."""
        if missing := sorted(self.required - given):
            return f"{self.name} needs {', '.join(missing)}"
        if not self.any_parameter and (unknown := sorted(given - set(self.parameters))):
            return f"{self.name} takes {', '.join(self.parameters) or 'no parameters'}, got {', '.join(unknown)}"
        return ""


def read(source: str) -> Function:
    """Return what a function's text says.

    Raises:
        SourceRefused: it is not one plain function that stands on its own; it names the line and what to do.

    >>> read("def ages(df, above=50):\\n    return int((df.age > above).sum())").parameters
    ('above',)
    >>> read("def ages(df):\\n    return np.mean(df.age)")
    Traceback (most recent call last):
    jali.wire.source.SourceRefused: line 2: np comes from outside the function: import it inside, or give it in params
    """
    if len(source) > SOURCE_MAX:
        raise SourceRefused(1, f"expected at most {SOURCE_MAX:,} characters, got {len(source):,}")
    _refuse_what_hides(source)
    try:
        tree = ast.parse(source)
        _refuse_lookalikes(source)
        function = _only(tree)
        packages = tuple(dict.fromkeys((*ALWAYS, *_imported(function))))
        _refuse_names_from_outside(function)
    except SyntaxError as error:
        raise SourceRefused(error.lineno or 1, f"it is not Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
        if isinstance(error, SourceRefused):
            raise
        raise SourceRefused(1, "it cannot be read, or is nested too deeply") from None
    return _function(function, packages)


def _refuse_what_hides(source: str) -> None:
    """Refuse characters that make a text look other than it runs (Boucher and Anderson 2021, Trojan Source)."""
    for number, line in enumerate(source.split("\n"), 1):
        for sign in line:
            if sign != "\t" and unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp"):
                raise SourceRefused(number, f"it holds the invisible character U+{ord(sign):04X}: take it out")


def _refuse_lookalikes(source: str) -> None:
    """Refuse names in other letters than ASCII's: some look the same and are not."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and not token.string.isascii():
            raise SourceRefused(token.start[0], f"the name {token.string} has letters beyond ASCII: rename it")


def _only(tree: ast.Module) -> ast.FunctionDef:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            what = "an async function" if isinstance(node, ast.AsyncFunctionDef) else "something beside the function"
            raise SourceRefused(node.lineno, f"expected one function `def name(df, ...)` and nothing else, got {what}")
    if len(tree.body) != 1:
        line = tree.body[1].lineno if tree.body else 1
        raise SourceRefused(line, f"expected one function, got {len(tree.body)}; define others inside of it")
    [function] = tree.body
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - others were refused above
    if function.lineno != 1 and not function.decorator_list:
        raise SourceRefused(1, "expected the function on the first line, so that lines are counted alike everywhere")
    if function.decorator_list:
        raise SourceRefused(function.decorator_list[0].lineno, "a decorator comes from outside: take it off")
    given = function.args
    if not (given.posonlyargs or given.args) or given.vararg is not None:
        raise SourceRefused(function.lineno, "expected a first parameter for the frame, and no *args")
    for part in _own(function):
        if isinstance(part, ast.Yield | ast.YieldFrom):
            raise SourceRefused(part.lineno, "a generator gives no one output: return it instead")
    return function


def _own(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Return what lies in a function's own body, without what its inner functions do."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _imported(function: ast.FunctionDef) -> list[str]:
    found: dict[str, None] = {}
    for node in ast.walk(function):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        if isinstance(node, ast.ImportFrom) and node.level:
            raise SourceRefused(node.lineno, "a relative import has nothing to be relative to: name the package")
        for name in names:
            root = name.partition(".")[0]
            if root in PACKAGES:
                found[root] = None
            elif root not in STANDARD:
                known = ", ".join(PACKAGES)
                raise SourceRefused(
                    node.lineno,
                    f"{name} is not loaded in the sandbox; {known} may be, and {', '.join(sorted(STANDARD))}",
                )
    return list(found)


def _refuse_names_from_outside(function: ast.FunctionDef) -> None:
    """Refuse names that are neither the function's own nor Python's. Annotations are never evaluated, and are free."""
    bare = ast.parse(ast.unparse(_Bare().visit(ast.parse(ast.unparse(function)))))
    table = symtable.symtable(ast.unparse(bare), "function", "exec")
    outside = _outside(table, {function.name})
    places: dict[str, int] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in outside:
            places[node.id] = min(places.get(node.id, node.lineno), node.lineno)
    for name in sorted(outside, key=lambda each: places.get(each, function.lineno)):
        line = places.get(name, function.lineno)
        if name in _NOT_THERE:
            raise SourceRefused(line, f"{name} does nothing in the sandbox: work on the frame, and return the output")
        raise SourceRefused(line, f"{name} comes from outside the function: import it inside, or give it in params")


def _outside(table: symtable.SymbolTable, known: set[str]) -> set[str]:
    top = table.get_type() == "module"
    found = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_referenced()
        and (symbol.is_global() or (top and not symbol.is_assigned()))
        and symbol.get_name() not in known
        and symbol.get_name() not in _KNOWN
    }
    return found.union(*(_outside(child, known) for child in table.get_children()))


class _Bare(ast.NodeTransformer):
    """Takes annotations out."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Of a parameter."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Of what a function returns."""
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Of a name that is assigned."""
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def _function(function: ast.FunctionDef, packages: tuple[str, ...]) -> Function:
    given = function.args
    positional = [each.arg for each in (*given.posonlyargs, *given.args)][1:]
    named = [each.arg for each in given.kwonlyargs]
    optional = set(positional[len(positional) - min(len(given.defaults), len(positional)) :])
    optional |= {name for name, value in zip(named, given.kw_defaults, strict=True) if value is not None}
    every = (*positional, *named)
    if given.posonlyargs[1:]:
        raise SourceRefused(function.lineno, "parameters behind the frame are given by name: take the / away")
    return Function(function.name, every, frozenset(every) - optional, given.kwarg is not None, packages)
