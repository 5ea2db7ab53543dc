"""Adapters leave the suite, and come in: peft's files, written and read without peft."""
