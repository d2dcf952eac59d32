"""`functrans.numpy.linalg`: decompositions, systems of equations, norms, products of matrices.

Matrices are the last two axes; leading axes are batches. Integers are converted to floats, float16 is refused. A decomposition
that does not exist (a matrix that is not positive definite, say) or a matrix with nan gives nan; no error is raised, eager or
compiled.
"""

from functrans.numpy.decompositions import EighResult as EighResult
from functrans.numpy.decompositions import EigResult as EigResult
from functrans.numpy.decompositions import QRResult as QRResult
from functrans.numpy.decompositions import SVDResult as SVDResult
from functrans.numpy.decompositions import cholesky as cholesky
from functrans.numpy.decompositions import eig as eig
from functrans.numpy.decompositions import eigh as eigh
from functrans.numpy.decompositions import eigvals as eigvals
from functrans.numpy.decompositions import eigvalsh as eigvalsh
from functrans.numpy.decompositions import qr as qr
from functrans.numpy.decompositions import svd as svd
from functrans.numpy.decompositions import svdvals as svdvals
from functrans.numpy.manipulation import matrix_transpose as matrix_transpose
from functrans.numpy.matrix_products import cross as cross
from functrans.numpy.matrix_products import diagonal as diagonal
from functrans.numpy.matrix_products import matmul as matmul
from functrans.numpy.matrix_products import matrix_power as matrix_power
from functrans.numpy.matrix_products import multi_dot as multi_dot
from functrans.numpy.matrix_products import outer as outer
from functrans.numpy.matrix_products import tensordot as tensordot
from functrans.numpy.matrix_products import trace as trace
from functrans.numpy.matrix_products import vecdot as vecdot
from functrans.numpy.norms import cond as cond
from functrans.numpy.norms import matrix_norm as matrix_norm
from functrans.numpy.norms import matrix_rank as matrix_rank
from functrans.numpy.norms import norm as norm
from functrans.numpy.norms import vector_norm as vector_norm
from functrans.numpy.solvers import SlogdetResult as SlogdetResult
from functrans.numpy.solvers import det as det
from functrans.numpy.solvers import inv as inv
from functrans.numpy.solvers import lstsq as lstsq
from functrans.numpy.solvers import pinv as pinv
from functrans.numpy.solvers import slogdet as slogdet
from functrans.numpy.solvers import solve as solve
from functrans.numpy.solvers import tensorinv as tensorinv
from functrans.numpy.solvers import tensorsolve as tensorsolve
