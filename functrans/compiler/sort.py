"""Stable sorting of rows of unsigned integers, as LLVM IR text.

Each row becomes an array of pairs (key, index). Rows longer than `SHORT` are sorted by the bytes of the key, least significant
first: the counts of all bytes are taken in one pass, then each byte moves every pair to its place in a second array. A byte
that all keys share needs no move, so small integers cost as many moves as they have digits. Shorter rows are sorted by
insertion. Keys of up to 32 bits share one 64-bit word with their index; 64-bit keys make pairs of two words.

Several keys are sorted by in turn, the last first: each sort starts from the order the one before has left and, being stable,
keeps it among equal keys.

Reference: Knuth, *The Art of Computer Programming*, volume 3, sections 5.2.1 and 5.2.5.

Limits: rows of more than 2**32 elements need 64-bit keys.
"""

from __future__ import annotations

from functrans.compiler.text import I8, I64, PTR, Function, Ty, Val

__all__ = ["SHORT", "emit_sort", "sort_scratch"]

SHORT = 48
"""Rows up to this length are sorted by insertion."""
_DIGITS = 256


def sort_scratch(key_bytes: int, n: int) -> int:
    """The bytes of scratch memory that the sort of rows of `n` needs: two arrays of pairs, and the counts.

    >>> sort_scratch(8, 100)
    19584
    """
    return 2 * n * _pair_bytes(key_bytes) + 8 * _DIGITS * key_bytes


def _pair_bytes(key_bytes: int) -> int:
    return 16 if key_bytes == 8 else 8


class _Pairs:
    """How pairs lie in memory: two words, or one word with the key in its upper half."""

    def __init__(self, f: Function, key_bytes: int) -> None:
        self.f, self.wide = f, key_bytes == 8
        self.ty = Ty("i64", 2) if self.wide else I64

    def address(self, pairs: Val, i: Val) -> Val:
        return self.f.gep(str(self.ty), pairs, i)

    def make(self, key: Val, index: Val) -> Val:
        f = self.f
        if self.wide:
            return f.insert(f.insert(Val("poison", self.ty), key, 0), index, 1)
        return f.or_(f.shl(key, f.const(I64, 32)), index)

    def key(self, pair: Val) -> Val:
        return self.f.extract(pair, 0) if self.wide else self.f.lshr(pair, self.f.const(I64, 32))

    def index(self, pair: Val) -> Val:
        return self.f.extract(pair, 1) if self.wide else self.f.and_(pair, self.f.const(I64, 0xFFFFFFFF))

    def digit(self, key: Val, place: int) -> Val:
        """A byte of a key, 0 the least significant."""
        f = self.f
        moved = f.lshr(key, f.const(I64, 8 * place)) if place else key
        return f.and_(moved, f.const(I64, 0xFF))


def emit_sort(key_bytes: int) -> Function:
    """``void @sort_BYTES(ptr order, ptr keys, ptr scratch, i64 rows, i64 n, i64 refine)``; rows and n are positive.

    `order` gets, for each row, the indices that sort its keys. If `refine` is 1 it holds an order already, whose ties are
    broken by it.

    >>> emit_sort(8).name
    'sort_8'
    """
    f = Function(f"sort_{key_bytes}", [PTR, PTR, PTR, I64, I64, I64], attributes="noinline nounwind")
    order, keys, first, rows, n, refine = f.params
    pairs = _Pairs(f, key_bytes)
    zero, one = f.const(I64, 0), f.const(I64, 1)
    array = f.mul(n, f.const(I64, _pair_bytes(key_bytes)))
    second = f.gep("i8", first, array)
    counts = f.gep("i8", second, array)
    row, close_row = f.loop("row", zero, rows, one)
    at = f.mul(row, n)
    row_order, row_keys = f.gep("i64", order, at), f.gep(f"i{8 * key_bytes}", keys, at)

    i, close = f.loop("fill", zero, n, one)
    given, own, filled = f.fresh("given"), f.block, f.fresh("filled")
    f.cond_br(f.icmp("ne", refine, zero), given, filled)
    f.label(given)
    earlier = f.load(I64, f.gep("i64", row_order, i), 8)
    f.br(filled)
    f.label(filled)
    index = f.phi(I64, [(i, own), (earlier, given)])
    key = f.load(Ty(f"i{8 * key_bytes}"), f.gep(f"i{8 * key_bytes}", row_keys, index))
    key = key if key_bytes == 8 else f.cast("zext", key, "i64")
    f.store(pairs.make(key, index), pairs.address(first, i), 8)
    close()

    short, long, done = f.fresh("short"), f.fresh("long"), f.fresh("sorted")
    f.cond_br(f.icmp("sle", n, f.const(I64, SHORT)), short, long)
    f.label(short)
    _insertion(f, pairs, first, n)
    short_end = f.block
    f.br(done)
    f.label(long)
    final = _by_digits(f, pairs, first, second, counts, n, key_bytes)
    long_end = f.block
    f.br(done)
    f.label(done)
    source = f.phi(PTR, [(first, short_end), (final, long_end)])
    i, close = f.loop("write", zero, n, one)
    f.store(pairs.index(f.load(pairs.ty, pairs.address(source, i), 8)), f.gep("i64", row_order, i), 8)
    close()
    close_row()
    f.ret()
    return f


