"""What is measured on a GPU; ``python -m benchmarks.gpu`` runs it all, step by step."""
