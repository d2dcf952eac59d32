"""The SciPy-shaped namespace."""

from functrans.scipy import linalg as linalg
from functrans.scipy import special as special
from functrans.scipy import stats as stats
