"""Small matrix products within compiled loops, for models/cpu/loops.py.

A recurrent step's product takes microseconds. A BLAS repacks both operands in every call; these functions read them
where they are. A block of some rows and two vectors of columns of the result stays in registers while a loop runs over
the depth. Each number is summed over the depth in order, so blocks and vectors of another size give the same bits.
"""

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from core.compiled import compiled, inline

_features = llvmlite.binding.get_host_cpu_features()
# Floats in a register, and rows of a block: as many as leave registers for what is multiplied.
LANES = 16 if _features.get("avx512f") else 8 if _features.get("avx") else 4
ROWS = 4 if LANES == 8 else 8


@compiled
def multiply(left, right, result):
    """`result` (m, n) = `left` (m, k) · `right` (k, n); all are C-contiguous, as below."""
    _blocks(left, right, result, False)


@compiled
def add_transposed(left, right, result):
    """`result` (m, n) += `left` (k, m) transposed · `right` (k, n)."""
    _blocks(left, right, result, True)


@inline
def _blocks(left, right, result, transposed):
    column = 0
    while column + 2 * LANES <= result.shape[1]:
        _rows(left, right, result, column, 2, transposed)
        column += 2 * LANES
    while column < result.shape[1]:
        _rows(left, right, result, column, 1, transposed)
        column += LANES


@inline
def _rows(left, right, result, column, vectors, transposed):
    row = 0
    while row + ROWS <= result.shape[0]:
        _block(left, right, result, row, column, ROWS, vectors, transposed)
        row += ROWS
    while row + 4 <= result.shape[0]:
        _block(left, right, result, row, column, 4, vectors, transposed)
        row += 4
    while row < result.shape[0]:
        _block(left, right, result, row, column, 1, vectors, transposed)
        row += 1


def _typed_block(typing, left, right, result, row, column, rows, vectors, transposed):
    """`rows` of the result from `row` on, and columns from `column` on: two vectors, or what is left of one."""
    signature = types.void(left, right, result, types.intp, types.intp, rows, vectors, transposed)
    return signature, _write_block


_block: Any = intrinsic(prefer_literal=True)(_typed_block)


def _write_block(context, builder, signature, arguments):
    left, right, result = (
        context.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args[:3], arguments[:3], strict=True)
    )
    row, column = arguments[3:5]
    rows, vectors, transposed = (kind.literal_value for kind in signature.args[5:])
    element = context.get_value_type(signature.args[2].dtype)
    size = context.get_abi_sizeof(element)
    vector, bits = ir.VectorType(element, LANES), ir.VectorType(ir.IntType(1), LANES)
    depth, width = cgutils.unpack_tuple(builder, right.shape)
    left_width = cgutils.unpack_tuple(builder, left.shape)[1]
    integer = width.type

    def constant(value):
        return ir.Constant(integer, value)

    def splat(value, kind):
        one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))

    wide = ir.VectorType(integer, LANES)
    inside = builder.icmp_signed("<", ir.Constant(wide, list(range(LANES))), splat(builder.sub(width, column), wide))

    def place(array, first, second):
        """The address of a vector in a matrix that is as wide as the result."""
        index = builder.add(builder.mul(first, width), second)
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
    targets = [[place(result, builder.add(row, constant(r)), c) for c in columns] for r in range(rows)]
    for r in range(rows):
        for total, target in zip(sums[r], targets[r], strict=True):
            builder.store(load(target) if transposed else ir.Constant(vector, [0.0] * LANES), total)
    with cgutils.for_range(builder, depth) as loop:
        factors = [load(place(right, loop.index, c)) for c in columns]
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
