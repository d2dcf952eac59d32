"""`functrans.scipy.linalg`: SciPy's linear algebra, with derivatives, compiled.

Arguments that only save copies or checks (``overwrite_a``, ``check_finite``) are accepted and change nothing: nothing is overwritten,
and what is not finite gives nan. Matrices are the last two axes where a function says so; leading axes are batches.
"""

from functrans.scipy.linalg_decompositions import cho_factor as cho_factor
from functrans.scipy.linalg_decompositions import cho_solve as cho_solve
from functrans.scipy.linalg_decompositions import cholesky as cholesky
from functrans.scipy.linalg_decompositions import det as det
from functrans.scipy.linalg_decompositions import eigh as eigh
from functrans.scipy.linalg_decompositions import eigh_tridiagonal as eigh_tridiagonal
from functrans.scipy.linalg_decompositions import hessenberg as hessenberg
from functrans.scipy.linalg_decompositions import inv as inv
from functrans.scipy.linalg_decompositions import lu as lu
from functrans.scipy.linalg_decompositions import lu_factor as lu_factor
from functrans.scipy.linalg_decompositions import lu_solve as lu_solve
from functrans.scipy.linalg_decompositions import polar as polar
from functrans.scipy.linalg_decompositions import qr as qr
from functrans.scipy.linalg_decompositions import qr_multiply as qr_multiply
from functrans.scipy.linalg_decompositions import rsf2csf as rsf2csf
from functrans.scipy.linalg_decompositions import schur as schur
from functrans.scipy.linalg_decompositions import solve as solve
from functrans.scipy.linalg_decompositions import solve_triangular as solve_triangular
from functrans.scipy.linalg_decompositions import svd as svd
from functrans.scipy.linalg_functions import expm as expm
from functrans.scipy.linalg_functions import expm_frechet as expm_frechet
from functrans.scipy.linalg_functions import funm as funm
from functrans.scipy.linalg_functions import solve_sylvester as solve_sylvester
from functrans.scipy.linalg_functions import sqrtm as sqrtm
from functrans.scipy.linalg_special import block_diag as block_diag
from functrans.scipy.linalg_special import circulant as circulant
from functrans.scipy.linalg_special import companion as companion
from functrans.scipy.linalg_special import convolution_matrix as convolution_matrix
from functrans.scipy.linalg_special import dft as dft
from functrans.scipy.linalg_special import fiedler as fiedler
from functrans.scipy.linalg_special import fiedler_companion as fiedler_companion
from functrans.scipy.linalg_special import hadamard as hadamard
from functrans.scipy.linalg_special import hankel as hankel
from functrans.scipy.linalg_special import helmert as helmert
from functrans.scipy.linalg_special import hilbert as hilbert
from functrans.scipy.linalg_special import invhilbert as invhilbert
from functrans.scipy.linalg_special import invpascal as invpascal
from functrans.scipy.linalg_special import leslie as leslie
from functrans.scipy.linalg_special import pascal as pascal
from functrans.scipy.linalg_special import toeplitz as toeplitz
