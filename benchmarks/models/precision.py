"""In which precision a device computes fast."""

import torch


def fast_at_bf16(device: torch.device) -> bool:
    """Say whether a device has bf16 matrix units; without them bf16 is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    units = torch.cpu.get_capabilities()
    return any(units.get(unit) for unit in ("avx512_bf16", "amx_bf16", "bf16"))
