"""What stands below the fields of classes: the descriptions of the fields."""

import ast
import inspect
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise


def field_docs(struct_type: type) -> Mapping[str, str]:
    """Return the description of each field that has one, also of inherited fields."""
    docs: dict[str, str] = {}
    for each in reversed(struct_type.__mro__):
        docs |= _docs_by_class(each.__module__).get(each.__name__, {})
    return docs


@lru_cache
def _docs_by_class(module_name: str) -> Mapping[str, Mapping[str, str]]:
    """Read a module's source once for all of its classes."""
    if not module_name.startswith(__name__.partition(".")[0] + "."):
        return {}
    tree = ast.parse(inspect.getsource(sys.modules[module_name]))
    return {
        node.name: dict(_docs_in(node.body))
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }


def _docs_in(body: list[ast.stmt]) -> Iterable[tuple[str, str]]:
    for field, below in pairwise(body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(text.split())
