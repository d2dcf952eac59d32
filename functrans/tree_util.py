"""Pytree functions under the names of `jax.tree_util`; `functrans.tree` has them under those of `jax.tree`.

The mechanics (registry, `PyTreeDef`, flattening) are in `functrans.pytree`; here stand mapping, reducing, transposing,
broadcasting of prefixes, registration of classes, and the messages that say where two trees differ.

Reference: `jax.tree_util`. Known limit: dictionaries are rebuilt with their keys sorted, whatever their order was.
"""

from __future__ import annotations

import collections
import dataclasses
import difflib
import functools
import operator
import textwrap
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from functrans.pytree import (
    LEAF_DEF,
    TUPLE,
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    IsLeaf,
    KeyEntry,
    KeyPath,
    PyTreeDef,
    PyTreeRegistry,
    SequenceKey,
    default_registry,
    make_node,
    sorted_keys,
)

__all__ = [
    "DictKey", "FlattenedIndexKey", "GetAttrKey", "KeyEntry", "KeyPath", "Partial", "PyTreeDef", "PyTreeRegistry",
    "SequenceKey", "all_leaves", "broadcast_prefix", "default_registry", "equality_errors", "flatten_one_level",
    "flatten_one_level_with_keys", "is_tree_node", "keystr", "prefix_errors", "register_dataclass",
    "register_pytree_node", "register_pytree_node_class", "register_pytree_with_keys",
    "register_pytree_with_keys_class", "register_static", "tree_all", "tree_broadcast", "tree_flatten",
    "tree_flatten_with_path", "tree_leaves", "tree_leaves_with_path", "tree_map", "tree_map_with_path", "tree_reduce",
    "tree_reduce_associative", "tree_structure", "tree_transpose", "tree_unflatten", "treedef_children",
    "treedef_is_leaf", "treedef_tuple",
]  # fmt: skip

Cls = TypeVar("Cls", bound=type)


class _Unspecified:
    """The type of the marker for an argument that was not given (None is a legal value)."""


_UNSPECIFIED = _Unspecified()

# -- flattening ------------------------------------------------------------------------------------------------------

tree_flatten = default_registry.flatten


def tree_unflatten(treedef: PyTreeDef, leaves: Iterable[Any]) -> Any:
    """The tree of structure `treedef` with the given leaves; ValueError if their number differs.

    >>> tree_unflatten(tree_structure((0, [0])), [1, 2])
    (1, [2])
    """
    return treedef.unflatten(leaves)


def tree_leaves(tree: Any, is_leaf: IsLeaf | None = None) -> list[Any]:
    """The leaves of a tree, left to right.

    >>> tree_leaves({"b": 1, "a": (2, None)})
    [2, 1]
    """
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: IsLeaf | None = None) -> PyTreeDef:
    """The structure of a tree.

    >>> tree_structure({"b": 1, "a": (2, None)})
    PyTreeDef({'a': (*, None), 'b': *})
    """
    return tree_flatten(tree, is_leaf)[1]


def tree_flatten_with_path(
    tree: Any, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[KeyPath, Any]], PyTreeDef]:
    """As `tree_flatten`, each leaf as `(key path, leaf)`; `is_leaf(path, node)` where `is_leaf_takes_path`.

    >>> tree_flatten_with_path([1, {"x": 3}])[0]
    [((SequenceKey(idx=0),), 1), ((SequenceKey(idx=1), DictKey(key='x')), 3)]
    """
    if is_leaf is None or is_leaf_takes_path:
        return default_registry.flatten_with_path(tree, is_leaf)
    without_path = is_leaf
    return default_registry.flatten_with_path(tree, lambda _, node: without_path(node))


