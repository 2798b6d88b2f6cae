"""Compiled loops over the rows of a table of word vectors: which are needed, their gradients, their AdamW steps."""

import math

import numpy as np

from core.compiled import compiled, inline


@compiled
def add_rows(total, rows, parts):
    """Adds each row of `parts` (rows, size or more) to the row of `total` (…, size) that `rows` names."""
    for r in range(len(rows)):
        row, part = total[rows[r]], parts[r]
        for j in range(len(row)):
            row[j] += part[j]


@compiled
def number(values, different, index, seen):
    """Numbers the different `values` (…, …) in order of appearance; returns how many there are.

    `index`, of the same shape, receives each one's number, `different` the values; `seen` has a -1 for each possible
    value.
    """
    count = 0
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = values[row, column]
            if seen[value] < 0:
                seen[value] = count
                different[count] = value
                count += 1
            index[row, column] = seen[value]
    return count


@compiled
def adamw(first, every, which, gradient, weights, moments, roots, averages, done, numbers, start, step, constants):
    """Brings rows of `weights` (rows, columns), first `moments` and `roots` of second moments up to date with `step`.

    The rows are every `every`-th one of `which`, from position `first` on. In the steps that a row missed, its gradient
    is 0; in the last one it is that in `gradient` (len(which), columns), unless this is empty. After each step
    `averages` (rows, columns), unless it is empty, takes a share of the new weights. See models/cpu/adamw.py.
    """
    number = weights.dtype.type
    beta1, beta2, epsilon = number(constants[0]), number(constants[1]), number(constants[2])
    new1, new2, fading = number(1 - constants[0]), number(1 - constants[1]), number(math.sqrt(constants[1]))
    missed = step if len(gradient) == 0 else step - 1
    for n in range(first, len(which), every):
        r = which[n]
        w, m, root = weights[r], moments[r], roots[r]
        for s in range(done[r] - start, missed - start):
            decay, rate, scale = number(numbers[s, 0]), number(numbers[s, 1]), number(numbers[s, 2])
            for j in range(len(w)):
                m[j] *= beta1
                root[j] *= fading
                w[j] = decay * w[j] - rate * m[j] / (root[j] * scale + epsilon)
            if len(averages):
                _average(averages[r], w, numbers[s, 3])
        if missed < step:
            g, s = gradient[n], step - 1 - start
            decay, rate, scale = number(numbers[s, 0]), number(numbers[s, 1]), number(numbers[s, 2])
            for j in range(len(w)):
                m[j] = beta1 * m[j] + new1 * g[j]
                root[j] = math.sqrt(beta2 * root[j] * root[j] + new2 * g[j] * g[j])
                w[j] = decay * w[j] - rate * m[j] / (root[j] * scale + epsilon)
            if len(averages):
                _average(averages[r], w, numbers[s, 3])
        done[r] = step


@inline
def _average(average, weights, share):
    new, old = weights.dtype.type(share), weights.dtype.type(1 - share)
    for j in range(len(average)):
        average[j] = old * average[j] + new * weights[j]


@compiled
def add_shares(first, last, shares, weights, centre, means, squares):
    """Adds share · (w − centre) to `means` and share · (w − centre)² to `squares`, for rows from `first` to `last` - 1.

    `centre`, `means` and `squares` are float64 (columns,).
    """
    for r in range(first, last):
        share, row = np.float64(shares[r]), weights[r]
        if share > 0:
            for j in range(len(row)):
                distance = np.float64(row[j]) - centre[j]
                means[j] += share * distance
                squares[j] += share * distance * distance


@compiled
def fill_gradient(first, last, shares, weights, constant, factor, gradient):
    """share · (constant + factor · w) for rows from `first` to `last` - 1; `constant` and `factor` are (columns,)."""
    for r in range(first, last):
        share, row, into = shares[r], weights[r], gradient[r]
        for j in range(len(row)):
            into[j] = share * (constant[j] + factor[j] * row[j])


@inline
def _mixed(x):
    """Mixes the bits of a uint32; each of the result's depends on all (C. Wellons' lowbias32)."""
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@compiled
def drop(first, last, seeds, threshold, scale, values, result):
    """result = scale · value, or 0 if the hash of the position and the two `seeds` is below `threshold`.

    Works on positions from `first` to `last` - 1 of the vectors `values` and `result`; `seeds` and `threshold` are
    uint32.
    """
    one, other = np.uint32(seeds[0]), np.uint32(seeds[1])
    for place in range(first, last):
        number = _mixed(np.uint32(_mixed(np.uint32(np.uint32(place) ^ one)) + other))
        result[place] = values[place] * scale if number >= threshold else values[place] * 0
