"""A hundred attempts to make a formula run code: nothing is executed, imported or opened."""

from __future__ import annotations

import json
import subprocess
import sys

ATTEMPTS = (
    """
__import__('os').system('true')
__import__("os")
__builtins__
__builtins__.__dict__
__class__
x.__class__
x.__class__.__base__
x.__class__.__mro__
x.__class__.__bases__.__subclasses__()
().__class__.__bases__
''.__class__.__mro__
"".join(x)
x.__init__.__globals__
x.T.__array_interface__
A.T.__reduce__()
__loader__.load_module('os')
__spec__
__doc__
__name__ = 1; x
__import__ = x; __import__('os')
eval('1')
eval(x)
exec('x = 1')
exec(x)
compile('1', 'x', 'eval')
open('/etc/passwd')
open("x", "w")
input()
input('x')
print(x)
breakpoint()
globals()
locals()
vars()
dir()
getattr(x, 'T')
setattr(x, 'T', 1)
type(x)
help(x)
exit()
quit()
memoryview(x)
import os
import os; x
from os import system
from os import *
lambda: 0
(lambda: 0)()
(lambda x: x)(A)
lambda x: x
[x for x in A]
{x for x in A}
{x: 1}
(x for x in A)
[].append(1)
x if y else z
x and y
not x
x in y
x is y
x := 1
(x := 1)
yield x
(yield)
await x
async x
def f(): pass
class C: pass
return x
raise x
del x
global x
assert x
with open('x') as f: f
while 1: pass
for i in x: i
try: x
@x
*x
**x
...
f'{x}'
f"{open('x')}"
f'{x!r:>{y}}'
'{0.__class__}'.format(x)
'%s' % x
"x" * 9**9
b'x'
r'x'
`x`
$(true)
$x
#x
x; import os
9**9**9
9**9**9**9**9
2^2^2^2^2^2^2
1e9999
10**-9**9
matpow(A, 9**9)
ones(9**9**9)
ones(10**30, 10**30)
eye(999999999999)
zeros(1e308)
K(10**9, 10**9)
einsum('__import__', x)
einsum('{x}', x)
einsum('i->i\\0', x)
einsum(open('x'), x)
np.load('x')
np.loadtxt('x')
np.fromfile('x')
np.save('x', x)
np.linalg.__file__
np.os.system(x)
np.e.real
np.lib.format.open_memmap('x')
numpy.f2py
jnp.save('x', x)
os.system('true')
sys.exit()
subprocess.run(x)
socket.socket()
pickle.loads(x)
ｅval(x)
ｅｘｅｃ(x)
еval(x)
𝐞𝐯𝐚𝐥(x)
__ｉmport__(x)
x．T
x\u200b.T
\u202ex
x\0
\0
x\0; import os
x\x1b[2J
x\ud800
""".strip().split("\n")
    + ["x\nimport os", "(x\n.__class__)"]
)

WATCH = """
import json, sys
from contextlib import suppress
import derivant as dv
from derivant.notation import read_formula

attempts = json.loads(sys.argv[1])

def read(text):
    for notation in ("auto", "matrix", "numpy"):
        with suppress(dv.DerivantError):
            read_formula(text, "A: n n", {"A": "symmetric"}, notation)

# Nothing but this is loaded at first use: a row's lazy module, where a formula names the row.
for text in ("x'*A*x", "np.sum(X @ w)", "expm(A) - lambda_max(A'*A)", "einsum('ij,j->i', A, x)"):
    read(text)
seen, watching = [], True
sys.addaudithook(lambda event, arguments: seen.append(event) if watching else None)
for text in attempts:
    for wrapped in (text, "x + " + text, "exp(" + text + ")", "z = " + text + "; z"):
        read(wrapped)
watching = False
watched = ("exec", "compile", "import", "open", "os.", "subprocess.", "socket.", "marshal.",
           "pickle.", "code.", "ctypes.", "builtins.input", "shutil.", "tempfile.", "urllib.")
print(json.dumps(sorted({event for event in seen if event.startswith(watched)})))
"""


def test_a_hundred_attempts_are_made() -> None:
    assert len({*ATTEMPTS}) >= 100


def test_no_formula_executes_imports_or_opens_anything() -> None:
    attempts = json.dumps(ATTEMPTS)
    command = [sys.executable, "-c", WATCH, attempts]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == []


def test_the_watch_sees_what_it_looks_for() -> None:
    reading = "    for notation in"
    assert WATCH.count(reading) == 1
    spoiled = WATCH.replace(reading, "    compile('1', 'x', 'eval')\n" + reading)
    command = [sys.executable, "-c", spoiled, json.dumps(["x"])]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "compile" in json.loads(found.stdout)
