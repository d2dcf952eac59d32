"""`functrans.scipy.sparse`: linear systems whose matrix is known by its products."""

from functrans.scipy.sparse import linalg as linalg
