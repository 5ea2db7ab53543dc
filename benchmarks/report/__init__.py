"""What people look at: tables, figures and verdicts, made from records. Computes no score of its own."""
