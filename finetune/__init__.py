"""Support transcripts in, promoted LoRA adapter out."""