def tree_leaves_with_path(
    tree: Any, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> list[tuple[KeyPath, Any]]:
    """The leaves of a tree as `(key path, leaf)`."""
    return tree_flatten_with_path(tree, is_leaf, is_leaf_takes_path)[0]


def keystr(keys: KeyPath, *, simple: bool = False, separator: str = "") -> str:
    """A key path as text; `simple` leaves out brackets, quotes and dots.

    >>> path = tree_leaves_with_path({"a": [7]})[0][0]
    >>> keystr(path), keystr(path, simple=True, separator="/")
    ("['a'][0]", 'a/0')
    """
    return separator.join(map(_simple_key if simple else str, keys))


def _simple_key(key: KeyEntry) -> str:
    match key:
        case SequenceKey(idx=name) | DictKey(key=name) | GetAttrKey(name=name) | FlattenedIndexKey(key=name):
            return str(name)
    return str(key)


def all_leaves(iterable: Iterable[Any], is_leaf: IsLeaf | None = None) -> bool:
    """Whether every element is a leaf.

    >>> all_leaves([1, 2.0]), all_leaves([1, None])
    (True, False)
    """
    if is_leaf is not None:
        return all(is_leaf(item) or not is_tree_node(type(item)) for item in iterable)
    return not any(is_tree_node(type(item)) for item in iterable)


def is_tree_node(typ: type) -> bool:
    """Whether instances of exactly this type are containers (a namedtuple class is)."""
    return default_registry.is_node(typ)


def flatten_one_level(tree: Any) -> tuple[Iterable[Any], Any]:
    """`(children, static data)` of the root node; ValueError for a leaf.

    >>> flatten_one_level({"a": [1, 2], "b": {"c": 3}})
    (([1, 2], {'c': 3}), ('a', 'b'))
    """
    out = default_registry.flatten_one_level(tree)
    if out is None:
        raise ValueError(f"can't tree-flatten type: {type(tree)}")
    return out


def flatten_one_level_with_keys(tree: Any) -> tuple[list[tuple[KeyEntry, Any]], Any]:
    """`([(key, child), ...], static data)` of the root node; ValueError for a leaf."""
    out = default_registry.flatten_one_level_with_keys(tree)
    if out is None:
        raise ValueError(f"can't tree-flatten type: {type(tree)}")
    return out


# -- treedefs --------------------------------------------------------------------------------------------------------


def treedef_tuple(treedefs: Iterable[PyTreeDef]) -> PyTreeDef:
    """The structure of a tuple whose children have the given structures."""
    return make_node(TUPLE, tuple, None, tuple(treedefs))


def treedef_children(treedef: PyTreeDef) -> list[PyTreeDef]:
    """The structures of the immediate children."""
    return treedef.children()


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Whether the structure is a single node (as in JAX, so for `None` and `()` too)."""
    return treedef.num_nodes == 1


# -- mapping, reducing, transposing ----------------------------------------------------------------------------------


def tree_map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None) -> Any:
    """The tree of `f(leaf, ...)`; each tree of `rest` must have `tree` as a prefix, else ValueError with the key path.

    >>> tree_map(lambda x, y: x + y, {"a": 1, "b": (2,)}, {"a": 10, "b": (20,)})
    {'a': 11, 'b': (22,)}
    """
    leaves, treedef = tree_flatten(tree, is_leaf)
    if not rest:
        return treedef.unflatten([f(leaf) for leaf in leaves])
    columns = [_match(treedef, tree, other, is_leaf, "tree_map tree") for other in rest]
    return treedef.unflatten([f(*xs) for xs in zip(leaves, *columns, strict=True)])


def tree_map_with_path(
    f: Callable[..., Any],
    tree: Any,
    *rest: Any,
    is_leaf: Callable[..., bool] | None = None,
    is_leaf_takes_path: bool = False,
) -> Any:
    """As `tree_map`, with `f(key path, leaf, ...)`.

    >>> tree_map_with_path(lambda path, x: keystr(path) + f"={x}", [1, {"x": 2}])
    ['[0]=1', {'x': "[1]['x']=2"}]
    """
    keyed, treedef = tree_flatten_with_path(tree, is_leaf, is_leaf_takes_path)
    leaf_ids = {id(leaf) for _, leaf in keyed}
    columns = [_match(treedef, tree, other, lambda x: id(x) in leaf_ids, "tree_map_with_path tree") for other in rest]
    return treedef.unflatten([f(*key_leaf, *xs) for key_leaf, *xs in zip(keyed, *columns, strict=True)])


def _match(treedef: PyTreeDef, tree: Any, other: Any, is_leaf: IsLeaf | None, name: str) -> list[Any]:
    try:
        return treedef.flatten_up_to(other)
    except ValueError as error:
        messages = prefix_errors(tree, other, name, is_leaf)
        if not messages:
            raise
        raise ValueError(messages[0]) from error


def tree_reduce(
    function: Callable[[Any, Any], Any], tree: Any, initializer: Any = _UNSPECIFIED, is_leaf: IsLeaf | None = None
) -> Any:
    """`functools.reduce` over the leaves; TypeError for no leaves and no initializer.

    >>> tree_reduce(lambda x, y: x + y, [1, (2, 3)])
    6
    """
    leaves = tree_leaves(tree, is_leaf)
    if initializer is _UNSPECIFIED:
        return functools.reduce(function, leaves)
    return functools.reduce(function, leaves, initializer)


def tree_reduce_associative(
    operation: Callable[[Any, Any], Any], tree: Any, *, identity: Any = _UNSPECIFIED, is_leaf: IsLeaf | None = None
) -> Any:
    """Reduce the leaves pairwise, in a balanced tree of logarithmic depth; TypeError for no leaves and no identity.

    >>> tree_reduce_associative(lambda x, y: f"({x}{y})", ["a", ["b", "c"], "d"])
    '((ab)(cd))'
    """
    leaves = tree_leaves(tree, is_leaf)
    if leaves:
        return _reduce_halves(operation, leaves)
    if identity is _UNSPECIFIED:
        raise TypeError("Must specify identity for parallel reduction of empty sequence.")
    return identity


def _reduce_halves(operation: Callable[[Any, Any], Any], items: list[Any]) -> Any:
    if len(items) == 1:
        return items[0]
    middle = len(items) // 2
    return operation(_reduce_halves(operation, items[:middle]), _reduce_halves(operation, items[middle:]))


def tree_all(tree: Any, *, is_leaf: IsLeaf | None = None) -> bool:
    """Whether all leaves are true (true for no leaves)."""
    return all(tree_leaves(tree, is_leaf))


def tree_transpose(outer_treedef: PyTreeDef, inner_treedef: PyTreeDef | None, pytree_to_transpose: Any) -> Any:
    """A tree of structure outer-of-inner as inner-of-outer; an inner of None is inferred from the first subtree.

    >>> outer, inner = tree_structure([0, 0]), tree_structure((0, 0, 0))
    >>> tree_transpose(outer, inner, [(1, 2, 3), (4, 5, 6)])
    ([1, 4], [2, 5], [3, 6])
    """
    leaves, treedef = tree_flatten(pytree_to_transpose)
    if inner_treedef is None:
        subtrees = outer_treedef.flatten_up_to(pytree_to_transpose)
        if not subtrees:
            raise ValueError(f"tree_transpose: {outer_treedef} has no leaves, so the inner structure must be given")
        inner_treedef = tree_structure(subtrees[0])
    inner_size, outer_size = inner_treedef.num_leaves, outer_treedef.num_leaves
    if treedef.num_leaves != inner_size * outer_size:
        raise TypeError(f"Mismatch\n{treedef}\n != \n{outer_treedef.compose(inner_treedef)}")
    return inner_treedef.unflatten([outer_treedef.unflatten(leaves[i::inner_size]) for i in range(inner_size)])


# -- prefixes --------------------------------------------------------------------------------------------------------


def tree_broadcast(prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf | None = None) -> Any:
    """The tree of the structure of `full_tree` in which each leaf of the prefix is repeated over its subtree.

    >>> tree_broadcast((1, 2), (3, [4, 5]))
    (1, [2, 2])
    """
    return tree_structure(full_tree).unflatten(broadcast_prefix(prefix_tree, full_tree, is_leaf))


def broadcast_prefix(prefix_tree: Any, full_tree: Any, is_leaf: IsLeaf | None = None) -> list[Any]:
    """The leaves of the prefix, each repeated once for every leaf of its subtree of `full_tree`.

    ValueError with the key path where `prefix_tree` is not a prefix; `is_leaf` applies to the prefix.

    >>> broadcast_prefix((0, None), (1, [2, 3]), is_leaf=lambda x: x is None)
    [0, None, None]
    """
    leaves, treedef = tree_flatten(prefix_tree, is_leaf)
    if treedef is LEAF_DEF:
        return leaves * tree_structure(full_tree).num_leaves
    out: list[Any] = []
    subtrees = _match(treedef, prefix_tree, full_tree, is_leaf, "broadcast_prefix prefix_tree")
    for leaf, subtree in zip(leaves, subtrees, strict=True):
        out.extend([leaf] * tree_structure(subtree).num_leaves)
    return out


def prefix_errors(prefix: Any, full: Any, name: str, is_leaf: IsLeaf | None = None) -> list[str]:
    """Why `prefix` is not a prefix of `full`: one message for each place, empty if it is one.

    `name` says what the prefix is ("vmap in_axes"); the key path follows it in the text.

    >>> print(prefix_errors({"a": (0, 0)}, {"a": (1, 2, 3)}, "vmap in_axes")[0])
    pytree structure error: different lengths of tuple at key path
        vmap in_axes['a']
    At that key path, the prefix pytree vmap in_axes has a subtree of type tuple of length 2, but the full pytree has a subtree of the same type but of length 3.
    """  # noqa: E501
    return list(_prefix_errors((), prefix, full, name, is_leaf))


def _prefix_errors(path: KeyPath, prefix: Any, full: Any, name: str, is_leaf: IsLeaf | None) -> Iterator[str]:
    if (is_leaf is not None and is_leaf(prefix)) or not is_tree_node(type(prefix)):
        return
    kind = type(prefix)
    here = f"at key path\n    {name}{keystr(path)}\nAt that key path, the prefix pytree {name} has a subtree of type"
    if kind is not type(full):
        yield (
            f"pytree structure error: different types {here}\n    {kind}\n"
            f"but at the same key path the full pytree has a subtree of different type\n    {type(full)}."
        )
        return
    keyed1, data1 = flatten_one_level_with_keys(prefix)
    keyed2, data2 = flatten_one_level_with_keys(full)
    if isinstance(prefix, (list, tuple)) and len(prefix) != len(full):
        yield (
            f"pytree structure error: different lengths of {kind.__name__} {here} {kind.__name__} of length "
            f"{len(prefix)}, but the full pytree has a subtree of the same type but of length {len(full)}."
        )
        return
    names1, names2 = ([_simple_key(key) for key, _ in keyed] for keyed in (keyed1, keyed2))
    if len(keyed1) != len(keyed2):
        difference = [key for key in names1 if key not in names2] + [key for key in names2 if key not in names1]
        yield (
            f"pytree structure error: different numbers of pytree children {here}\n    {kind}\n"
            f"with {len(keyed1)} child keys\n    {' '.join(names1)}\n"
            f"but at the same key path the full pytree has a subtree of the same type but with {len(keyed2)} child "
            f"keys\n    {' '.join(names2)}\nso the symmetric difference on key sets is\n    {' '.join(difference)}"
        )
        return
    if data1 != data2:
        lines = difflib.ndiff(str(data1).splitlines(), str(data2).splitlines())
        yield (
            f"pytree structure error: different pytree metadata {here}\n    {kind}\nwith metadata\n    {data1}\n"
            "but at the same key path the full pytree has a subtree of the same type but with metadata\n"
            f"    {data2}\nso the diff in the metadata at these pytree nodes is\n"
            + textwrap.indent("\n".join(lines), "    ")
        )
        return
    for (key, child1), (_, child2) in zip(keyed1, keyed2, strict=True):
        yield from _prefix_errors((*path, key), child1, child2, name, is_leaf)


def equality_errors(tree1: Any, tree2: Any, is_leaf: IsLeaf | None = None) -> Iterator[tuple[KeyPath, str, str, str]]:
    """Where the structures of two trees differ: `(key path, thing in tree1, thing in tree2, explanation)`.

    >>> for path, first, second, why in equality_errors({"a": [1, 2]}, {"a": [1]}):
    ...     print(keystr(path), first, "|", second, "|", why)
    ['a'] list of length 2 | list of length 1 | the lengths do not match
    """
    yield from _equality_errors((), tree1, tree2, is_leaf)


def _equality_errors(
    path: KeyPath, tree1: Any, tree2: Any, is_leaf: IsLeaf | None
) -> Iterator[tuple[KeyPath, str, str, str]]:
    leaf1, leaf2 = ((is_leaf and is_leaf(tree)) or not is_tree_node(type(tree)) for tree in (tree1, tree2))
    if leaf1 and leaf2:
        return
    if leaf1 or leaf2 or type(tree1) is not type(tree2):
        yield path, str(type(tree1)), str(type(tree2)), "their Python types differ"
        return
    keyed1, data1 = flatten_one_level_with_keys(tree1)
    keyed2, data2 = flatten_one_level_with_keys(tree2)
    kind = type(tree1)
    if len(keyed1) != len(keyed2):
        if isinstance(tree1, (list, tuple)):
            first, second = (f"{kind.__name__} of length {len(keyed)}" for keyed in (keyed1, keyed2))
            yield path, first, second, "the lengths do not match"
            return
        names1, names2 = ([_simple_key(key) for key, _ in keyed] for keyed in (keyed1, keyed2))
        difference = [key for key in names1 if key not in names2] + [key for key in names2 if key not in names1]
        first, second = (f"{kind} with {len(keyed)} children" for keyed in (keyed1, keyed2))
        why = "the numbers of children do not match, with the symmetric difference of key sets: "
        yield path, first, second, why + "{" + " ".join(difference) + "}"
        return
    if data1 != data2:
        first, second = (f"{kind} with pytree metadata {data}" for data in (data1, data2))
        yield path, first, second, "the pytree node metadata does not match"
        return
    for (key, child1), (_, child2) in zip(keyed1, keyed2, strict=True):
        yield from _equality_errors((*path, key), child1, child2, is_leaf)


# -- registration ----------------------------------------------------------------------------------------------------


def register_pytree_node(
    nodetype: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Hashable]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_with_keys_func: Callable[[Any], tuple[Iterable[tuple[KeyEntry, Any]], Hashable]] | None = None,
) -> None:
    """Make a class a container. ValueError if it is one already.

    `flatten_func(node) -> (children, static data)`, `unflatten_func(static data, children) -> node`; the static data
    must be hashable and comparable to be used in a compiled function. Subclasses must be registered themselves.
    """
    default_registry.register_node(nodetype, flatten_func, unflatten_func, flatten_with_keys_func)


def register_pytree_node_class(cls: Cls) -> Cls:
    """Class decorator: registers a class by its methods `tree_flatten(self)` and `tree_unflatten(cls, data, children)`.

    >>> @register_pytree_node_class
    ... class Pair:
    ...     def __init__(self, x, y):
    ...         self.x, self.y = x, y
    ...     def tree_flatten(self):
    ...         return (self.x, self.y), None
    ...     @classmethod
    ...     def tree_unflatten(cls, data, children):
    ...         return cls(*children)
    >>> tree_leaves(Pair(1, [2, 3]))
    [1, 2, 3]
    """
    register_pytree_node(cls, operator.methodcaller("tree_flatten"), cls.tree_unflatten)  # type: ignore[attr-defined]
    return cls


def register_pytree_with_keys(
    nodetype: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[KeyEntry, Any]], Hashable]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_func: Callable[[Any], tuple[Iterable[Any], Hashable]] | None = None,
) -> None:
    """As `register_pytree_node`, where `flatten_with_keys(node) -> ([(key, child), ...], static data)`."""

    def without_keys(node: Any) -> tuple[Iterable[Any], Hashable]:
        keyed, data = flatten_with_keys(node)
        return [child for _, child in keyed], data

    register_pytree_node(nodetype, flatten_func or without_keys, unflatten_func, flatten_with_keys)


def register_pytree_with_keys_class(cls: Cls) -> Cls:
    """Class decorator: by the methods `tree_flatten_with_keys`, `tree_unflatten` and, optional, `tree_flatten`."""
    flatten = operator.methodcaller("tree_flatten") if hasattr(cls, "tree_flatten") else None
    with_keys = operator.methodcaller("tree_flatten_with_keys")
    register_pytree_with_keys(cls, with_keys, cls.tree_unflatten, flatten)  # type: ignore[attr-defined]
    return cls


def register_dataclass(
    nodetype: Cls,
    data_fields: Sequence[str] | None = None,
    meta_fields: Sequence[str] | None = None,
    drop_fields: Sequence[str] = (),
) -> Cls:
    """Make a dataclass a container: `data_fields` are children, `meta_fields` static (hashable) data.

    Without the lists, fields marked `field(metadata={"static": True})` (or `tree.static()`) are static and the others
    children. Usable as a decorator. TypeError or ValueError where the fields do not fit the class.

    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Layer:
    ...     w: object
    ...     name: str = dataclasses.field(default="dense", metadata={"static": True})
    >>> tree_map(lambda x: x + 1, Layer(1))
    Layer(w=2, name='dense')
    """
    if data_fields is None or meta_fields is None:
        if (data_fields is None) != (meta_fields is None):
            raise TypeError(
                "register_dataclass: data_fields and meta_fields must both be specified when either is specified. "
                f"Got {data_fields=} {meta_fields=}."
            )
        if not dataclasses.is_dataclass(nodetype):
            raise TypeError(
                "register_dataclass: data_fields and meta_fields are required when nodetype is not a dataclass. "
                f"Got {nodetype=}."
            )
        fields = [field for field in dataclasses.fields(nodetype) if field.name not in set(drop_fields)]
        data_fields = [field.name for field in fields if field.init and not field.metadata.get("static", False)]
        meta_fields = [field.name for field in fields if field.init and field.metadata.get("static", False)]
    given = {*data_fields, *meta_fields}
    if dataclasses.is_dataclass(nodetype):
        wanted = {field.name for field in dataclasses.fields(nodetype) if field.init} - set(drop_fields)
        if given != wanted:
            message = "data_fields and meta_fields must include all dataclass fields with ``init=True`` and only them."
            if missing := sorted(wanted - given):
                message += f" Missing fields: {missing}. Add them to drop_fields to suppress this error."
            if unexpected := sorted(given - wanted):
                message += f" Unexpected fields: {unexpected}."
            raise ValueError(message)
    if overlap := sorted(set(data_fields) & set(meta_fields)):
        raise ValueError(f"data_fields and meta_fields must not overlap. Overlapping fields: {overlap}.")
    default_registry.register_dataclass_node(nodetype, data_fields, meta_fields)
    return nodetype


def register_static(cls: Cls) -> Cls:
    """Class decorator: instances become nodes without leaves, wholly static. The class must be hashable.

    >>> @register_static
    ... class Mode(str): ...
    >>> tree_flatten((1, Mode("fast")))
    ([1], PyTreeDef((*, CustomNode(Mode[fast], []))))
    """
    register_pytree_with_keys(cls, lambda node: ((), node), lambda node, _: node)
    return cls


# -- the containers of the standard library, and Partial ---------------------------------------------------------------


def _ordered_dict(keys: tuple[Any, ...], values: Iterable[Any]) -> collections.OrderedDict[Any, Any]:
    return collections.OrderedDict(zip(keys, values, strict=True))


register_pytree_with_keys(
    collections.OrderedDict,
    lambda node: ([(DictKey(key), child) for key, child in node.items()], tuple(node)),
    _ordered_dict,
    lambda node: (tuple(node.values()), tuple(node)),
)


def _flatten_defaultdict(node: collections.defaultdict[Any, Any]) -> tuple[list[tuple[KeyEntry, Any]], Hashable]:
    keys = sorted_keys(node)
    return [(DictKey(key), node[key]) for key in keys], (node.default_factory, keys)


register_pytree_with_keys(
    collections.defaultdict,
    _flatten_defaultdict,
    lambda data, values: collections.defaultdict(data[0], zip(data[1], values, strict=True)),
)


class _FunctionBox:
    """Hides that a function is a `functools.partial`, whose constructor would merge the arguments of both."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = self.__wrapped__ = function  # inspect.signature follows __wrapped__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __hash__(self) -> int:
        return hash(self.function)

    def __eq__(self, other: object) -> bool:
        return bool(self.function == (other.function if isinstance(other, _FunctionBox) else other))

    def __repr__(self) -> str:
        return repr(self.function)


class Partial(functools.partial):  # type: ignore[type-arg]
    """`functools.partial` as a pytree: the bound arguments are children, the function is static data.

    >>> tree_flatten(Partial(print, 1, sep=2))
    ([1, 2], PyTreeDef(CustomNode(Partial[<built-in function print>], [(*,), {'sep': *}])))
    """

    def __new__(cls, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Partial:
        if isinstance(func, functools.partial):
            func = _FunctionBox(func)
        return super().__new__(cls, func, *args, **kwargs)


register_pytree_node(
    Partial,
    lambda node: ((node.args, node.keywords), node.func),
    lambda function, children: Partial(function, *children[0], **children[1]),
)
