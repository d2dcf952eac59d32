"""Functions for neural networks: activations, normalisations, attention, and initial weights (`functrans.nn.initializers`).

>>> import numpy as np
>>> from functrans import nn
>>> nn.softmax(nn.relu(np.array([-1.0, 0.0])))
Array([0.5, 0.5], dtype=float64)
"""

from functrans.nn import initializers as initializers
from functrans.nn.activations import celu as celu
from functrans.nn.activations import elu as elu
from functrans.nn.activations import gelu as gelu
from functrans.nn.activations import glu as glu
from functrans.nn.activations import hard_sigmoid as hard_sigmoid
from functrans.nn.activations import hard_silu as hard_silu
from functrans.nn.activations import hard_swish as hard_swish
from functrans.nn.activations import hard_tanh as hard_tanh
from functrans.nn.activations import identity as identity
from functrans.nn.activations import leaky_relu as leaky_relu
from functrans.nn.activations import log1mexp as log1mexp
from functrans.nn.activations import log_sigmoid as log_sigmoid
from functrans.nn.activations import mish as mish
from functrans.nn.activations import relu as relu
from functrans.nn.activations import relu6 as relu6
from functrans.nn.activations import selu as selu
from functrans.nn.activations import sigmoid as sigmoid
from functrans.nn.activations import silu as silu
from functrans.nn.activations import soft_sign as soft_sign
from functrans.nn.activations import softplus as softplus
from functrans.nn.activations import sparse_plus as sparse_plus
from functrans.nn.activations import sparse_sigmoid as sparse_sigmoid
from functrans.nn.activations import squareplus as squareplus
from functrans.nn.activations import swish as swish
from functrans.nn.attention import dot_product_attention as dot_product_attention
from functrans.nn.attention import scaled_matmul as scaled_matmul
from functrans.nn.logsumexp import logmeanexp as logmeanexp
from functrans.nn.logsumexp import logsumexp as logsumexp
from functrans.nn.normalize import log_softmax as log_softmax
from functrans.nn.normalize import one_hot as one_hot
from functrans.nn.normalize import softmax as softmax
from functrans.nn.normalize import standardize as standardize
from functrans.nn.scaled_dot import get_scaled_dot_general_config as get_scaled_dot_general_config
from functrans.nn.scaled_dot import scaled_dot_general as scaled_dot_general
from functrans.numpy.elementary import tanh as tanh
