"""`functrans.scipy.special`: SciPy's special functions, with derivatives, compiled.

Arrays broadcast, integers and booleans become the default float, and what lies outside a function's domain gives nan. Accuracy is
stated where it is less than a few units in the last place. SciPy's universal functions on functrans arrays and traced values are these.

>>> erf(0.5)
Array(0.52049988, dtype=float64, weak_type=True)
"""

from functrans.numpy.protocols import register_ufuncs as _register_ufuncs
from functrans.scipy.special_bessel import bessel_jn as bessel_jn
from functrans.scipy.special_bessel import i0 as i0
from functrans.scipy.special_bessel import i0e as i0e
from functrans.scipy.special_bessel import i1 as i1
from functrans.scipy.special_bessel import i1e as i1e
from functrans.scipy.special_bessel import sph_harm_y as sph_harm_y
from functrans.scipy.special_complex import loggamma as loggamma
from functrans.scipy.special_complex import wofz as wofz
from functrans.scipy.special_entropy import boxcox as boxcox
from functrans.scipy.special_entropy import boxcox1p as boxcox1p
from functrans.scipy.special_entropy import entr as entr
from functrans.scipy.special_entropy import expit as expit
from functrans.scipy.special_entropy import kl_div as kl_div
from functrans.scipy.special_entropy import log_softmax as log_softmax
from functrans.scipy.special_entropy import logit as logit
from functrans.scipy.special_entropy import logsumexp as logsumexp
from functrans.scipy.special_entropy import rel_entr as rel_entr
from functrans.scipy.special_entropy import softmax as softmax
from functrans.scipy.special_entropy import xlog1py as xlog1py
from functrans.scipy.special_entropy import xlogy as xlogy
from functrans.scipy.special_error import dawsn as dawsn
from functrans.scipy.special_error import erf as erf
from functrans.scipy.special_error import erfc as erfc
from functrans.scipy.special_error import erfcx as erfcx
from functrans.scipy.special_error import erfinv as erfinv
from functrans.scipy.special_error import fresnel as fresnel
from functrans.scipy.special_error import log_ndtr as log_ndtr
from functrans.scipy.special_error import ndtr as ndtr
from functrans.scipy.special_error import ndtri as ndtri
from functrans.scipy.special_error import owens_t as owens_t
from functrans.scipy.special_exponential import exp1 as exp1
from functrans.scipy.special_exponential import expi as expi
from functrans.scipy.special_exponential import expn as expn
from functrans.scipy.special_exponential import sici as sici
from functrans.scipy.special_exponential import spence as spence
from functrans.scipy.special_factorial import bernoulli as bernoulli
from functrans.scipy.special_factorial import comb as comb
from functrans.scipy.special_factorial import factorial as factorial
from functrans.scipy.special_factorial import poch as poch
from functrans.scipy.special_gamma import beta as beta
from functrans.scipy.special_gamma import betainc as betainc
from functrans.scipy.special_gamma import betaln as betaln
from functrans.scipy.special_gamma import digamma as digamma
from functrans.scipy.special_gamma import gamma as gamma
from functrans.scipy.special_gamma import gammainc as gammainc
from functrans.scipy.special_gamma import gammaincc as gammaincc
from functrans.scipy.special_gamma import gammaln as gammaln
from functrans.scipy.special_gamma import gammasgn as gammasgn
from functrans.scipy.special_gamma import multigammaln as multigammaln
from functrans.scipy.special_gamma import polygamma as polygamma
from functrans.scipy.special_gamma import zeta as zeta
from functrans.scipy.special_hypergeometric import hyp1f1 as hyp1f1
from functrans.scipy.special_hypergeometric import hyp2f1 as hyp2f1

_register_ufuncs(
    ("scipy.special", "scipy.special._ufuncs"), "functrans.scipy.special",
    {name: value for name, value in globals().items() if not name.startswith("_") and callable(value)}
    | {"psi": digamma, "_riemann_zeta": zeta, "_zeta": zeta},  # where SciPy's names differ
)
