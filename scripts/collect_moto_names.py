"""Writes ``moto_jitp/aws/moto_names.py``: the names of moto's that the code uses.

    python scripts/collect_moto_names.py

It finds what is imported from moto; attributes of moto's modules, classes and objects; methods of
moto's that our subclasses override or call; what is patched; attributes of values that are known to
be instances of a class of moto's, by an annotation, a call of the class, an account and Region of a
service's backends, or what a function says that it returns. Names that cannot be found in this way
are declared beside the code that uses them, in a tuple ``USED_OF_MOTO`` such as
``("moto.core.models.MockAWS()._orig_creds",)``.
"""

from __future__ import annotations

import ast
import functools
import importlib
import typing
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.core.responses import BaseResponse

from moto_jitp.aws import moto_check
from moto_jitp.aws.moto_check import ABSENT

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("moto_jitp", "conftest_plugin")
TARGET = ROOT / "moto_jitp" / "aws" / "moto_names.py"
DECLARATION = "USED_OF_MOTO"
CHECK_ON_USE = "check_names_of"
#: Needs the extra ``server``; if that is missing, the import says so.
NOT_LOOKED_FOR = ("moto.moto_server",)
ACCOUNT = "moto.core.base_backend.AccountSpecificBackend"

HEADER = '''\
"""The names of moto's that the code uses. Written by scripts/collect_moto_names.py: do not edit.

``Class().attribute`` stands for one that instances have.
"""

from __future__ import annotations

from collections.abc import Mapping

'''


@dataclass(frozen=True)
class Object:
    """A value that is known by its name: a module, class, function or object of moto's or ours."""

    name: str


@dataclass(frozen=True)
class Instance:
    """An instance of a class that is known by its name."""

    of: str


Known = Object | Instance | None
Scope = Mapping[str, Known]


@dataclass
class OurClass:
    """What is known about one of our classes.

    Attributes:
        module: its module.
        bases: the dotted names of its bases.
        members: its methods and annotated attributes, to the annotations of their values.
        methods: the names of its methods.
    """

    module: str
    bases: list[str]
    members: dict[str, ast.expr | None]
    methods: set[str]


@dataclass
class Module:
    """One of our modules: its tree, and the meaning of its top-level names."""

    name: str
    tree: ast.Module
    is_package: bool
    names: dict[str, Known] = field(default_factory=dict)
    returns: dict[str, ast.expr | None] = field(default_factory=dict)


