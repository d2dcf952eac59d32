"""`functrans.scipy.signal`: convolutions, correlations and spectra, with derivatives, compiled.

Names, arguments and meaning are SciPy's; see `functrans.scipy.signal_convolution` and `functrans.scipy.signal_spectral`.
"""

from functrans.scipy.signal_convolution import convolve as convolve
from functrans.scipy.signal_convolution import convolve2d as convolve2d
from functrans.scipy.signal_convolution import correlate as correlate
from functrans.scipy.signal_convolution import correlate2d as correlate2d
from functrans.scipy.signal_convolution import fftconvolve as fftconvolve
from functrans.scipy.signal_spectral import csd as csd
from functrans.scipy.signal_spectral import detrend as detrend
from functrans.scipy.signal_spectral import istft as istft
from functrans.scipy.signal_spectral import stft as stft
from functrans.scipy.signal_spectral import welch as welch
