"""What the device can do at most: ``python -m benchmarks.gpu.rates [--small]``.

Large matrix products of random numbers in bf16 and in fp32 (no TF32), and copies on the device,
counting the bytes that are read and those that are written.
"""

import sys
from time import perf_counter

import torch

from benchmarks.gpu.common import small_parser
from benchmarks.tables import write_header, write_row

MATRIX, PRODUCTS, COPIES = 8192, 20, 20
BYTES, SMALL_BYTES = 2**32, 2**26


def main() -> int:
    """Print a Markdown table."""
    options = small_parser("benchmarks.gpu.rates", __doc__).parse_args()
    device = torch_device()
    write_header(("what", "rate"))
    for dtype in (torch.bfloat16, torch.float32):
        rate = matrix_rate(device, dtype)
        name = str(dtype).removeprefix("torch.")
        write_row([f"matrix products, {name}", f"{rate / 1e12:.2f} TFLOP/s"])
    copied = copy_rate(device, SMALL_BYTES if options.small else BYTES)
    write_row(["copies", f"{copied / 1e9:,.0f} GB/s"])
    return 0


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """Measure the operations a second of large matrix products."""
    size = MATRIX if device == "cuda" else MATRIX // 8
    x = torch.randn(size, size, device=device, dtype=dtype)
    for _ in range(3):
        x @ x
    wait_for(device)
    start = perf_counter()
    for _ in range(PRODUCTS):
        x @ x
    wait_for(device)
    return 2 * size**3 * PRODUCTS / (perf_counter() - start)


def copy_rate(device: str, size: int) -> float:
    """Measure the bytes a second that copies read and write."""
    source = torch.randint(0, 2**31, (size // 4,), dtype=torch.int32, device=device)
    target = torch.empty_like(source)
    for _ in range(3):
        target.copy_(source)
    wait_for(device)
    start = perf_counter()
    for _ in range(COPIES):
        target.copy_(source)
    wait_for(device)
    return 2.0 * size * COPIES / (perf_counter() - start)


def torch_device() -> str:
    """Return ``cuda`` where PyTorch can use it."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def wait_for(device: str) -> None:
    """Wait until a device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    sys.exit(main())
