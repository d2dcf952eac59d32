"""The exceptions of the library, under JAX's names.

Every one inherits `FunctransError`, so that `except FunctransError` catches all that the library raises by design,
and also the Python exception a reader expects (`TypeError`, `IndexError`, ...). The raiser composes the message; for
the errors about tracers the functions at the end compose it from a description of the tracer and the user's line, so
that each message names the value, the place, the reason and the repair.
"""

from __future__ import annotations

__all__ = [
    "ConcretizationTypeError", "FunctransError", "FunctransRuntimeError", "InconclusiveDimensionOperation",
    "JAXIndexError", "JAXTypeError", "JaxRuntimeError", "JaxprTypeError", "KeyReuseError",
    "NonConcreteBooleanIndexError", "TracerArrayConversionError", "TracerBoolConversionError",
    "TracerIntegerConversionError", "TypePromotionError", "UnexpectedTracerError", "boolean_index_error",
]  # fmt: skip


class FunctransError(Exception):
    """The mixin of every exception that the library raises by design."""


class FunctransTypeError(FunctransError, TypeError):
    """A value of a kind that the operation does not take. Under the name `JAXTypeError` too."""


class FunctransIndexError(FunctransError, IndexError):
    """An index that the operation does not take. Under the name `JAXIndexError` too."""


class FunctransRuntimeError(FunctransError, RuntimeError):
    """Raised when compiled code fails while it runs, or cannot be compiled. Under the name `JaxRuntimeError` too."""


JaxRuntimeError = FunctransRuntimeError
JAXTypeError = FunctransTypeError
JAXIndexError = FunctransIndexError


class ConcretizationTypeError(FunctransTypeError):
    """Raised when the value of a tracer is needed where only its shape and dtype are known.

    Bad, the size of the result depends on a traced value:

        make_jaxpr(lambda n: fnp.arange(n))(3)

    Good, the value is an ordinary Python number at tracing time:

        jit(lambda n: fnp.arange(n), static_argnums=0)(3)
    """


class TracerBoolConversionError(ConcretizationTypeError):
    """Raised when the truth of a tracer is asked and no real value exists (`if`, `while`, `and`, `assert`).

    Bad, each row of the batch may want another branch:

        vmap(lambda x: x if x > 0 else -x)(xs)

    Good, both branches are expressed as array operations:

        vmap(lambda x: fnp.where(x > 0, x, -x))(xs)
    """


class TracerIntegerConversionError(FunctransTypeError):
    """Raised when a tracer is used as a Python integer and no real value exists (`range(n)`, `list[i]`).

    Bad, a Python list is indexed by a traced integer:

        vmap(lambda i: [1.0, 2.0, 4.0][i])(indices)

    Good, an array is indexed instead:

        vmap(lambda i: fnp.array([1.0, 2.0, 4.0])[i])(indices)
    """


class TracerArrayConversionError(FunctransTypeError):
    """Raised when a tracer is converted to a NumPy array (`numpy.asarray(x)`, a C extension).

    Bad, SciPy needs the numbers:

        jit(lambda x: scipy.special.airy(x)[0])(1.0)

    Good, the call is made on the result, outside the traced function:

        scipy.special.airy(jit(lambda x: x * 2)(1.0))[0]

    Bad, a NumPy array is indexed by a traced integer:

        vmap(lambda i: numpy_array[i])(indices)

    Good, a functrans array is:

        vmap(lambda i: fnp.asarray(numpy_array)[i])(indices)
    """


class NonConcreteBooleanIndexError(FunctransIndexError):
    """Raised when an array is indexed by a traced boolean mask, since the size of the result is unknown.

    Bad:

        jit(lambda x: x[x > 0].sum())(x)

    Good, the shape does not depend on the mask:

        jit(lambda x: fnp.where(x > 0, x, 0).sum())(x)
    """


class UnexpectedTracerError(FunctransTypeError):
    """Raised when a tracer is used after the transformation that made it has ended (a leaked tracer).

    Bad, a side effect stores the tracer:

        kept = []
        jit(lambda x: kept.append(x))(1.0)
        kept[0] + 1

    Good, the value is returned:

        y = jit(lambda x: x)(1.0)
        y + 1
    """


class KeyReuseError(FunctransError, RuntimeError):
    """Raised by the checker of random keys when a key is consumed twice, which gives dependent numbers.

    Bad:

        x, y = random.normal(key), random.uniform(key)

    Good:

        key_x, key_y = random.split(key)
        x, y = random.normal(key_x), random.uniform(key_y)
    """


class InconclusiveDimensionOperation(FunctransError, ValueError):
    """Raised when a comparison of symbolic dimensions can be neither proved nor refuted.

    Bad, `a > b` is unknown for symbolic sizes:

        a, b = export.symbolic_shape("a, b")
        a > b

    Good, the relation is stated as a constraint:

        a, b = export.symbolic_shape("a, b", constraints=["a >= b + 1"])
        a > b
    """


class TypePromotionError(FunctransError, ValueError):
    """Raised when the dtype asked for does not hold the values given: they would be rounded silently.

    Bad, float64 parameters of a float32 sample:

        random.beta(key, fnp.ones(3), 2.0, dtype="float32")

    Good:

        random.beta(key, fnp.ones(3, "float32"), 2.0, dtype="float32")
    """


class JaxprTypeError(FunctransTypeError):
    """Raised by the checker of jaxprs: an equation, a variable or an aval is not what its rule derives.

    Bad, an equation whose output aval was written by hand:

        Eqn(add_p, [x, y], [Var(ShapedArray((3,), float32))], ...)   # x and y are float64

    Good, the aval comes from the primitive's own rule (use `bind` while tracing).
    """


# -- messages about tracers ------------------------------------------------------------------------------------------


def _where(line: str) -> str:
    return f"\n  at {line}" if line else ""


def boolean_index_error(tracer: str, line: str) -> NonConcreteBooleanIndexError:
    """The error for `x[mask]` with a traced mask."""
    return NonConcreteBooleanIndexError(
        f"{tracer} was used as a boolean index, so the shape of the result would depend on its values.{_where(line)}\n"
        "Use functrans.numpy.where(mask, x, fill) in place of x[mask], functrans.numpy.where(mask, value, x) in place of "
        "x.at[mask].set(value), or functrans.numpy.nonzero(mask, size=n) with a static n."
    )
