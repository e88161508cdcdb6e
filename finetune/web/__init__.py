"""The page for fine-tuning: a view of the tuning loop for operators. It holds no logic of the loop itself."""
