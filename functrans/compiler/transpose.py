"""Out-of-place transposition of a matrix, as LLVM IR text.

``out[j, i] = in[i, j]`` by blocks of ``W x W`` elements: W vector loads, ``log2 W`` stages of two-operand shuffles that
exchange the off-diagonal halves, quarters, ... of the block, W vector stores. Blocks are visited in squares of `SQUARE`
elements a side, so that each cache line is used whole before it is evicted. The last blocks overlap their neighbours
instead of leaving remainders: elements are then stored twice with the same value, so `out` must not alias `in`. A
matrix with a side shorter than W goes element by element.

Reference: Eklundh, *A Fast Computer Method for Matrix Transposing*, IEEE Trans. Computers C-21 (1972).

Limits: both matrices have unit column stride; elements are moved, never interpreted, so an ``i32`` or ``i64`` transpose
serves every type of that size.
"""

from __future__ import annotations

from functrans.compiler.text import I64, PTR, Function, Ty, Val

__all__ = ["SQUARE", "emit_transpose"]

SQUARE = 64


def emit_transpose(elem: str, width: int) -> Function:
    """``void @transpose_ELEM_W(ptr out, ptr in, i64 rows, i64 cols, i64 in_rs, i64 out_rs)``: out[j, i] = in[i, j].

    `rows` and `cols` are those of `in`, the row strides count elements; any sizes (also 0) and any alignment. `width`
    is a power of two, normally the lanes of a vector register; ValueError otherwise.

    >>> emit_transpose("float", 8).name
    'transpose_float_8'
    """
    if width < 1 or width & (width - 1) or width > SQUARE:
        raise ValueError(f"a transposition works in blocks of 1, 2, 4, ... {SQUARE} lanes, not {width}; "
                         "pass a power of two")
    f = Function(f"transpose_{elem}_{width}", [PTR, PTR, I64, I64, I64, I64], attributes="nounwind",
                 param_attributes=["noalias", "readonly", "", "", "", ""])
    out, in_, rows, cols, in_rs, out_rs = f.params
    side, zero = f.const(I64, width), f.const(I64, 0)
    shortest = f.call("llvm.smin.i64", I64, rows, cols)
    f.cond_br(f.icmp("sgt", shortest, zero), "some", "done")
    f.label("some")
    if width > 1:
        last_row, last_col = f.sub(rows, side), f.sub(cols, side)
        f.cond_br(f.icmp("slt", shortest, side), "element_rows", "squares")
        f.label("squares")
        square = f.const(I64, SQUARE)
        i0, close_i0 = f.loop("square_row", zero, rows, square)
        i_end = f.call("llvm.smin.i64", I64, f.add(i0, square), rows)
        j0, close_j0 = f.loop("square_col", zero, cols, square)
        j_end = f.call("llvm.smin.i64", I64, f.add(j0, square), cols)
        j, close_j = f.loop("block_col", j0, j_end, side)
        i, close_i = f.loop("block_row", i0, i_end, side)
        row, col = f.call("llvm.smin.i64", I64, i, last_row), f.call("llvm.smin.i64", I64, j, last_col)
        _block(f, Ty(elem, width), f.gep(elem, f.gep(elem, out, f.mul(col, out_rs)), row), out_rs,
               f.gep(elem, f.gep(elem, in_, f.mul(row, in_rs)), col), in_rs)
        for close in (close_i, close_j, close_j0, close_i0):
            close()
        f.br("done")
    else:
        f.br("element_rows")
    f.label("element_rows")
    i, close_i = f.loop("element_row", zero, rows, f.const(I64, 1))
    source, target = f.gep(elem, in_, f.mul(i, in_rs)), f.gep(elem, out, i)
    j, close_j = f.loop("element", zero, cols, f.const(I64, 1))
    f.store(f.load(Ty(elem), f.gep(elem, source, j)), f.gep(elem, target, f.mul(j, out_rs)))
    close_j()
    close_i()
    f.br("done")
    f.label("done")
    f.ret()
    return f


def _block(f: Function, ty: Ty, out: Val, out_rs: Val, in_: Val, in_rs: Val) -> None:
    """Transpose one block of ``ty.width`` rows in registers.

    Stage h exchanges the off-diagonal halves of every 2h x 2h sub-block: with rows r and r + h,
    ``(a b), (c d)`` becomes ``(a c), (b d)``. For width 2 that is the whole transposition.
    """
    width = ty.width
    rows = [f.load(ty, address) for address in _addresses(f, ty, in_, in_rs)]
    half = width // 2
    while half:
        low = [lane if not lane & half else width + lane - half for lane in range(width)]
        high = [lane + half if not lane & half else width + lane for lane in range(width)]
        for r in range(width):
            if not r & half:
                upper, lower = rows[r], rows[r + half]
                rows[r], rows[r + half] = f.shuffle(upper, lower, low), f.shuffle(upper, lower, high)
        half //= 2
    for row, address in zip(rows, _addresses(f, ty, out, out_rs), strict=True):
        f.store(row, address)


def _addresses(f: Function, ty: Ty, base: Val, stride: Val) -> list[Val]:
    """The addresses of ``ty.width`` consecutive rows."""
    addresses = [base]
    while len(addresses) < ty.width:
        addresses.append(f.gep(ty.elem, addresses[-1], stride))
    return addresses
