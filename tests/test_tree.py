"""Pytrees. The expected values are those of jax.tree_util 0.10.2, written out."""

from __future__ import annotations

import collections
import dataclasses
import doctest
import importlib
import pickle
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functrans import pytree, tree
from functrans import tree_util as tu

NT = collections.namedtuple("NT", "x y")


@tu.register_pytree_node_class
class Custom:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def tree_flatten(self):
        return (self.a, self.b), "aux"

    @classmethod
    def tree_unflatten(cls, data, children):
        return cls(*children)

    def __eq__(self, other):
        return type(other) is Custom and (self.a, self.b) == (other.a, other.b)

    __hash__ = None


@tu.register_dataclass
@dataclasses.dataclass
class Data:
    x: object
    y: object = 1
    op: str = tree.static(default="add")


@tu.register_static
class Static(str):
    pass


class Box:
    def __init__(self, value, data):
        self.value, self.data = value, data


tu.register_pytree_with_keys(Box, lambda b: ([(tu.GetAttrKey("value"), b.value)], b.data), lambda d, c: Box(*c, d))


class SubDict(dict):
    pass


# tree, leaves, text of the treedef, key paths, num_nodes
CASES = [
    (1, [1], "*", [""], 1),
    (None, [], "None", [], 1),
    ((), [], "()", [], 1),
    ({}, [], "{}", [], 1),
    ((1,), [1], "(*,)", ["[0]"], 2),
    ([1, (2, None)], [1, 2], "[*, (*, None)]", ["[0]", "[1][0]"], 5),
    ({"b": 1, "a": (2, None)}, [2, 1], "{'a': (*, None), 'b': *}", ["['a'][0]", "['b']"], 5),
    ({1: 2, 0: 3}, [3, 2], "{0: *, 1: *}", ["[0]", "[1]"], 3),
    (NT(1, [2]), [1, 2], "CustomNode(namedtuple[NT], [*, [*]])", [".x", ".y[0]"], 4),
    (OrderedDict(b=1, a=2), [1, 2], "CustomNode(OrderedDict[('b', 'a')], [*, *])", ["['b']", "['a']"], 3),
    (defaultdict(list, b=1, a=[2]), [2, 1], "CustomNode(defaultdict[(<class 'list'>, ('a', 'b'))], [[*], *])",
     ["['a'][0]", "['b']"], 4),
    (Custom(1, (2, 3)), [1, 2, 3], "CustomNode(Custom[aux], [*, (*, *)])",
     ["[<flat index 0>]", "[<flat index 1>][0]", "[<flat index 1>][1]"], 5),
    (Data(1, 2), [1, 2], "CustomNode(Data[('add',)], [*, *])", [".x", ".y"], 3),
    (Static("hi"), [], "CustomNode(Static[hi], [])", [], 1),
    (SubDict(a=1), [SubDict(a=1)], "*", [""], 1),
]  # fmt: skip


@pytest.mark.parametrize("module", ["pytree", "tree_util", "tree"])
def test_doctests(module):
    result = doctest.testmod(importlib.import_module(f"functrans.{module}"))
    assert result.attempted > 0 and result.failed == 0


@pytest.mark.parametrize("node, leaves, text, paths, num_nodes", CASES, ids=lambda c: None)
def test_flatten_cases(node, leaves, text, paths, num_nodes):
    found, treedef = tu.tree_flatten(node)
    assert found == leaves and repr(treedef) == f"PyTreeDef({text})"
    assert (treedef.num_leaves, treedef.num_nodes) == (len(leaves), num_nodes)
    keyed, keyed_def = tu.tree_flatten_with_path(node)
    assert [tu.keystr(path) for path, _ in keyed] == paths and [leaf for _, leaf in keyed] == leaves
    until, until_def = tu.tree_flatten(node, is_leaf=lambda _: False)
    assert until == leaves and treedef == keyed_def == until_def
    assert hash(treedef) == hash(keyed_def)
    rebuilt = treedef.unflatten(iter(leaves))
    assert rebuilt == node and type(rebuilt) is type(node)
    assert treedef.flatten_up_to(node) == leaves
    restored = pickle.loads(pickle.dumps(treedef))
    assert restored == treedef and hash(restored) == hash(treedef)


TREES = st.recursive(
    st.integers() | st.none(),
    lambda kids: (
        st.lists(kids, max_size=3)
        | st.lists(kids, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), kids, max_size=3)
        | st.builds(NT, kids, kids)
        | st.builds(Custom, kids, kids)
        | st.builds(Data, kids, kids, st.sampled_from(["add", "mul"]))
    ),
    max_leaves=12,
)


