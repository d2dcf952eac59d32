"""The SciPy-shaped namespace."""

from functrans.scipy import linalg as linalg
