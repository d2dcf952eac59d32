"""The structure of pytrees: node registry, `PyTreeDef`, key entries, flattening and unflattening.

A pytree is a nesting of containers (tuple, list, dict, namedtuple, None, registered classes) around leaves.
Flattening visits the leaves depth first, left to right, dictionaries in the order of their sorted keys, and
returns them with a `PyTreeDef`, an immutable description of the nesting from which the tree is rebuilt.

Algorithm. One registry maps an *exact* type to its node entry; a set remembers the types known to be leaves, so
that "are all children leaves?" is a single set operation. Treedefs are hash-consed: a node is looked up by the
identities of its children's treedefs (which the table keeps alive), so that equal structures are usually the same
object and `==` an identity test. Nodes whose static data could be equal without being interchangeable (`1`,
`True`) or be expensive to keep alive (closures) are built afresh and compared by structure.

Reference: the semantics are those of `jax.tree_util`. Known limit: nesting deeper than Python's recursion limit
raises `RecursionError`, and so does a container that contains itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

__all__ = [
    "DictKey", "FlattenedIndexKey", "GetAttrKey", "KeyEntry", "KeyPath", "PyTreeDef", "PyTreeRegistry",
    "SequenceKey", "default_registry", "make_node",
]  # fmt: skip

KeyEntry = Any
KeyPath = tuple[KeyEntry, ...]
IsLeaf = Callable[[Any], bool]
IsLeafWithPath = Callable[[KeyPath, Any], bool]

LEAF, NONE, TUPLE, LIST, DICT, NAMEDTUPLE, CUSTOM, DATACLASS = range(8)
_TABLE_LIMIT = 1 << 14  # entries kept in a cache before it is emptied; bounds memory, never changes results
_PLAIN_TYPES = frozenset({str, bytes, int, bool, type(None)})  # values that equal and same-typed are interchangeable
_STR_ONLY = frozenset({str})


@dataclass(frozen=True, slots=True)
class SequenceKey:
    """The key of a child of a list or a tuple; prints as `[idx]`."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


