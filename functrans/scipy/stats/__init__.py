"""`functrans.scipy.stats`: probability distributions and summaries of samples, differentiable and compiled.

Each distribution is a module: ``functrans.scipy.stats.norm.logpdf(x, loc, scale)``. For all of them:

- arguments are numbers, arrays or lists of real numbers, and broadcast; integers become floats. Complex numbers, and shapes that do not
  broadcast, raise `ValueError`;
- ``loc`` shifts and ``scale`` (positive) stretches: with ``y = (x - loc) / scale`` the density is the standard one at y divided by scale.
  ``a``, ``b``, ``df``, ... are shapes;
- ``logpdf`` and ``pdf`` (for integers ``logpmf`` and ``pmf``) are densities, ``cdf`` is the probability up to x, ``sf`` that above x,
  ``logcdf`` and ``logsf`` are their logarithms, ``ppf`` and ``isf`` the inverses of cdf and sf. Each has its own formula, so that small
  probabilities keep their relative precision;
- outside the support densities are 0 and their logarithms -inf, with derivative 0; nan where a parameter is not valid, where an
  argument of ``ppf`` or ``isf`` is no probability, and where an argument is nan;
- every function is differentiable in all its float arguments, but for the shapes of the incomplete beta function in `beta`.

>>> from functrans import grad
>>> from functrans.scipy.stats import norm
>>> print(grad(norm.logpdf)(1.0))
-1.0
"""

from functrans.scipy.stats import bernoulli as bernoulli
from functrans.scipy.stats import beta as beta
from functrans.scipy.stats import betabinom as betabinom
from functrans.scipy.stats import binom as binom
from functrans.scipy.stats import cauchy as cauchy
from functrans.scipy.stats import chi2 as chi2
from functrans.scipy.stats import dirichlet as dirichlet
from functrans.scipy.stats import expon as expon
from functrans.scipy.stats import gamma as gamma
from functrans.scipy.stats import gennorm as gennorm
from functrans.scipy.stats import geom as geom
from functrans.scipy.stats import gumbel_l as gumbel_l
from functrans.scipy.stats import gumbel_r as gumbel_r
from functrans.scipy.stats import laplace as laplace
from functrans.scipy.stats import logistic as logistic
from functrans.scipy.stats import multinomial as multinomial
from functrans.scipy.stats import multivariate_normal as multivariate_normal
from functrans.scipy.stats import nbinom as nbinom
from functrans.scipy.stats import norm as norm
from functrans.scipy.stats import pareto as pareto
from functrans.scipy.stats import poisson as poisson
from functrans.scipy.stats import t as t
from functrans.scipy.stats import truncnorm as truncnorm
from functrans.scipy.stats import uniform as uniform
from functrans.scipy.stats import vonmises as vonmises
from functrans.scipy.stats import wrapcauchy as wrapcauchy
from functrans.scipy.stats.kde import gaussian_kde as gaussian_kde
from functrans.scipy.stats.summary import mode as mode
from functrans.scipy.stats.summary import rankdata as rankdata
from functrans.scipy.stats.summary import sem as sem
