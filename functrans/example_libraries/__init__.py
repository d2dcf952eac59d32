"""Small libraries for examples: `stax` (layers of neural networks) and `optimizers`.

Programs of their own are better served by `functrans.nn` and `functrans.optim`; these are what tutorials of the reference
library use.
"""

from functrans.example_libraries import optimizers as optimizers
from functrans.example_libraries import stax as stax