@dataclass(frozen=True, slots=True)
class DictKey:
    """The key of a child of a dictionary; prints as `['key']`."""

    key: Hashable

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclass(frozen=True, slots=True)
class GetAttrKey:
    """The key of a child held in an attribute (namedtuple, dataclass); prints as `.name`."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True, slots=True)
class FlattenedIndexKey:
    """The key of a child of a class registered without keys; prints as `[<flat index key>]`."""

    key: int

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """How one registered type is taken apart and put together."""

    kind: int
    flatten: Callable[[Any], tuple[Iterable[Any], Hashable]] | None = None
    unflatten: Callable[[Any, Any], Any] | None = None
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Hashable]] | None = None
    data_fields: tuple[str, ...] = ()
    meta_fields: tuple[str, ...] = ()


class PyTreeDef:
    """The structure of a pytree without its leaves. Hashable, comparable, picklable; treat it as immutable.

    Attributes: `num_leaves`, and `num_nodes` (leaves included).

    >>> leaves, treedef = default_registry.flatten({"b": (1, None), "a": 2})
    >>> leaves, treedef
    ([2, 1], PyTreeDef({'a': *, 'b': (*, None)}))
    >>> treedef.unflatten([10, 20])
    {'a': 10, 'b': (20, None)}
    """

    __slots__ = ("_hash", "data", "flat", "interned", "kids", "kind", "node_type", "num_leaves", "num_nodes")

    kind: int
    node_type: type | None
    data: Any
    kids: tuple[PyTreeDef, ...]
    flat: bool
    interned: bool
    num_leaves: int
    num_nodes: int
    _hash: int | None

    def __init__(self, kind: int, node_type: type | None, data: Any, kids: tuple[PyTreeDef, ...]) -> None:
        self.kind = kind
        self.node_type = node_type
        self.data = data
        self.kids = kids
        num_leaves, num_nodes = (1 if kind == LEAF else 0), 1
        for kid in kids:
            num_leaves += kid.num_leaves
            num_nodes += kid.num_nodes
        self.num_leaves = num_leaves
        self.num_nodes = num_nodes
        self.flat = num_leaves == len(kids) == num_nodes - 1 and kind != LEAF
        self.interned = False
        self._hash = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, PyTreeDef):
            return NotImplemented
        return (
            self.num_leaves == other.num_leaves
            and self.num_nodes == other.num_nodes
            and self.node_type is other.node_type
            and self.data == other.data
            and self.kids == other.kids
        )

    def __hash__(self) -> int:
        if self._hash is None:
            try:
                self._hash = hash((self.node_type, self.data, self.kids))
            except TypeError as error:
                name = getattr(self.node_type, "__name__", "leaf")
                raise TypeError(
                    f"the structure {self} cannot be hashed because static data of a node of it is not hashable "
                    f"(at {name}: {error}). Keep arrays and lists among the children of the class, and only "
                    "hashable values (numbers, strings, tuples) in its static data."
                ) from error
        return self._hash

    def __repr__(self) -> str:
        return f"PyTreeDef({_text(self)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.kind, self.node_type, self.data, self.kids)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """Rebuild the tree from its `num_leaves` leaves; ValueError if there are too many or too few."""
        if type(leaves) is not list and type(leaves) is not tuple:
            leaves = list(leaves)
        given = len(leaves)
        if given != self.num_leaves:
            if given < self.num_leaves:
                raise ValueError(f"Too few leaves for PyTreeDef; expected {self.num_leaves}, got {given}")
            raise ValueError(f"Too many leaves for PyTreeDef; expected {self.num_leaves}, got {given}")
        if self.flat:
            if self.kind == TUPLE:
                return tuple(leaves)
            if self.kind == LIST:
                return list(leaves)
        return _build(self, iter(leaves))

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The subtrees of `tree` at the leaves of this structure; ValueError if it is not a prefix of `tree`.

        >>> default_registry.flatten((0, [0]))[1].flatten_up_to((1, [(2, 3)]))
        [1, (2, 3)]
        """
        out: list[Any] = []
        _up_to(self, tree, out)
        return out

    def children(self) -> list[PyTreeDef]:
        """The treedefs of the immediate children."""
        return list(self.kids)

    def node_data(self) -> tuple[type, Any] | None:
        """`(type, static data)` of the root node, None for a leaf."""
        if self.node_type is None:
            return None
        return self.node_type, (list(self.data) if self.kind == DICT else self.data)

    def compose(self, inner: PyTreeDef) -> PyTreeDef:
        """This structure with each leaf replaced by `inner`."""
        if self.kind == LEAF:
            return inner
        return make_node(self.kind, self.node_type, self.data, tuple([kid.compose(inner) for kid in self.kids]))

    @staticmethod
    def from_node_data_and_children(
        registry: PyTreeRegistry, node_data: tuple[type, Any] | None, children: Iterable[PyTreeDef]
    ) -> PyTreeDef:
        """The treedef with the given root (as `node_data()` gives it) and children."""
        if node_data is None:
            return LEAF_DEF
        node_type, data = node_data
        entry = registry.entry(node_type)
        if entry is None:
            raise ValueError(f"{node_type} is not a pytree node type; register it first")
        return make_node(entry.kind, node_type, tuple(data) if entry.kind == DICT else data, tuple(children))


def _text(treedef: PyTreeDef) -> str:
    kind, kids = treedef.kind, [_text(kid) for kid in treedef.kids]
    if kind == LEAF:
        return "*"
    if kind == NONE:
        return "None"
    if kind == TUPLE:
        return f"({kids[0]},)" if len(kids) == 1 else f"({', '.join(kids)})"
    if kind == LIST:
        return f"[{', '.join(kids)}]"
    if kind == DICT:
        return "{" + ", ".join(f"{key!r}: {kid}" for key, kid in zip(treedef.data, kids, strict=True)) + "}"
    name = treedef.node_type.__name__  # type: ignore[union-attr]
    head = f"namedtuple[{name}]" if kind == NAMEDTUPLE else f"{name}[{treedef.data}]"
    return f"CustomNode({head}, [{', '.join(kids)}])"


