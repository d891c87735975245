"""aftersweep: the post-mortem of a hyperparameter sweep.

The rooms of the repository (``analysis``, ``reports``, ``training``) are subpackages here, through links, so that
an installed aftersweep never shadows a user's own ``analysis/`` or ``reports/`` folder.
"""

__version__ = "0.1.0"
