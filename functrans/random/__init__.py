"""Random numbers, each a function of a key: the same key gives the same numbers, on every machine, in every transformation.

>>> keys = split(key(0), 3)
>>> print(normal(keys[0]))
"""

from functrans.random.bits import bits as bits
from functrans.random.bits import fold_in as fold_in
from functrans.random.bits import split as split
from functrans.random.keys import PRNGKey as PRNGKey
from functrans.random.keys import clone as clone
from functrans.random.keys import key as key
from functrans.random.keys import key_data as key_data
from functrans.random.keys import key_dtype as key_dtype
from functrans.random.keys import key_impl as key_impl
from functrans.random.keys import wrap_key_data as wrap_key_data
from functrans.random.normal import lognormal as lognormal
from functrans.random.normal import maxwell as maxwell
from functrans.random.normal import normal as normal
from functrans.random.normal import truncated_normal as truncated_normal
from functrans.random.normal import wald as wald
from functrans.random.uniform import randint as randint
from functrans.random.uniform import uniform as uniform