# -- construction: hash-consing ------------------------------------------------------------------------------------

_nodes: dict[Any, PyTreeDef] = {}
_flat_tuples: dict[int, PyTreeDef] = {}
_flat_lists: dict[int, PyTreeDef] = {}
_flat_dicts: dict[tuple[str, ...], PyTreeDef] = {}
LEAF_DEF = PyTreeDef(LEAF, None, None, ())
LEAF_DEF.interned = True


def make_node(kind: int, node_type: type | None, data: Any, kids: tuple[PyTreeDef, ...]) -> PyTreeDef:
    """The treedef of one node over `kids`: the shared object where there is one, else a new one."""
    if data is None:
        key: Any = (node_type, *map(id, kids))
    elif type(data) is tuple:
        if _STR_ONLY.issuperset(map(type, data)):
            key = (node_type, data, *map(id, kids))
        elif _PLAIN_TYPES.issuperset(map(type, data)):
            key = (node_type, data, tuple(map(type, data)), *map(id, kids))
        else:
            return PyTreeDef(kind, node_type, data, kids)
    elif type(data) in _PLAIN_TYPES:
        key = (node_type, type(data), data, *map(id, kids))
    else:
        return PyTreeDef(kind, node_type, data, kids)
    found = _nodes.get(key)
    if found is not None:
        return found
    node = PyTreeDef(kind, node_type, data, kids)
    for kid in kids:
        if not kid.interned:
            return node
    if len(_nodes) >= _TABLE_LIMIT:
        _nodes.clear()
    node.interned = True
    return _nodes.setdefault(key, node)


def _restore(kind: int, node_type: type | None, data: Any, kids: tuple[PyTreeDef, ...]) -> PyTreeDef:
    """Rebuild an unpickled node; the class of a custom node must be registered in this process."""
    if kind == LEAF:
        return LEAF_DEF
    if node_type is None or default_registry.entry(node_type) is None:
        raise ValueError(f"cannot restore a PyTreeDef with a node of {node_type}: register the class before unpickling")
    return make_node(kind, node_type, data, kids)


def _flat(kind: int, node_type: type, size: int) -> PyTreeDef:
    """The shared treedef of a tuple or list of `size` leaves."""
    table = _flat_tuples if kind == TUPLE else _flat_lists
    node = table.get(size)
    if node is None:
        node = make_node(kind, node_type, None, (LEAF_DEF,) * size)
        if len(table) < _TABLE_LIMIT:
            node = table.setdefault(size, node)
    return node


def _flat_dict(keys: tuple[str, ...]) -> PyTreeDef:
    """The shared treedef of a dictionary of leaves with these sorted string keys."""
    if len(_flat_dicts) >= _TABLE_LIMIT:
        _flat_dicts.clear()
    return _flat_dicts.setdefault(keys, make_node(DICT, dict, keys, (LEAF_DEF,) * len(keys)))


# -- the registry --------------------------------------------------------------------------------------------------