class Collector:
    """Reads all modules, then finds the names of moto's in them."""

    def __init__(self, root: Path) -> None:
        self.found: set[str] = set()
        self.on_use: set[str] = set()
        self.modules = {module.name: module for module in _modules(root)}
        self.classes: dict[str, OurClass] = {}
        for module in self.modules.values():
            self._read(module)

    def collect(self) -> None:
        for module in self.modules.values():
            Finder(self, module).visit(module.tree)
        for name in self.classes:
            self._add_overrides(name)

    def _read(self, module: Module) -> None:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name if alias.asname else alias.name.partition(".")[0]
                    module.names[alias.asname or top] = Object(top)
            elif isinstance(node, ast.ImportFrom):
                source = _source(module, node)
                for alias in node.names:
                    module.names[alias.asname or alias.name] = Object(f"{source}.{alias.name}")
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef):
                name = f"{module.name}.{node.name}"
                module.names[node.name] = Object(name)
                self.classes[name] = _our_class(module, node)
            elif isinstance(node, ast.FunctionDef):
                module.names[node.name] = Object(f"{module.name}.{node.name}")
                module.returns[node.name] = node.returns

    def our_class(self, name: str) -> OurClass | None:
        """One of our classes by the name under which it is imported, which may be a re-export."""
        module_name, _, own = name.rpartition(".")
        if name not in self.classes and module_name in self.modules:
            known = self.modules[module_name].names.get(own)
            if isinstance(known, Object) and known.name != name:
                return self.our_class(known.name)
        return self.classes.get(name)

    def bases_of_moto(self, name: str) -> list[str]:
        """The nearest moto classes that a class is or derives from."""
        if name.startswith("moto."):
            return [name]
        ours = self.our_class(name)
        if ours is None:
            return []
        every = [base for own_base in ours.bases for base in self.bases_of_moto(own_base)]
        return list(dict.fromkeys(every))

    def member_of_ours(self, name: str, member: str) -> tuple[OurClass, ast.expr | None] | None:
        ours = self.our_class(name)
        if ours is None:
            return None
        if member in ours.members:
            return ours, ours.members[member]
        found = (self.member_of_ours(base, member) for base in ours.bases)
        return next((one for one in found if one is not None), None)

    def add(self, name: str) -> bool:
        """Add a name of moto's, if the installed moto has it."""
        if not name.startswith("moto.") or resolve(name) is ABSENT:
            return False
        # Every class has these.
        is_special = name.rpartition(".")[2].startswith("__")
        if not is_special and not name.startswith(NOT_LOOKED_FOR):
            self.found.add(name)
        return True

    def _add_overrides(self, name: str) -> None:
        for base in self.bases_of_moto(name):
            owner = resolve(base)
            if issubclass(owner, BaseResponse):
                # Its actions are called by the name of the operation, whether moto has them or not.
                owner = BaseResponse
            for method in self.classes[name].methods & set(dir(owner)):
                self.add(f"{base}.{method}")

    def typed(self, module: Module, annotation: ast.expr | None) -> Known:
        """The class of a value according to its annotation."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        if isinstance(annotation, ast.BinOp):  # X | None
            return self.typed(module, annotation.left) or self.typed(module, annotation.right)
        known = self.evaluated(module, annotation, {})
        return Instance(known.name) if isinstance(known, Object) else None

    def evaluated(self, module: Module, node: ast.AST | None, scope: Scope) -> Known:
        """The value of an expression, if known; adds the names of moto's on the way."""
        if isinstance(node, ast.Name):
            return scope[node.id] if node.id in scope else module.names.get(node.id)
        if isinstance(node, ast.Attribute):
            return self._member(self.evaluated(module, node.value, scope), node.attr)
        if isinstance(node, ast.Subscript):
            return self._item(self.evaluated(module, node.value, scope))
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "super":
                own = scope.get("__class__")
                return Instance("super:" + own.of) if isinstance(own, Instance) else None
            return self._answer(self.evaluated(module, node.func, scope))
        return None

    def _member(self, owner: Known, member: str) -> Known:
        if isinstance(owner, Object) and self.our_class(owner.name) is None:
            name = f"{owner.name}.{member}"
            if owner.name.split(".")[0] != "moto":
                return Object(name) if owner.name in self.modules else None
            return Object(name) if self.add(name) else None
        if isinstance(owner, Object):  # a class of ours
            return self._member_of_class(owner.name, member)
        if isinstance(owner, Instance) and owner.of.startswith("account:"):
            return self._member_of_class(ACCOUNT, member)
        return self._member_of_class(owner.of, member) if isinstance(owner, Instance) else None

    def _member_of_class(self, name: str, member: str) -> Known:
        is_super = name.startswith("super:")
        ours = None if is_super else self.member_of_ours(name, member)
        if ours is not None:
            return self.typed(self.modules[ours[0].module], ours[1])
        for base in self.bases_of_moto(name.removeprefix("super:")):
            if self.add(f"{base}.{member}"):
                return _given_by(resolve(f"{base}.{member}"))
            if self.add(f"{base}().{member}"):
                return None
        return None

    def _item(self, owner: Known) -> Known:
        """An account of a service's backends, or a Region of that account."""
        if isinstance(owner, Object) and owner.name.startswith("moto."):
            backends = resolve(owner.name)
            if type(backends).__name__ == "BackendDict":
                return Instance("account:" + _name_of(backends.backend))
        if isinstance(owner, Instance) and owner.of.startswith("account:"):
            return Instance(owner.of.removeprefix("account:"))
        return None

    def _answer(self, called: Known) -> Known:
        if isinstance(called, Instance):  # a method, which is known by what it returns
            return called
        if not isinstance(called, Object):
            return None
        module_name, _, name = called.name.rpartition(".")
        if called.name.startswith("moto."):
            value = resolve(called.name)
            return Instance(called.name) if isinstance(value, type) else _given_by(value)
        if self.our_class(called.name) is not None:
            return Instance(called.name)
        module = self.modules.get(module_name)
        if module is None:
            return None
        if name in module.returns:
            return self.typed(module, module.returns[name])
        elsewhere = module.names.get(name)
        return self._answer(elsewhere) if elsewhere not in (None, called) else None


