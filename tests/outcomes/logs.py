"""Console tails as training programs leave them, written for these tests in the words of the real programs."""

from __future__ import annotations

LIFE = ("Epoch 1/20 - loss: 0.9213 - val/acc: 0.41", "Epoch 2/20 - loss: 0.7034 - val/acc: 0.52")
WANDB_END = (
    "wandb: ",
    "wandb: Run history:",
    "wandb:   val/acc ▁▄",
    "wandb: Run summary:",
    "wandb:   val/loss nan",
    "wandb: Find logs at: ./wandb/offline-run-20240501_101500-abcd1234/logs",
)
FRAMES = (
    "Traceback (most recent call last):",
    '  File "/home/u/train.py", line 214, in <module>',
    "    main()",
    '  File "/home/u/train.py", line 190, in main',
    "    loss = step(batch, epoch=3)",
    "           ^^^^^^^^^^^^^^^^^^^^",
)


def raised(*lines: str) -> tuple[str, ...]:
    """A program that trained, raised, and ended; ``lines`` are the exception's."""
    return (*LIFE, *FRAMES, *lines, *WANDB_END)


TORCH_OOM = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.25 GiB. GPU 0 has a total capacity of 23.69 GiB "
    "of which 1.10 GiB is free. Including non-PyTorch memory, this process has 22.58 GiB memory in use."
)
XLA_OOM = "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184"
TF_OOM = (
    "tensorflow.python.framework.errors_impl.ResourceExhaustedError: Graph execution error: OOM when allocating tensor "
    "with shape[256,1024,56,56] and type float on /job:localhost/replica:0/task:0/device:GPU:0"
)

DECISIVE: dict[str, tuple[str, tuple[str, ...]]] = {
    "torch, CUDA": ("out_of_memory", raised(TORCH_OOM)),
    "torch, older": ("out_of_memory", raised("RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0)")),
    "torch, driver": (
        "out_of_memory",
        raised(
            "RuntimeError: CUDA error: out of memory",
            "CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace may lie.",
            "For debugging consider passing CUDA_LAUNCH_BLOCKING=1",
            "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.",
            "",
        ),
    ),
    "torch, cublas": ("out_of_memory", raised("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling x")),
    "torch, rank label": ("out_of_memory", tuple(f"[rank1]: {line}" for line in (*FRAMES, TORCH_OOM))),
    "jax": ("out_of_memory", raised(XLA_OOM, "BufferAssignment OOM Debugging.")),
    "tensorflow": ("out_of_memory", raised(TF_OOM, "Hint: If you want to see a list of allocated tensors, set it.")),
    "host, torch": (
        "out_of_memory",
        raised("RuntimeError: [enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: can't allocate memory"),
    ),
    "host, numpy": ("out_of_memory", raised("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8 GiB")),
    "host, python": ("out_of_memory", raised("MemoryError")),
    "host, kernel": ("out_of_memory", (*LIFE, "Out of memory: Killed process 41233 (python3) total-vm:91GB")),
    "host, slurm": (
        "out_of_memory",
        (*LIFE, "slurmstepd: error: Detected 1 oom_kill event in StepId=77.0. Some of the step tasks have been killed"),
    ),
    "loader killed": ("out_of_memory", raised("RuntimeError: DataLoader worker (pid 88) is killed by signal: Killed.")),
    "nan, program": ("diverged", raised("ValueError: training loss is nan at step 812")),
    "nan, anomaly": ("diverged", raised("RuntimeError: Function 'PowBackward0' returned nan values in output 0.")),
    "nan, printed": ("diverged", (*LIFE, "Loss is nan, stopping training", *WANDB_END)),
    "float error": ("diverged", raised("FloatingPointError: Loss became infinite or NaN at iteration=123!")),
    "device assert": (
        "code_error",
        raised("RuntimeError: CUDA error: device-side assert triggered", "For debugging consider passing X=1"),
    ),
    "illegal access": ("infrastructure", raised("RuntimeError: CUDA error: an illegal memory access was encountered")),
    "ecc": ("infrastructure", raised("RuntimeError: CUDA error: uncorrectable ECC error encountered")),
    "xid": ("infrastructure", (*LIFE, "NVRM: Xid (PCI:0000:3b:00): 79, pid=4711, GPU has fallen off the bus.")),
    "launch failure": ("infrastructure", raised("RuntimeError: CUDA error: unspecified launch failure")),
    "nccl": (
        "infrastructure",
        (*LIFE, "[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=91, OpType=ALLREDUCE)"),
    ),
    "gloo": (
        "infrastructure",
        raised("RuntimeError: [../third_party/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.2]:1"),
    ),
    "disk": ("infrastructure", raised("OSError: [Errno 28] No space left on device: 'ckpt/last.pt'")),
    "quota": ("infrastructure", raised("OSError: [Errno 122] Disk quota exceeded")),
    "network": ("infrastructure", raised("requests.exceptions.ConnectionError: HTTPSConnectionPool: Max retries")),
    "time limit": (
        "preempted",
        (*LIFE, "slurmstepd: error: *** JOB 9913 ON gpu07 CANCELLED AT 2024-05-01T12:00:09 DUE TO TIME LIMIT ***"),
    ),
    "preemption": (
        "preempted",
        (*LIFE, "slurmstepd: error: *** STEP 99.0 ON gpu07 CANCELLED AT 2024-05-01T12:00:09 DUE TO PREEMPTION ***"),
    ),
    "spot": ("preempted", (*LIFE, "Received EC2 spot instance interruption notice: terminating in 120 s")),
    "key error": ("code_error", raised("KeyError: 'learning_rate'")),
    "custom error": ("code_error", raised("hydra.errors.InstantiationException: Error in call to target")),
    "assertion": ("code_error", raised("AssertionError")),
    "chained": (
        "code_error",
        (*LIFE, *FRAMES, "KeyError: 'x'", "", "During handling of the above exception, another exception occurred:", "",
         *FRAMES, "RuntimeError: no such augmentation: x", *WANDB_END),
    ),
    "segfault": ("code_error", (*LIFE, "Segmentation fault (core dumped)")),
    "rich": (
        "code_error",
        (*LIFE, "╭──── Traceback (most recent call last) ────╮", "│ /home/u/train.py:9 in main │", "╰───────────╯",
         "ValueError: expected 4 channels, got 3"),
    ),
    "worker under torchrun": (
        "out_of_memory",
        (*LIFE, *FRAMES, TORCH_OOM, *FRAMES,
         "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
         "============================================================", "train.py FAILED",
         "------------------------------------------------------------", "Failures:", "  <NO_OTHER_FAILURES>"),
    ),
    "other workers lose the first": (
        "out_of_memory",
        (*LIFE, *FRAMES, TORCH_OOM, *FRAMES, "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp"),
    ),
    "bar drawn again at exit": (
        "code_error",
        (" 45%|████▌     | 45/100 [00:10<00:12,  4.5it/s]", *FRAMES, "IndexError: list index out of range",
         " 45%|████▌     | 45/100 [00:11<00:13,  4.5it/s]"),
    ),
}  # fmt: skip

