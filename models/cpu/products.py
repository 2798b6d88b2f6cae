"""Small matrix products within compiled loops, for models/cpu/loops.py.

A recurrent step's product takes microseconds. A BLAS repacks both operands in every call; here W_h is rearranged once
for all steps. A block of some rows and two vectors of columns of the result stays in registers while a loop runs over
the depth. Each number is summed over the depth in order, so blocks and vectors of another size give the same bits.

The right operand is read in strips as wide as a block, each contiguous. If the rows of a matrix are a multiple of 1 KiB
apart, a block's part of all rows falls into the same few cache sets.
"""

from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from core.compiled import compiled, inline

_features = llvmlite.binding.get_host_cpu_features()
# Floats in a register, and rows of a block: as many as leave registers for what is multiplied.
LANES = 16 if _features.get("avx512f") else 8 if _features.get("avx") else 4
ROWS = 4 if LANES == 8 else 8
DEPTH_AT_ONCE = 128  # of the product in add_transposed: both operands stay in the cache
ROWS_AT_ONCE = 64  # of the result of add_transposed: their part of `left` stays in the L2 cache


@compiled
def in_strips(right):
    """Copies `right` (k, n): strips of 2·LANES columns, (strips, k, 2·LANES), the last one filled up with zeros."""
    depth, width = right.shape
    strips = np.zeros((-(-width // (2 * LANES)), depth, 2 * LANES), right.dtype)
    for strip in range(len(strips)):
        first = strip * 2 * LANES
        for row in range(depth):
            source, target = right[row, first : first + 2 * LANES], strips[strip, row]
            for column in range(len(source)):
                target[column] = source[column]
    return strips


@compiled
def multiply(left, strips, result):
    """`result` (m, n) = `left` (m, k) · right (k, n), given as `strips`; all are C-contiguous, as below.

    `left` may have more columns, which are not read; below as well.
    """
    _blocks(left, strips, result, 0, len(result), False)


@compiled
def add_transposed(left, right, result):
    """`result` (m, n) += `left` (k, m) transposed · `right` (k, n)."""
    for first in range(0, len(left), DEPTH_AT_ONCE):
        part, strips = left[first : first + DEPTH_AT_ONCE], in_strips(right[first : first + DEPTH_AT_ONCE])
        for row in range(0, len(result), ROWS_AT_ONCE):
            _blocks(part, strips, result, row, min(row + ROWS_AT_ONCE, len(result)), True)


@inline
def _blocks(left, strips, result, first, last, transposed):
    column = 0
    while column + 2 * LANES <= result.shape[1]:
        _rows(left, strips, result, first, last, column, 2, transposed)
        column += 2 * LANES
    while column < result.shape[1]:
        _rows(left, strips, result, first, last, column, 1, transposed)
        column += LANES


@inline
def _rows(left, strips, result, first, last, column, vectors, transposed):
    row = first
    while row + ROWS <= last:
        _block(left, strips, result, row, column, ROWS, vectors, transposed)
        row += ROWS
    while row + 4 <= last:
        _block(left, strips, result, row, column, 4, vectors, transposed)
        row += 4
    while row < last:
        _block(left, strips, result, row, column, 1, vectors, transposed)
        row += 1


def _typed_block(typing, left, strips, result, row, column, rows, vectors, transposed):
    """`rows` of the result from `row` on, and columns from `column` on: two vectors, or what is left of one."""
    signature = types.void(left, strips, result, types.intp, types.intp, rows, vectors, transposed)
    return signature, _write_block


_block: Any = intrinsic(prefer_literal=True)(_typed_block)


def _write_block(context, builder, signature, arguments):
    left, strips, result = (
        context.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args[:3], arguments[:3], strict=True)
    )
    row, column = arguments[3:5]
    rows, vectors, transposed = (kind.literal_value for kind in signature.args[5:])
    element = context.get_value_type(signature.args[2].dtype)
    size = context.get_abi_sizeof(element)
    vector, bits = ir.VectorType(element, LANES), ir.VectorType(ir.IntType(1), LANES)
    depth = cgutils.unpack_tuple(builder, strips.shape)[1]
    width = cgutils.unpack_tuple(builder, result.shape)[1]
    left_width = cgutils.unpack_tuple(builder, left.shape)[1]
    integer = width.type

    def constant(value):
        return ir.Constant(integer, value)

    def splat(value, kind):
        one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))

    wide = ir.VectorType(integer, LANES)
    inside = builder.icmp_signed("<", ir.Constant(wide, list(range(LANES))), splat(builder.sub(width, column), wide))

    def vector_at(array, first, factor, second):
        """The address of a vector that starts at the number first · factor + second."""
        index = builder.add(builder.mul(first, factor), second)
        return builder.bitcast(builder.gep(array.data, [index]), vector.as_pointer())

    name = f"v{LANES}f{8 * size}.p0v{LANES}f{8 * size}"
    alignment = ir.Constant(ir.IntType(32), size)

    def load(pointer):
        if vectors == 2:
            return builder.load(pointer, align=size)
        kind = ir.FunctionType(vector, [pointer.type, ir.IntType(32), bits, vector])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.load.{name}")
        return builder.call(function, [pointer, alignment, inside, ir.Constant(vector, [0.0] * LANES)])

    def store(value, pointer):
        if vectors == 2:
            return builder.store(value, pointer, align=size)
        kind = ir.FunctionType(ir.VoidType(), [vector, pointer.type, ir.IntType(32), bits])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.store.{name}")
        return builder.call(function, [value, pointer, alignment, inside])

    columns = [builder.add(column, constant(LANES * v)) for v in range(vectors)]
    sums = [[cgutils.alloca_once(builder, vector) for _ in columns] for _ in range(rows)]
    targets = [[vector_at(result, builder.add(row, constant(r)), width, c) for c in columns] for r in range(rows)]
    within = builder.srem(column, constant(2 * LANES))  # the second half of the last strip may be a block of its own
    start = builder.add(builder.mul(builder.sub(column, within), depth), within)
    for r in range(rows):
        for total, target in zip(sums[r], targets[r], strict=True):
            builder.store(load(target) if transposed else ir.Constant(vector, [0.0] * LANES), total)
    with cgutils.for_range(builder, depth) as loop:
        starts = [builder.add(start, constant(LANES * v)) for v in range(vectors)]
        factors = [builder.load(vector_at(strips, loop.index, constant(2 * LANES), s), align=size) for s in starts]
        for r in range(rows):
            place_in_row = builder.add(row, constant(r))
            first, second = (loop.index, place_in_row) if transposed else (place_in_row, loop.index)
            index = builder.add(builder.mul(first, left_width), second)
            factor = splat(builder.load(builder.gep(left.data, [index])), vector)
            for total, other in zip(sums[r], factors, strict=True):
                product = builder.fmul(factor, other, flags=("contract",))
                builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
    for r in range(rows):
        for total, target in zip(sums[r], targets[r], strict=True):
            store(builder.load(total), target)
    return context.get_dummy_value()
