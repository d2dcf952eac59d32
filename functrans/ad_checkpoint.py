"""Rematerialisation: names for values that policies speak of, and a look at what a gradient keeps.

`checkpoint` itself is `functrans.checkpoint` (or `functrans.remat`), and the policies are `functrans.checkpoint_policies`.
"""

from functrans.calls import checkpoint_policies as checkpoint_policies
from functrans.calls.checkpoint import checkpoint as checkpoint
from functrans.calls.checkpoint import remat as remat
from functrans.calls.checkpoint_policies import Offloadable as Offloadable
from functrans.calls.checkpoint_policies import Recompute as Recompute
from functrans.calls.checkpoint_policies import Saveable as Saveable
from functrans.calls.saved_residuals import print_saved_residuals as print_saved_residuals
from functrans.calls.saved_residuals import saved_residuals as saved_residuals
from functrans.primitives.markers import checkpoint_name as checkpoint_name
