"""ATen, the operators of PyTorch, in JAX: a file for each topic, `table`, and what runs a graph.

Every file ends in a dict `OPERATORS` from names as PyTorch prints them ("aten.add", or
"aten.max.dim" where overloads differ) to functions that take the arguments of PyTorch's schema.
Values keep PyTorch's order of axes. Types and shapes follow PyTorch's rules, spelled out, since
JAX may be set to refuse the promotion of either.
"""
