"""The numbers to reach: per payload size what the original needed, what is required, and what we aim at."""

from dataclasses import dataclass

SIZES = {"256 B": 256, "4 KiB": 4096, "64 KiB": 65536, "1 MiB": 1048576}


@dataclass(frozen=True)
class Target:
    """`required` and `aim` are bounds for the measured value; `higher_is_better` says on which side."""

    original: str
    required: float
    aim: float
    unit: str = ""
    higher_is_better: bool = False

    def verdict(self, value):
        """``aim``, ``pass`` or ``FAIL``; an empty string when there is no value."""
        if value is None:
            return ""
        if self._reaches(value, self.aim):
            return "aim"
        return "pass" if self._reaches(value, self.required) else "FAIL"

    def bound_text(self, bound):
        return f"{'≥' if self.higher_is_better else '≤'} {bound:g}{self.unit}"

    def _reaches(self, value, bound):
        return value >= bound if self.higher_is_better else value <= bound


# CPU µs per message at default settings. The aim is a ratio to the C floor with a runtime call, CPU_FLOOR_RATIO_AIM.
CPU_ORIGINAL = {"256 B": 407, "4 KiB": 535, "64 KiB": 1951, "1 MiB": 23181}
CPU_REQUIRED = {"256 B": 45, "4 KiB": 55, "64 KiB": 150, "1 MiB": 2000}
CPU_FLOOR_RATIO_AIM = 1.25

# Messages per second against the C floor, prefetch 100 and runtime calls on both sides.
_RATE_ORIGINAL = {"256 B": 0.13, "4 KiB": 0.13, "64 KiB": 0.10, "1 MiB": 0.15}
RATE_RATIO = {size: Target(str(ratio), 0.8, 0.95, higher_is_better=True) for size, ratio in _RATE_ORIGINAL.items()}

IDLE_RSS = Target("10.7 MB", 8, 5, " MB")
PEAK_RSS = {"256 B": Target("16.2 MB", 12, 8, " MB"), "1 MiB": Target("24.4 MB", 24, 16, " MB")}
START = Target("514 ms", 30, 15, " ms")
GATEWAY_LOSS = Target("~60 % (when it answers)", 10, 1, " %")

# Budgets per message at 1 KiB, window 16, kept runtime connection, against the stub broker.
STUB_INSTRUCTIONS = Target("", 1500, 1000)
STUB_ALLOCATIONS = Target("", 0.01, 0.001)


def cpu_target(size, floor_us):
    """CPU target of one size, the aim from this run's floor (None when it was not measured)."""
    required = CPU_REQUIRED[size]
    aim = required if floor_us is None else min(required, round(CPU_FLOOR_RATIO_AIM * floor_us, 1))
    return Target(f"{CPU_ORIGINAL[size]} µs", required, aim, " µs")
