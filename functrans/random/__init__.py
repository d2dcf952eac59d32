"""Random numbers, each a function of a key: the same key gives the same numbers, on every machine, in every transformation.

>>> keys = split(key(0), 3)
>>> print(normal(keys[0]))
1.8800298928929466
"""

from functrans.random.bits import bits as bits
from functrans.random.bits import fold_in as fold_in
from functrans.random.bits import split as split
from functrans.random.continuous import cauchy as cauchy
from functrans.random.continuous import exponential as exponential
from functrans.random.continuous import gumbel as gumbel
from functrans.random.continuous import laplace as laplace
from functrans.random.continuous import logistic as logistic
from functrans.random.continuous import pareto as pareto
from functrans.random.continuous import rayleigh as rayleigh
from functrans.random.continuous import triangular as triangular
from functrans.random.continuous import weibull_min as weibull_min
from functrans.random.counts import binomial as binomial
from functrans.random.counts import multinomial as multinomial
from functrans.random.counts import poisson as poisson
from functrans.random.discrete import bernoulli as bernoulli
from functrans.random.discrete import geometric as geometric
from functrans.random.discrete import rademacher as rademacher
from functrans.random.gamma import beta as beta
from functrans.random.gamma import chisquare as chisquare
from functrans.random.gamma import dirichlet as dirichlet
from functrans.random.gamma import f as f
from functrans.random.gamma import gamma as gamma
from functrans.random.gamma import generalized_normal as generalized_normal
from functrans.random.gamma import loggamma as loggamma
from functrans.random.gamma import random_gamma_p as random_gamma_p
from functrans.random.gamma import t as t
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
from functrans.random.selection import categorical as categorical
from functrans.random.selection import choice as choice
from functrans.random.selection import permutation as permutation
from functrans.random.uniform import randint as randint
from functrans.random.uniform import uniform as uniform
from functrans.random.vectors import ball as ball
from functrans.random.vectors import double_sided_maxwell as double_sided_maxwell
from functrans.random.vectors import multivariate_normal as multivariate_normal
from functrans.random.vectors import orthogonal as orthogonal