class PyTreeRegistry:
    """The types that are pytree nodes. The library uses one, `default_registry`."""

    def __init__(self) -> None:
        self.entries: dict[type, _Entry] = {
            type(None): _Entry(NONE), tuple: _Entry(TUPLE), list: _Entry(LIST), dict: _Entry(DICT),
        }  # fmt: skip
        self.leaf_types: set[type] = {int, float, complex, bool, str, object}

    def entry(self, node_type: type) -> _Entry | None:
        """The entry of `node_type`, or None where its instances are leaves (the answer is remembered)."""
        entry = self.entries.get(node_type)
        if entry is None:
            if issubclass(node_type, tuple) and hasattr(node_type, "_fields"):
                return self.entries.setdefault(node_type, _Entry(NAMEDTUPLE, data_fields=tuple(node_type._fields)))
            if len(self.leaf_types) >= _TABLE_LIMIT:
                self.leaf_types.clear()
            self.leaf_types.add(node_type)
        return entry

    def is_node(self, node_type: type) -> bool:
        """Whether instances of exactly this type are containers."""
        return self.entry(node_type) is not None

    def _register(self, node_type: type, entry: _Entry) -> None:
        if not isinstance(node_type, type):
            raise TypeError(f"only classes can be pytree nodes, got {node_type!r}; pass the class, not an instance")
        old = self.entries.get(node_type)
        if old is not None and old.kind != NAMEDTUPLE:
            raise ValueError(f"Duplicate custom PyTreeDef type registration for {node_type}.")
        self.entries[node_type] = entry
        self.leaf_types.discard(node_type)

    def register_node(
        self,
        node_type: type,
        flatten: Callable[[Any], tuple[Iterable[Any], Hashable]],
        unflatten: Callable[[Any, Any], Any],
        flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Hashable]] | None = None,
    ) -> None:
        """Register a class by its functions; see `functrans.tree_util.register_pytree_node`."""
        for role, function in (("flatten_func", flatten), ("unflatten_func", unflatten)):
            if not callable(function):
                raise TypeError(f"{role} of {node_type} must be callable, got {function!r}")
        if flatten_with_keys is not None and not callable(flatten_with_keys):
            raise TypeError(f"flatten_with_keys_func of {node_type} must be callable, got {flatten_with_keys!r}")
        self._register(node_type, _Entry(CUSTOM, flatten, unflatten, flatten_with_keys))

    def register_dataclass_node(
        self, node_type: type, data_fields: Iterable[str], meta_fields: Iterable[str]
    ) -> None:
        """Register a class whose `data_fields` are children and whose `meta_fields` are static."""
        self._register(node_type, _Entry(DATACLASS, data_fields=tuple(data_fields), meta_fields=tuple(meta_fields)))

    def flatten(self, tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[Any], PyTreeDef]:
        """The leaves of `tree` and its structure; `is_leaf(node)` true stops the descent at that node."""
        if is_leaf is None:
            if type(tree) is tuple and self.leaf_types.issuperset(map(type, tree)):
                return list(tree), _flat_tuples.get(len(tree)) or _flat(TUPLE, tuple, len(tree))
            leaves: list[Any] = []
            return leaves, self._flatten(tree, leaves)
        leaves = []
        return leaves, self._flatten_until(tree, leaves, is_leaf)

    def _flatten(self, tree: Any, leaves: list[Any]) -> PyTreeDef:
        node_type = type(tree)
        if node_type in self.leaf_types:
            leaves.append(tree)
            return LEAF_DEF
        flatten = self._flatten
        if node_type is dict:
            keys = sorted_keys(tree)
            if self.leaf_types.issuperset(map(type, tree.values())) and _STR_ONLY.issuperset(map(type, keys)):
                leaves.extend([tree[key] for key in keys])
                return _flat_dicts.get(keys) or _flat_dict(keys)
            return make_node(DICT, dict, keys, tuple([flatten(tree[key], leaves) for key in keys]))
        if node_type is tuple:
            if self.leaf_types.issuperset(map(type, tree)):
                leaves.extend(tree)
                return _flat_tuples.get(len(tree)) or _flat(TUPLE, tuple, len(tree))
            return make_node(TUPLE, tuple, None, tuple([flatten(child, leaves) for child in tree]))
        if node_type is list:
            if self.leaf_types.issuperset(map(type, tree)):
                leaves.extend(tree)
                return _flat_lists.get(len(tree)) or _flat(LIST, list, len(tree))
            return make_node(LIST, list, None, tuple([flatten(child, leaves) for child in tree]))
        if tree is None:
            return NONE_DEF
        entry = self.entry(node_type)
        if entry is None:
            leaves.append(tree)
            return LEAF_DEF
        children, data = take_apart(entry, tree)
        return make_node(entry.kind, node_type, data, tuple([flatten(child, leaves) for child in children]))

    def _flatten_until(self, tree: Any, leaves: list[Any], is_leaf: IsLeaf) -> PyTreeDef:
        entry = None if is_leaf(tree) else self.entry(type(tree))
        if entry is None:
            leaves.append(tree)
            return LEAF_DEF
        children, data = take_apart(entry, tree)
        kids = tuple([self._flatten_until(child, leaves, is_leaf) for child in children])
        return make_node(entry.kind, type(tree), data, kids)

    def flatten_with_path(
        self, tree: Any, is_leaf: IsLeafWithPath | None = None
    ) -> tuple[list[tuple[KeyPath, Any]], PyTreeDef]:
        """As `flatten`, each leaf as `(key path, leaf)`; `is_leaf` takes the key path and the node."""
        out: list[tuple[KeyPath, Any]] = []
        return out, self._flatten_with_path((), tree, out, is_leaf)

    def _flatten_with_path(
        self, path: KeyPath, tree: Any, out: list[tuple[KeyPath, Any]], is_leaf: IsLeafWithPath | None
    ) -> PyTreeDef:
        entry = None if is_leaf is not None and is_leaf(path, tree) else self.entry(type(tree))
        if entry is None:
            out.append((path, tree))
            return LEAF_DEF
        keyed, data = take_apart_with_keys(entry, tree)
        kids = tuple([self._flatten_with_path((*path, key), child, out, is_leaf) for key, child in keyed])
        return make_node(entry.kind, type(tree), data, kids)

    def flatten_one_level(self, tree: Any) -> tuple[Iterable[Any], Any] | None:
        """`(children, static data)` of the root node, None where `tree` is a leaf."""
        entry = self.entry(type(tree))
        if entry is None:
            return None
        children, data = take_apart(entry, tree)
        return children, (type(tree) if entry.kind == NAMEDTUPLE else data)

    def flatten_one_level_with_keys(self, tree: Any) -> tuple[list[tuple[KeyEntry, Any]], Any] | None:
        """`([(key, child), ...], static data)` of the root node, None where `tree` is a leaf."""
        entry = self.entry(type(tree))
        if entry is None:
            return None
        keyed, data = take_apart_with_keys(entry, tree)
        return keyed, (type(tree) if entry.kind == NAMEDTUPLE else data)


