"""Floor 10: a drop-in for micrograd 0.1.0 on derivant's table: engine, nn, graph.

>>> from derivant.micrograd.engine import Value
>>> a, b = Value(-4.0), Value(2.0)
>>> c = a * b + b**3
>>> c.backward()
>>> c.data, a.grad, b.grad
(0.0, 2.0, 8.0)
"""
