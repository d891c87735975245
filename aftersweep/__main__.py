"""``python -m aftersweep`` is the same as the command ``aftersweep``."""

from .reports.cli import main

if __name__ == "__main__":
    main()
