"""Backbones as they are loaded, adapters as they are saved, and peft's files. Trains nothing."""