@given(TREES, TREES)
def test_round_trip_and_equality(first, second):
    leaves, treedef = tu.tree_flatten(first)
    assert treedef.unflatten(leaves) == first
    assert tu.tree_map(lambda x: x, first) == first
    other = tu.tree_structure(second)
    assert (treedef == other) == (repr(treedef) == repr(other))
    assert treedef.compose(other).num_leaves == treedef.num_leaves * other.num_leaves
    assert treedef.compose(other) == tu.tree_structure(tu.tree_map(lambda _: second, first))
    assert tu.broadcast_prefix(first, tu.tree_map(lambda _: second, first)) == [
        leaf for leaf in leaves for _ in range(other.num_leaves)
    ]


def test_equal_structures_are_shared():
    make = lambda: {"w": [np.ones(2), 1.0], "b": (None, NT(1, 2)), "d": Data(1, 2)}  # noqa: E731
    assert tu.tree_structure(make()) is tu.tree_structure(make())


def test_equal_but_different_keys_and_data_are_kept_apart():
    for key in (1, True, 1.0):
        assert type(next(iter(tu.tree_map(lambda x: x, {key: 0})))) is type(key)
        assert type(tu.tree_map(lambda x: x, [Box(0, key)])[0].data) is type(key)


def test_overflowing_cache_keeps_equality(monkeypatch):
    before = tu.tree_structure([{"q": (1, None)}])
    monkeypatch.setattr(pytree, "_TABLE_LIMIT", 0)
    after = tu.tree_structure([{"q": (1, None)}, {"z": 0}]).children()[0]
    assert after == before.children()[0] and hash(after) == hash(before.children()[0])


def test_unhashable_static_data():
    treedef = tu.tree_structure((Box(1, [2]), 3))
    assert treedef == tu.tree_structure((Box(4, [2]), 5)) and treedef != tu.tree_structure((Box(4, [3]), 5))
    with pytest.raises(TypeError, match="static data of a node of it is not hashable"):
        hash(treedef)


def test_unsortable_keys_are_named():
    with pytest.raises(ValueError, match=r"must be sortable.*1 \(int\), 'a' \(str\)"):
        tu.tree_flatten({1: 2, "a": 3})


ts = tu.tree_structure
UP_TO = [
    ((1, 2), [1, 2], "Expected tuple, got [1, 2]."),
    ((1, 2), (1, 2, 3), "Tuple arity mismatch: 3 != 2; tuple: (1, 2, 3)."),
    ([1], [1, 2], "List arity mismatch: 2 != 1; list: [1, 2]."),
    ({"a": 1}, {"b": 1}, "Dict key mismatch; expected keys: ['a']; present keys: ['b']."),
    ({"a": 1}, OrderedDict(a=1), "Expected dict, got OrderedDict("),
    (NT(1, 2), (1, 2), "Expected named tuple, got (1, 2)."),
    ((1, 2), NT(1, 2), "Expected tuple, got NT(x=1, y=2)."),
    (None, 1, "Expected None, got 1."),
    (Data(1, 2), Data(1, 2, "mul"), "Mismatch custom dataclass node data: ('add',) != ('mul',); value: "),
    (Custom(1, 2), (1, 2), "Custom node type mismatch: expected type: <class "),
    (OrderedDict(a=1, b=2), OrderedDict(b=1, a=2), "Mismatch custom node data: ('a', 'b') != ('b', 'a'); value: "),
]


@pytest.mark.parametrize("prefix, full, text", UP_TO)
def test_flatten_up_to_errors(prefix, full, text):
    with pytest.raises(ValueError) as error:
        ts(prefix).flatten_up_to(full)
    assert str(error.value).startswith(text)
    with pytest.raises(ValueError, match=r"pytree structure error: different .* at key path\n    tree_map tree"):
        tu.tree_map(lambda x, y: 0, prefix, full)


@pytest.mark.parametrize("leaves, text", [([1], "Too few leaves for PyTreeDef; expected 2, got 1"),
                                          ([1, 2, 3], "Too many leaves for PyTreeDef; expected 2")])  # fmt: skip
def test_unflatten_counts(leaves, text):
    with pytest.raises(ValueError, match=text):
        ts((1, 2)).unflatten(leaves)


def test_treedef_functions():
    assert ts({"b": 1, "a": (2,)}).children() == [ts((0,)), ts(0)]
    assert ts({"a": 1}).node_data() == (dict, ["a"]) and ts(1).node_data() is None
    assert ts(Data(1, 2)).node_data() == (Data, ("add",)) and ts(NT(1, 2)).node_data() == (NT, None)
    assert tu.treedef_tuple([ts(1), ts([1, 2])]) == ts((1, [1, 2]))
    assert [tu.treedef_is_leaf(ts(x)) for x in (1, None, (), (1,))] == [True, True, True, False]
    assert ts((1, [None, 2])).compose(ts({"a": 1})) == ts(({"a": 1}, [None, {"a": 1}]))
    for node, *_ in CASES:
        d = ts(node)
        assert pytree.PyTreeDef.from_node_data_and_children(tu.default_registry, d.node_data(), d.children()) == d


