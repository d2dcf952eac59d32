"""Register-tiled matrix multiplication, as LLVM IR text.

``C[i, j] = sum_k A[i, k] B[k, j]`` with C and B of unit column stride and A of any strides. A *tile* of
``rows x (vectors * width)`` elements of C stays in vector registers while the innermost loop runs over k: it loads
`vectors` vectors of B, broadcasts `rows` scalars of A and multiplies and adds. All sizes are run-time parameters, so
one compiled function serves every product with the same tile, and its name says its content.

Edges: instead of a second kernel for the remainders, the last tile of a row or a column of tiles starts so that it
ends at the border and *overlaps* its neighbour (20 columns, tiles of 8: columns 0-7, 8-15, 12-19). Elements in the
overlap are computed twice and stored twice, with the same value; C must therefore not alias A or B, and m and n must
not be smaller than the tile. For a C narrower than the usual tile the vectors within a tile overlap in the same way.

Packing: with a large row stride the rows of a column panel of B fall on different pages and on the same cache sets. The
packed variant copies each panel to `scratch` once and runs all row tiles on the copy; it walks k in blocks of
`K_BLOCK`, so that the panel's block stays in cache, and continues the sums from C. An overlapping row tile would then
add a block twice to shared elements, so it runs once, alone, after all blocks, with the whole of k.

Each element is summed in the order k = 0, 1, 2, ... in one accumulator, whatever the tile, the edges and the packing:
results depend only on the operands (and on whether the target has a fused multiply-add). The error bound is the
textbook one, ``k * eps * sum |a| |b|`` (Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.5).

Reference: Goto and van de Geijn, *Anatomy of High-Performance Matrix Multiplication*, ACM TOMS 34 (2008).

Limits: float and double. The kernel vectorises along n alone; with n = 1 it is a scalar kernel, and a product of a
row-major matrix and a vector is better computed as a reduction over k.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from functrans.compiler.text import I64, PTR, Function, Ty, Val

__all__ = ["K_BLOCK", "Tile", "choose_tile", "emit_gemm", "scratch_elements", "wants_packing"]

# A block of the usual panel is then 256 KiB (float), 512 KiB (double): within L2, and A is read in long runs.
K_BLOCK = 1024
_BYTES = {"float": 4, "double": 8}
_STORE_CYCLES = 10.0
# More rows of A than the ways of an L1 set evict each other when A's row stride is a large power of two (3x slower).
_MAX_ROWS = 8


@dataclass(frozen=True)
class Tile:
    """The shape of a register tile: `rows` rows of `vectors` vectors of `width` lanes of `elem` (LLVM's name).

    The last vector of a row may overlap the one before it by `overlap` lanes, so that a tile can be just as wide as a
    narrow C: for 10 columns, two vectors of 8 lanes at columns 0 and 2.
    """

    elem: str
    width: int
    vectors: int
    rows: int
    overlap: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < (self.width if self.vectors > 1 else 1):
            raise ValueError(f"overlap={self.overlap} leaves the last of {self.vectors} vectors of {self.width} lanes "
                             "nothing of its own; use fewer vectors")

    @property
    def columns(self) -> int:
        """Columns of C in one tile."""
        return self.width * self.vectors - self.overlap

    @property
    def offsets(self) -> list[int]:
        """The first column of each vector."""
        return [v * self.width for v in range(self.vectors - 1)] + [self.columns - self.width]


def _cycles(tile: Tile, m: int, n: int, k: int) -> float:
    """A model of the run time: a step of k costs its multiply-adds (two a cycle, a latency of four) or its loads."""
    tiles = -(-m // tile.rows) * -(-n // tile.columns)
    fmas, loads = tile.rows * tile.vectors, tile.rows + tile.vectors
    step = max(fmas / 2, loads / 2, (fmas + loads + 4) / 5, 4.0)
    return tiles * (max(k, 1) * step + _STORE_CYCLES + fmas)


@cache
def choose_tile(elem: str, m: int, n: int, k: int, vector_bits: int, registers: int) -> Tile:
    """The tile for an ``(m, k) @ (k, n)`` product on a target of `registers` vector registers of `vector_bits` bits.

    The accumulators, one row of B and one broadcast must fit the registers, and the tile must fit C. Among such tiles
    the model's cheapest wins, but the target's usual large tile is kept when it costs at most a tenth more, so
    that a program of many sizes compiles few kernels. Sizes may be 0.

    >>> choose_tile("float", 512, 512, 512, 512, 32)
    Tile(elem='float', width=16, vectors=4, rows=6, overlap=0)
    >>> choose_tile("double", 3, 5, 7, 256, 16)
    Tile(elem='double', width=4, vectors=2, rows=3, overlap=3)
    """
    if elem not in _BYTES:
        raise ValueError(f"matrix multiplication is compiled for 'float' and 'double' elements, not {elem!r}; "
                         "cast the operands first")
    lanes = vector_bits // (8 * _BYTES[elem])
    m, n = max(m, 1), max(n, 1)
    candidates = []
    widest = 1 << (min(lanes, n).bit_length() - 1)
    for width in sorted({widest, max(1, widest // 2)}):
        for vectors in range(1, min(-(-n // width), registers // 2) + 1):
            most = min((registers - 1 - vectors) // vectors, _MAX_ROWS)
            overlap = max(0, vectors * width - n)
            candidates += [Tile(elem, width, vectors, rows, overlap) for rows in range(1, min(m, most) + 1)]
    best = min(candidates, key=lambda t: (_cycles(t, m, n, k), -t.width, -t.rows * t.vectors, -t.rows))
    usual = Tile(elem, lanes, 4 if registers >= 32 else 2, 6)
    if usual in candidates and _cycles(usual, m, n, k) <= 1.1 * _cycles(best, m, n, k):
        return usual
    return best


def wants_packing(tile: Tile, m: int, n: int, k: int) -> bool:
    """Whether the copy of B's panels pays for itself: the panel fills much of L2 and is read often."""
    return m >= 8 * tile.rows and n > tile.columns and k * tile.columns * _BYTES[tile.elem] > 1 << 18


def scratch_elements(tile: Tile, k: int, packed: bool) -> int:
    """Elements that the scratch buffer of a product must hold (0: the scratch pointer is not used)."""
    return max(k, 0) * tile.columns if packed else 0


def emit_gemm(tile: Tile, packed: bool) -> list[Function]:
    """The functions of one tile, entry first; equal arguments give equal names and text.

    The entry is ``void @NAME(ptr c, ptr a, ptr b, ptr scratch, i64 m, i64 n, i64 k, i64 c_rs, i64 a_rs, i64 a_cs,
    i64 b_rs)``, strides in elements, any alignment. It needs ``m >= tile.rows`` and ``n >= tile.columns`` (which
    `choose_tile` guarantees for its sizes) and returns without a store otherwise, as an empty product must. ``k == 0``
    stores zeros. C must not overlap A, B or the scratch.

    >>> [f.name for f in emit_gemm(Tile("float", 16, 4, 6), True)]
    ['gemm_float_16x4x6_p']
    """
    name = f"gemm_{tile.elem}_{tile.width}x{tile.vectors}x{tile.rows}"
    name += (f"_o{tile.overlap}" if tile.overlap else "") + ("_p" if packed else "")
    attributes = ["noalias", "readonly", "readonly", "noalias"] + [""] * 7
    f = Function(name, [PTR] * 4 + [I64] * 7, attributes="nounwind", param_attributes=attributes)
    m, n = f.params[4], f.params[5]
    small = f.icmp("slt", m, f.const(I64, tile.rows))
    narrow = f.icmp("slt", n, f.const(I64, tile.columns))
    f.cond_br(f.or_(small, narrow), "done", "start")
    f.label("start")
    _columns(f, tile, packed)
    f.label("done")
    f.ret()
    return [f]


def _columns(f: Function, tile: Tile, packed: bool) -> None:
    """The loop over column panels. The last one overlaps: it starts at n - columns."""
    c, a, b, scratch, m, n, k, c_rs, _, _, b_rs = f.params
    zero, nc = f.const(I64, 0), f.const(I64, tile.columns)
    last_column, last_row = f.sub(n, nc), f.sub(m, f.const(I64, tile.rows))
    if packed:
        rest = f.binary("urem", m, f.const(I64, tile.rows))
        last_full = f.sub(last_row, rest)
        has_edge = f.icmp("ne", rest, zero)
    f.br("panel")
    f.label("panel")
    j, j_slot = f.phi_open(I64, zero, "start")
    here = f.call("llvm.smin.i64", I64, j, last_column)
    c_panel, b_panel = f.gep(tile.elem, c, here), f.gep(tile.elem, b, here)
    if packed:
        _zero_rows(f, tile, "clear", c_panel, m, c_rs)
        f.cond_br(f.icmp("sgt", k, zero), "pack", "panel_end")
        _pack(f, tile, scratch, b_panel, k, b_rs)
        _blocks(f, tile, c_panel, last_full, has_edge)
    else:
        f.cond_br(f.icmp("sgt", k, zero), "tiles", "empty")
        f.label("empty")
        _zero_rows(f, tile, "clear", c_panel, m, c_rs)
        f.br("panel_end")
        f.label("tiles")
        _row_tiles(f, tile, c_panel, b_panel, b_rs, zero, last_row, a, k, resume=False)
        f.br("panel_end")
    f.label("panel_end")
    j_next = f.add(j, nc)
    f.phi_close(j_slot, j_next, "panel_end")
    f.cond_br(f.icmp("slt", j_next, n), "panel", "done")


def _zero_rows(f: Function, tile: Tile, label: str, c_first: Val, count: Val, c_rs: Val) -> None:
    """Zeros in `count` (at least one) rows of a panel of C; leaves the builder in a new block."""
    zero, before = f.const(Ty(tile.elem, tile.width), 0.0), f.block
    f.br(label)
    f.label(label)
    row, row_slot = f.phi_open(PTR, c_first, before)
    left, left_slot = f.phi_open(I64, count, before)
    for offset in tile.offsets:
        f.store(zero, _at(f, row, offset, tile.elem))
    left_next = f.sub(left, f.const(I64, 1))
    f.phi_close(row_slot, f.gep(tile.elem, row, c_rs), label)
    f.phi_close(left_slot, left_next, label)
    f.cond_br(f.icmp("sgt", left_next, f.const(I64, 0)), label, label + "ed")
    f.label(label + "ed")


def _pack(f: Function, tile: Tile, scratch: Val, b_panel: Val, k: Val, b_rs: Val) -> None:
    """Copy k (at least one) rows of the panel, `tile.columns` elements each, to scratch."""
    zero, ty, before = f.const(I64, 0), Ty(tile.elem, tile.width), f.block
    f.label("pack")
    left, left_slot = f.phi_open(I64, k, before)
    source, source_slot = f.phi_open(PTR, b_panel, before)
    target, target_slot = f.phi_open(PTR, scratch, before)
    values = [f.load(ty, _at(f, source, offset, tile.elem)) for offset in tile.offsets]
    for offset, value in zip(tile.offsets, values, strict=True):
        f.store(value, _at(f, target, offset, tile.elem))
    left_next = f.sub(left, f.const(I64, 1))
    f.phi_close(left_slot, left_next, "pack")
    f.phi_close(source_slot, f.gep(tile.elem, source, b_rs), "pack")
    f.phi_close(target_slot, _at(f, target, tile.columns, tile.elem), "pack")
    f.cond_br(f.icmp("sgt", left_next, zero), "pack", "packed")
    f.label("packed")


def _blocks(f: Function, tile: Tile, c_panel: Val, last_full: Val, has_edge: Val) -> None:
    """The loop over blocks of k on the full row tiles, and then one pass over the whole of k for an overlapping tile.

    The passes of one panel are k0 = 0, K_BLOCK, ..., then `edge` with k0 = 0 again, from zeroed sums.
    """
    _, a, _, scratch, m, _, k, c_rs, _, a_cs, _ = f.params
    zero, block, nc = f.const(I64, 0), f.const(I64, K_BLOCK), f.const(I64, tile.columns)
    rows, i1_ty, before = f.const(I64, tile.rows), Ty("i1"), f.block
    f.br("block")
    f.label("block")
    k0, k0_slot = f.phi_open(I64, zero, before)
    edge, edge_slot = f.phi_open(i1_ty, f.const(i1_ty, False), before)
    kc = f.select(edge, k, f.call("llvm.smin.i64", I64, f.sub(k, k0), block))
    last_row = f.sub(m, rows)
    first, last = f.select(edge, last_row, zero), f.select(edge, last_row, last_full)
    f.cond_br(edge, "restart", "tiles")
    f.label("restart")
    _zero_rows(f, tile, "reset", f.gep(tile.elem, c_panel, f.mul(last_row, c_rs)), rows, c_rs)
    f.br("tiles")
    f.label("tiles")
    _row_tiles(f, tile, c_panel, f.gep(tile.elem, scratch, f.mul(k0, nc)), nc, first, last,
               f.gep(tile.elem, a, f.mul(k0, a_cs)), kc, resume=True)
    k_next = f.add(k0, block)
    more = f.and_(f.icmp("slt", k_next, k), f.not_(edge))
    edge_next = f.and_(f.not_(f.or_(more, edge)), has_edge)
    f.phi_close(k0_slot, f.select(more, k_next, zero), f.block)
    f.phi_close(edge_slot, edge_next, f.block)
    f.cond_br(f.or_(more, edge_next), "block", "panel_end")


def _row_tiles(
    f: Function, tile: Tile, c_panel: Val, b_panel: Val, b_step: Val, first: Val, last: Val, a: Val, kc: Val, *,
    resume: bool,
) -> None:
    """The row tiles that start at first, first + rows, ..., the last one pulled back to `last`; kc is at least one.

    With `resume` the sums go on from what C holds.
    """
    elem, rows, vectors = tile.elem, tile.rows, tile.vectors
    ty, one, before = Ty(elem, tile.width), f.const(I64, 1), f.block
    c_rs, a_rs, a_cs = f.params[7:10]
    a_rs_bytes, group_step = f.mul(a_rs, f.const(I64, _BYTES[elem])), f.mul(a_rs, f.const(I64, 3))
    f.br("tile")
    f.label("tile")
    i, i_slot = f.phi_open(I64, first, before)
    here = f.call("llvm.smin.i64", I64, i, last)
    c_rows = [f.gep(elem, c_panel, f.mul(here, c_rs))]
    for _ in range(rows - 1):
        c_rows.append(f.gep(elem, c_rows[-1], c_rs))
    addresses = [_at(f, row, offset, elem) for row in c_rows for offset in tile.offsets]
    a_first = [f.gep(elem, a, f.mul(here, a_rs))]
    for _ in range(3, rows, 3):
        a_first.append(f.gep(elem, a_first[-1], group_step))
    start = [f.load(ty, address) if resume else f.const(ty, 0.0) for address in addresses]
    f.br("step")

    f.label("step")
    sums = [f.phi_open(ty, value, "tile") for value in start]
    left, left_slot = f.phi_open(I64, kc, "tile")
    b_row, b_slot = f.phi_open(PTR, b_panel, "tile")
    a_groups = [f.phi_open(PTR, value, "tile") for value in a_first]
    bs = [f.load(ty, _at(f, b_row, offset, elem)) for offset in tile.offsets]
    results: list[Val] = []
    for r in range(rows):
        x = f.splat(f.load(ty.scalar(), _row_address(f, a_groups[r // 3][0], r % 3, a_rs_bytes)), tile.width)
        for v in range(vectors):
            total, slot = sums[r * vectors + v]
            results.append(f.multiply_add(x, bs[v], total))
            f.phi_close(slot, results[-1], "step")
    left_next = f.sub(left, one)
    f.phi_close(left_slot, left_next, "step")
    f.phi_close(b_slot, f.gep(elem, b_row, b_step), "step")
    for group, slot in a_groups:
        f.phi_close(slot, f.gep(elem, group, a_cs), "step")
    f.cond_br(f.icmp("sgt", left_next, f.const(I64, 0)), "step", "finish")

    f.label("finish")
    for address, value in zip(addresses, results, strict=True):
        f.store(value, address)
    f.phi_close(i_slot, f.add(i, f.const(I64, rows)), "finish")
    f.cond_br(f.icmp("slt", i, last), "tile", "rows_end")
    f.label("rows_end")


def _at(f: Function, base: Val, offset: int, elem: str) -> Val:
    """The address of element `offset` (static) after `base`."""
    return base if offset == 0 else f.gep(elem, base, f.const(I64, offset))


def _row_address(f: Function, base: Val, row: int, stride_bytes: Val) -> Val:
    """The address `row` (0, 1 or 2) rows after `base`, in a form that x86 folds into the load: no register a row."""
    if row == 0:
        return base
    return f.emit(PTR, f"getelementptr {'i8' if row == 1 else 'i16'}, ptr {base.ref}, i64 {stride_bytes.ref}")
