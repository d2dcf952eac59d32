"""The table of public names: the rows of all families, and the names that are no functions of arrays."""

from __future__ import annotations

from tests.names.lax_arrays import LAX_ARRAYS
from tests.names.lax_control import LAX_CONTROL
from tests.names.lax_elementwise import LAX_ELEMENTWISE
from tests.names.nn_rows import NN
from tests.names.numpy_arrays import ARRAYS
from tests.names.numpy_elementwise import ELEMENTWISE
from tests.names.numpy_modules import MODULES
from tests.names.numpy_reductions import REDUCTIONS
from tests.names.rows import Name
from tests.names.scipy_linalg import SCIPY_LINALG
from tests.names.scipy_rows import SCIPY_ROWS

__all__ = ["ROWS"]

ROWS: tuple[Name, ...] = (
    *ELEMENTWISE, *ARRAYS, *REDUCTIONS, *MODULES, *SCIPY_LINALG, *LAX_ELEMENTWISE, *LAX_ARRAYS, *LAX_CONTROL, *NN, *SCIPY_ROWS,
)