HARMLESS: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "training": LIFE,
    "import handled": (*FRAMES[:3], "ModuleNotFoundError: No module named 'apex'", "Using native AMP instead.", *LIFE),
    "import named": ("ModuleNotFoundError: No module named 'flash_attn', using plain attention", *LIFE),
    "handled, then killed": (
        *FRAMES[:3], "ModuleNotFoundError: No module named 'apex'", "Using native AMP instead.",
        "Found 51,200 images in 24 classes.", "Model has 87.7 M parameters.", "Compiling the model.",
    ),
    "memory survived": (*LIFE, TORCH_OOM, "Batch size is halved to 64.", "Epoch 3/20 - loss: 0.61 - val/acc: 0.55"),
    "memory avoided": (*LIFE, "Note: out of memory is avoided by gradient checkpointing."),
    "warning of nan": (*LIFE, "train.py:88: RuntimeWarning: invalid value encountered in divide (nan)"),
    "nan that recovers": ("Epoch 1 loss=nan", "Epoch 2 loss=0.71"),
    "nan skipped": (*LIFE, "Loss is nan, skipping this batch"),
    "bar of nan that recovers": (
        " 10%|█         | 10/100 [00:01<00:09, 9.9it/s, loss=nan]\r"
        " 11%|█         | 11/100 [00:01<00:09, 9.9it/s, loss=2.1]",
    ),
    "killed inside words": (*LIFE, "Skilled workers: Killed Bill is in the caption of sample 12"),
    "time limit talk": (*LIFE, "We stop early if the time limit is near."),
    "retry": ("requests.exceptions.ConnectionError: retrying in 5 s", *LIFE),
    "summary of wandb": (*LIFE, *WANDB_END),
}  # fmt: skip