def test_is_leaf_and_paths():
    assert tu.tree_leaves((None, 1), is_leaf=lambda x: x is None) == [None, 1]
    assert tu.tree_leaves([1, (2, 3)], is_leaf=lambda x: isinstance(x, tuple)) == [1, (2, 3)]
    keyed = tu.tree_leaves_with_path((1, [2]), is_leaf=lambda path, _: len(path) == 1, is_leaf_takes_path=True)
    assert keyed == [((tu.SequenceKey(0),), 1), ((tu.SequenceKey(1),), [2])]
    keys = (tu.DictKey("a"), tu.SequenceKey(1), tu.GetAttrKey("z"), tu.FlattenedIndexKey(3))
    assert tu.keystr(keys) == "['a'][1].z[<flat index 3>]" and tu.keystr(keys, simple=True, separator="/") == "a/1/z/3"
    assert tu.SequenceKey(0) != tu.FlattenedIndexKey(0)
    assert tu.all_leaves([(1,), 2], is_leaf=lambda x: isinstance(x, tuple)) and not tu.all_leaves([None])
    with pytest.raises(ValueError, match=r"tree_map_with_path tree\[0\]"):
        tu.tree_map_with_path(lambda *a: a, ((1,), 2), ([1], 2))


def test_reduce_transpose_broadcast():
    assert tree.reduce(lambda x, y: x + y, [], 5) == 5 and tree.reduce_associative(max, [], identity=7) == 7
    with pytest.raises(TypeError, match="empty iterable"):
        tree.reduce(max, [])
    with pytest.raises(TypeError, match="Must specify identity"):
        tree.reduce_associative(max, [])
    assert tree.all([]) is True and tree.all([1, (0,)]) is False
    nested = {"a": [1, 2], "b": [3, 4]}
    assert tree.transpose(ts({"a": 0, "b": 0}), None, nested) == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]
    with pytest.raises(TypeError, match="Mismatch"):
        tree.transpose(ts([0, 0]), ts((0, 0)), [(1, 2, 3), (4, 5, 6)])
    assert tree.broadcast(None, (1, 2), is_leaf=lambda x: x is None) == (None, None)
    with pytest.raises(ValueError, match=r"different types at key path\n    broadcast_prefix prefix_tree\[1\]"):
        tree.broadcast((1, None), (3, [4, 5]))


def test_prefix_errors():
    assert tu.prefix_errors((1, {"a": 0}), ((1, 2), {"a": [3]}), "in_axes") == []
    (keys,) = tu.prefix_errors([{"a": 0}], [{"a": 0, "b": 1}], "in_axes")
    assert keys.startswith("pytree structure error: different numbers of pytree children at key path\n    in_axes[0]")
    assert keys.endswith("so the symmetric difference on key sets is\n    b")
    (data,) = tu.prefix_errors(Data(1, 2), Data(1, 2, "mul"), "in_axes")
    assert data.endswith("    - ('add',)\n    + ('mul',)")


def test_registration_errors():
    for cls in (list, Custom):
        with pytest.raises(ValueError, match="Duplicate custom PyTreeDef type registration"):
            tu.register_pytree_node(cls, lambda x: (x, None), lambda d, c: c)
    with pytest.raises(ValueError, match=r"Missing fields: \['op'\]"):
        tu.register_dataclass(Data, ["x"], ["y"])
    with pytest.raises(TypeError, match="both be specified"):
        tu.register_dataclass(Data, ["x"])
    with pytest.raises(TypeError, match="nodetype is not a dataclass"):
        tu.register_dataclass(Custom)


def test_registering_after_use_as_a_leaf():
    class Late:
        pass

    assert not tu.is_tree_node(Late) and tu.tree_leaves((Late(), 1))[1:] == [1]
    tu.register_static(Late)
    assert tu.is_tree_node(Late) and tu.tree_leaves((Late(), 1)) == [1]


def test_partial():
    inner = tu.Partial(max, 1)
    outer = tu.Partial(inner, 2)
    assert tu.tree_leaves(outer) == [2] and outer() == 2 and tu.tree_map(lambda x: 5 * x, outer)() == 10
    assert ts(outer) == ts(tu.Partial(inner, 3)) and hash(ts(outer)) == hash(ts(tu.Partial(inner, 3)))
    assert ts(tu.Partial(max, 1)) != ts(tu.Partial(min, 1))