class Finder(ast.NodeVisitor):
    """Walks through one module with what is known about its variables."""

    def __init__(self, collector: Collector, module: Module) -> None:
        self._all = collector
        self._module = module
        self._scope: dict[str, Known] = {}

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._import(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        source = _source(self._module, node)
        for alias in node.names:
            self._import(f"{source}.{alias.name}")

    def _import(self, name: str) -> None:
        if name.startswith("moto.") and not self._all.add(name):
            raise SystemExit(f"{self._module.name} imports {name}, which the installed moto lacks.")

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        before = self._scope
        self._scope = {**before, "__class__": Instance(f"{self._module.name}.{node.name}")}
        self.generic_visit(node)
        self._scope = before

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        before = self._scope
        self._scope = dict(before)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        for position, argument in enumerate(arguments):
            is_self = position == 0 and argument.annotation is None
            own = before.get("__class__") if is_self and argument.arg in ("self", "cls") else None
            self._scope[argument.arg] = own or self._all.typed(self._module, argument.annotation)
        self.generic_visit(node)
        self._scope = before

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)
            self._assign(target, node.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for target_and_value, its_value in zip(target.elts, value.elts, strict=False):
                self._assign(target_and_value, its_value)
        elif isinstance(target, ast.Name):
            self._scope[target.id] = self._value(value)
            if target.id == DECLARATION:
                self._declare(ast.literal_eval(value))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._scope[node.target.id] = self._value(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            self._scope[node.target.id] = self._all.typed(self._module, node.annotation)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._value(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if _patches_what_exists(node):
            self._value(ast.Attribute(node.args[0], ast.literal_eval(node.args[1])))
        if name == CHECK_ON_USE:
            self._all.on_use.add(ast.literal_eval(node.args[0]))
        if name == "isinstance" and isinstance(node.args[0], ast.Name):
            known = self._value(node.args[1])
            if isinstance(known, Object) and self._scope.get(node.args[0].id) is None:
                self._scope[node.args[0].id] = Instance(known.name)
        self.generic_visit(node)

    def _value(self, node: ast.expr) -> Known:
        return self._all.evaluated(self._module, node, self._scope)

    def _declare(self, names: Iterable[str]) -> None:
        for name in names:
            if not self._all.add(name):
                raise SystemExit(f"{self._module.name} declares {name}, which moto lacks.")


def _modules(root: Path) -> Iterator[Module]:
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            if path != TARGET:
                yield Module(name, ast.parse(path.read_text(encoding="utf-8")), is_package)


def _source(module: Module, node: ast.ImportFrom) -> str:
    """The absolute name of the module that something is imported from."""
    if not node.level:
        return node.module or ""
    up = node.level - 1 if module.is_package else node.level
    parts = module.name.split(".")
    return ".".join([*parts[: len(parts) - up], *([node.module] if node.module else [])])


def _our_class(module: Module, node: ast.ClassDef) -> OurClass:
    members: dict[str, ast.expr | None] = {}
    methods: set[str] = set()
    for node_below in ast.walk(node):
        if isinstance(node_below, ast.FunctionDef):
            members[node_below.name] = node_below.returns
            methods.add(node_below.name)
        elif isinstance(node_below, ast.AnnAssign):
            members[_target(node_below.target)] = node_below.annotation
        elif isinstance(node_below, ast.Assign):
            members.update({_target(target): None for target in node_below.targets})
    members.update(_from_arguments(node))
    bases = [known.name for base in node.bases if (known := _base(module, base))]
    return OurClass(module.name, bases, members, methods)


def _from_arguments(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    """The attributes that are set to an argument of ``__init__``, with its annotation."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            given = {argument.arg: argument.annotation for argument in method.args.args}
            for node_below in ast.walk(method):
                if isinstance(node_below, ast.Assign) and isinstance(node_below.value, ast.Name):
                    annotation = given.get(node_below.value.id)
                    if annotation is not None:
                        yield _target(node_below.targets[0]), annotation


def _base(module: Module, base: ast.expr) -> Object | None:
    if isinstance(base, ast.Subscript):  # a generic class
        base = base.value
    known = module.names.get(base.id) if isinstance(base, ast.Name) else None
    return known if isinstance(known, Object) else None


def _target(node: ast.expr) -> str:
    """The name of a variable of a class or of an attribute of ``self`` that is assigned to."""
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _patches_what_exists(call: ast.Call) -> bool:
    """Whether it is ``patch.object(owner, "name", …)``, without ``create=True``."""
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and (function.value.id, function.attr) == ("patch", "object")
        and not any(keyword.arg == "create" for keyword in call.keywords)
    )


def _given_by(value: Any) -> Known:
    """The declared return value of a moto function or property."""
    function = value.fget if isinstance(value, property) else value
    try:
        answer = typing.get_type_hints(function).get("return")
    except (TypeError, NameError):
        return None
    for member_type in typing.get_args(answer) or (answer,):
        if isinstance(member_type, type) and member_type.__module__.startswith("moto."):
            return Instance(_name_of(member_type))
    return None


def _name_of(one: type) -> str:
    return f"{one.__module__}.{one.__qualname__}"


def resolve(name: str) -> Any:
    """The object behind a dotted name of moto's."""
    module, path = split(name)
    if not path:
        return importlib.import_module(module)
    return moto_check.resolve(module, path)


@functools.cache
def split(name: str) -> tuple[str, str]:
    """A dotted name as the module that it begins with, and the names from there on."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        if "()" not in module and _is_module(module):
            return module, ".".join(parts[length:])
    return name, ""


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def listing(root: Path = ROOT) -> str:
    """Return the text that ``moto_jitp/aws/moto_names.py`` should have.

    Args:
        root: the folder that the packages are in.
    """
    collector = Collector(root)
    collector.collect()
    by_module: dict[str, set[str]] = defaultdict(set)
    for name in collector.found:
        module, path = split(name)
        by_module[module].update([path] if path else [])
    on_use = {module: by_module.pop(module, set()) for module in collector.on_use}
    return HEADER + _table("MOTO_NAMES", by_module) + "\n" + _table("NAMES_ON_USE", on_use)


def _table(name: str, by_module: Mapping[str, set[str]]) -> str:
    lines = [f"{name}: Mapping[str, tuple[str, ...]] = {{"]
    for module in sorted(by_module):
        paths = sorted(_longest(by_module[module]))
        if len(paths) == 1:  # as the formatter writes it
            lines.append(f'    "{module}": ("{paths[0]}",),')
        else:
            lines += [f'    "{module}": (', *(f'        "{path}",' for path in paths), "    ),"]
    return "\n".join([*lines, "}", ""])


def _longest(paths: set[str]) -> set[str]:
    """Omit the prefixes of other paths."""
    return {
        path
        for path in paths
        if not any(other.startswith((f"{path}.", f"{path}().")) for other in paths)
    }


if __name__ == "__main__":
    TARGET.write_text(listing(), encoding="utf-8")