def _insertion(f: Function, pairs: _Pairs, array: Val, n: Val) -> None:
    """Each pair in turn goes left past all that have a greater key."""
    zero, one = f.const(I64, 0), f.const(I64, 1)
    begin, end = f.fresh("begin"), f.fresh("inserted")
    f.cond_br(f.icmp("sgt", n, one), begin, end)
    f.label(begin)
    i, close = f.loop("insert", one, n, one)
    pair = f.load(pairs.ty, pairs.address(array, i), 8)
    key = pairs.key(pair)
    before, look, compare, move, place = f.block, f.fresh("look"), f.fresh("compare"), f.fresh("move"), f.fresh("place")
    f.br(look)
    f.label(look)
    j, slot = f.phi_open(I64, i, before)
    f.cond_br(f.icmp("sgt", j, zero), compare, place)
    f.label(compare)
    left = f.sub(j, one)
    other = f.load(pairs.ty, pairs.address(array, left), 8)
    f.cond_br(f.icmp("ugt", pairs.key(other), key), move, place)
    f.label(move)
    f.store(other, pairs.address(array, j), 8)
    f.phi_close(slot, left, move)
    f.br(look)
    f.label(place)
    f.store(pair, pairs.address(array, j), 8)
    close()
    f.br(end)
    f.label(end)


def _by_digits(f: Function, pairs: _Pairs, first: Val, second: Val, counts: Val, n: Val, key_bytes: int) -> Val:
    """Sort by each byte in turn; returns the array that holds the result."""
    zero, one, digits = f.const(I64, 0), f.const(I64, 1), f.const(I64, _DIGITS)
    f.do(f"call void @llvm.memset.p0.i64(ptr {counts.ref}, i8 0, i64 {8 * _DIGITS * key_bytes}, i1 false)")
    f.declare("llvm.memset.p0.i64", None, [PTR, I8, I64, Ty("i1")])
    tables = [f.gep("i64", counts, f.const(I64, _DIGITS * place)) for place in range(key_bytes)]
    i, close = f.loop("count", zero, n, one)
    key = pairs.key(f.load(pairs.ty, pairs.address(first, i), 8))
    for place, table in enumerate(tables):
        entry = f.gep("i64", table, pairs.digit(key, place))
        f.store(f.add(f.load(I64, entry, 8), one), entry, 8)
    close()
    source, target = first, second
    for place, table in enumerate(tables):
        moving, moved, before = f.fresh("moving"), f.fresh("moved"), f.block
        any_digit = pairs.digit(pairs.key(f.load(pairs.ty, source, 8)), place)
        shared = f.icmp("eq", f.load(I64, f.gep("i64", table, any_digit), 8), n)
        f.cond_br(shared, moved, moving)
        f.label(moving)
        _starts(f, table, zero, digits)
        i, close = f.loop("move", zero, n, one)
        pair = f.load(pairs.ty, pairs.address(source, i), 8)
        entry = f.gep("i64", table, pairs.digit(pairs.key(pair), place))
        at = f.load(I64, entry, 8)
        f.store(pair, pairs.address(target, at), 8)
        f.store(f.add(at, one), entry, 8)
        close()
        last = f.block
        f.br(moved)
        f.label(moved)
        source, target = (f.phi(PTR, [(source, before), (target, last)]), f.phi(PTR, [(target, before), (source, last)]))
    return source


def _starts(f: Function, table: Val, zero: Val, digits: Val) -> None:
    """Counts become the places where the runs of each digit start."""
    before, head, done = f.block, f.fresh("start"), f.fresh("started")
    f.br(head)
    f.label(head)
    d, d_slot = f.phi_open(I64, zero, before)
    total, total_slot = f.phi_open(I64, zero, before)
    entry = f.gep("i64", table, d)
    count = f.load(I64, entry, 8)
    f.store(total, entry, 8)
    following = f.add(d, f.const(I64, 1))
    f.phi_close(d_slot, following, head)
    f.phi_close(total_slot, f.add(total, count), head)
    f.cond_br(f.icmp("slt", following, digits), head, done)
    f.label(done)
