"""Adapters in peft's format, written and read without peft."""