default_registry = PyTreeRegistry()
NONE_DEF = make_node(NONE, type(None), None, ())


# -- taking nodes apart, putting them together -----------------------------------------------------------------------


def sorted_keys(tree: dict[Any, Any]) -> tuple[Any, ...]:
    """The keys of a dictionary in sorted order; ValueError naming those that cannot be compared."""
    try:
        return tuple(sorted(tree))
    except TypeError as error:
        listed = ", ".join(f"{key!r} ({type(key).__name__})" for key in tree)
        raise ValueError(
            f"the keys of a dictionary in a pytree must be sortable, so that its leaves have a fixed order, but "
            f"these are not: {listed} ({error}). Use keys of one type, or a collections.OrderedDict, which keeps "
            "its own order."
        ) from error


def take_apart(entry: _Entry, tree: Any) -> tuple[Iterable[Any], Any]:
    """`(children, static data)` of one node."""
    kind = entry.kind
    if kind in (TUPLE, LIST):
        return tree, None
    if kind == DICT:
        keys = sorted_keys(tree)
        return tuple([tree[key] for key in keys]), keys
    if kind == NAMEDTUPLE:
        return tuple(tree), None
    if kind == NONE:
        return (), None
    if kind == DATACLASS:
        children = tuple([getattr(tree, name) for name in entry.data_fields])
        return children, tuple([getattr(tree, name) for name in entry.meta_fields])
    result = entry.flatten(tree)  # type: ignore[misc]
    if type(result) is not tuple or len(result) != 2:
        raise TypeError(f"the flatten function of {type(tree)} must return (children, static data), got {result!r}")
    return result


