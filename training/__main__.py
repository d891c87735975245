"""``python -m aftersweep.training`` is the same as the command ``aftersweep-train``."""

from .cli import main

if __name__ == "__main__":
    main()