def take_apart_with_keys(entry: _Entry, tree: Any) -> tuple[list[tuple[KeyEntry, Any]], Any]:
    """`([(key, child), ...], static data)` of one node."""
    if entry.flatten_with_keys is not None:
        keyed, data = entry.flatten_with_keys(tree)
        return [(key, child) for key, child in keyed], data
    children, data = take_apart(entry, tree)
    kind, listed = entry.kind, list(children)
    if kind == DICT:
        keys: list[Any] = [DictKey(key) for key in data]
    elif kind in (NAMEDTUPLE, DATACLASS):
        keys = [GetAttrKey(name) for name in entry.data_fields]
    else:
        make = FlattenedIndexKey if kind == CUSTOM else SequenceKey
        keys = [make(index) for index in range(len(listed))]
    return list(zip(keys, listed, strict=True)), data


def _build(treedef: PyTreeDef, leaves: Iterator[Any]) -> Any:
    """Put the tree together, drawing leaves in order."""
    kind, kids = treedef.kind, treedef.kids
    if kind == LEAF:
        return next(leaves)
    if treedef.flat:
        children: Iterable[Any] = islice(leaves, len(kids))
    else:
        children = [next(leaves) if kid is LEAF_DEF else _build(kid, leaves) for kid in kids]
    if kind == TUPLE:
        return tuple(children)
    if kind == LIST:
        return list(children)
    if kind == DICT:
        return dict(zip(treedef.data, children))  # noqa: B905  (lengths agree by construction; strict costs time)
    if kind == NONE:
        return None
    node_type: Any = treedef.node_type
    if kind == NAMEDTUPLE:
        return node_type(*children)
    entry = default_registry.entries[node_type]
    if kind == DATACLASS:
        keywords = dict(zip(entry.data_fields, children, strict=True))
        keywords.update(zip(entry.meta_fields, treedef.data, strict=True))
        return node_type(**keywords)
    return entry.unflatten(treedef.data, tuple(children))  # type: ignore[misc]


_KIND_NAMES = {NONE: "None", TUPLE: "tuple", LIST: "list", DICT: "dict", NAMEDTUPLE: "named tuple"}


def _up_to(treedef: PyTreeDef, tree: Any, out: list[Any]) -> None:
    """Append to `out` the subtrees of `tree` that stand at the leaves of `treedef`."""
    kind = treedef.kind
    if kind == LEAF:
        out.append(tree)
        return
    found: Any = type(tree)  # Any: a comparison of classes by `is` would narrow the type of `tree` to object
    if found is not treedef.node_type:
        if kind == NONE:
            raise ValueError(
                f"Expected None, got {tree!r}. None is a node without leaves, so it matches only None; to map over "
                "None, pass is_leaf=lambda x: x is None."
            )
        if kind in _KIND_NAMES and not (kind == NAMEDTUPLE and hasattr(tree, "_fields")):
            raise ValueError(f"Expected {_KIND_NAMES[kind]}, got {tree!r}.")
        raise ValueError(f"Custom node type mismatch: expected type: {treedef.node_type}, value: {tree!r}.")
    if kind in (TUPLE, LIST):
        if len(tree) != len(treedef.kids):
            name = _KIND_NAMES[kind]
            raise ValueError(f"{name.title()} arity mismatch: {len(tree)} != {len(treedef.kids)}; {name}: {tree!r}.")
        children: Iterable[Any] = tree
    elif kind == DICT:
        keys = treedef.data
        if len(tree) != len(keys) or any(key not in tree for key in keys):
            present = list(sorted_keys(tree))
            raise ValueError(f"Dict key mismatch; expected keys: {list(keys)}; present keys: {present}.")
        children = [tree[key] for key in keys]
    elif kind == NONE:
        return
    else:
        children, data = take_apart(default_registry.entries[type(tree)], tree)
        if data != treedef.data:
            what = "custom dataclass" if kind == DATACLASS else "custom"
            raise ValueError(f"Mismatch {what} node data: {treedef.data} != {data}; value: {tree!r}.")
        children = tuple(children)
        if len(children) != len(treedef.kids):
            raise ValueError(f"Custom node arity mismatch: {len(children)} != {len(treedef.kids)}; value: {tree!r}.")
    if treedef.flat:
        out.extend(children)
        return
    for kid, child in zip(treedef.kids, children, strict=True):
        _up_to(kid, child, out)
