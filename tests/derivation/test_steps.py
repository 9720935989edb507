"""Derivations: printed as agreed, every line right by numbers, every text right by its own reading.

The golden texts are written by `python tests/derivation/goldens.py`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import derivant as dv
from derivant.base.errors import DerivantError
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.trace import variables
from derivant.cli.main import main
from derivant.derivation import steps
from derivant.derivation.draws import drawn
from derivation.goldens import FOLDER, GOLDENS, LAYERS, NETWORK, derivation
from derivation.index_reader import entries

SIZES = {"m": 5, "n": 3, "p": 4, "q": 2, "N": 4, "D": 3, "H": 5, "M": 2, "k": 2}
MORE = [
    ("x'*A*x + b'*x", "x", {}),
    ("a'*X*X*b", "X", {}),
    ("tr(A @ X @ B @ X.T)", "X", {}),
    ("tr(X)^2", "X", {"notation": "matrix"}),
    ("norm2(T - U*V')^2", "U", {"shapes": "T: m n, U: m k, V: n k"}),
    ("norm2(x)^4", "x", {"order": 2}),
    ("1/norm2(x)", "x", {}),
    ("exp(x'*A*x)", "x", {}),
    ("sin(A*x + b)", "x", {}),
    ("x .* (A*x)", "x", {}),
    ("x*x'", "x", {}),
    ("log(sum(exp(A*x)))", "x", {}),
    ("logsumexp(x)", "x", {"order": 2}),
    ("sum(abs(A*x - b))", "x", {}),
    ("det(X)", "X", {}),
    ("logdet(A + t*B)", "t", {"shapes": "A: n n, B: n n, t:"}),
    ("inv(X)", "X", {}),
    ("tr(inv(X) @ A)", "X", {}),
    ("y'*inv(Q + c*I)*y", "c", {"shapes": "Q: n n, c:", "assume": "Q: spd"}),
    ("(x.T @ y)/(norm2(x)*norm2(y))", "x", {}),
    ("einsum('ijk,i,j,k->', T, x, x, x)", "x", {"shapes": "T: n n n, x: n"}),
    ("norm2(tanh(X*W)*v - y)^2", "W", {"shapes": "X: m n, W: n k, v: k"}),
    ("X*X*X", "X", {"layout": "vec", "shapes": "X: n n", "notation": "matrix"}),
    ("a*b + sin(a)", "a", {"shapes": "a:, b:"}),
    ("relu(W*x + b)", "W", {"cotangent": "G", "shapes": "W: m n"}),
    ("softmax(A*x)", "x", {"cotangent": "G"}),
    ("z = W*x; s = sigmoid(z); s'*s", "x", {}),
    ("x", "x", {"shapes": "x: n"}),
    ("x'*y", "x", {"order": 2}),
]
ALL = [*GOLDENS.values(), *MORE]


def made(case):
    what, wrt, options = case
    return derived(what, wrt, tuple(options.items()))


@cache
def derived(what, wrt, options):
    return dv.derive(what, wrt=wrt, **dict(options))


def point(expressions, sizes, seed=3):
    """Values of all variables at these sizes."""
    rng = np.random.default_rng(seed)
    found = {}
    for variable in variables(expressions):
        shape = tuple(s if isinstance(s, int) else sizes[str(s)] for s in variable.shape)
        found[variable] = drawn(variable, shape, rng)
    return found


def names_of(case):
    return str(getattr(case[0], "__name__", case[0]))[:40]


# What is printed


@pytest.mark.parametrize("name", GOLDENS)
def test_the_text_is_the_golden_one(name):
    assert derivation(name) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_file_has_its_formula():
    assert {path.stem for path in FOLDER.glob("*.txt")} == {*GOLDENS}
    assert len(GOLDENS) >= 25


@pytest.mark.parametrize("name", GOLDENS)
def test_a_textbook_gradient_takes_at_most_eight_lines(name):
    assert 1 <= len(made(GOLDENS[name]).steps) <= 8


# Every line by numbers


@pytest.mark.parametrize("case", ALL, ids=names_of)
@pytest.mark.parametrize("sizes", [SIZES, dict.fromkeys(SIZES, 1)], ids=["unequal", "ones"])
def test_every_line_is_equal_on_both_sides(case, sizes):
    found = made(case)
    lines = found.steps
    sides = [side for line in lines for side in (line.left, line.right)]
    values = evaluate_all([*sides, found.expr], point([*sides, found.expr], sizes), sizes)
    for k, line in enumerate(lines):
        left, right = values[2 * k], values[2 * k + 1]
        assert np.all(np.isfinite(left)), line.rule
        np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-8, err_msg=line.rule)
    np.testing.assert_allclose(values[-2], values[-1], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("case", ALL, ids=names_of)
def test_every_line_names_its_rule_and_says_what_it_made(case):
    for line in made(case).steps:
        assert line.rule
        assert line.after
        assert line.index or line.matrix


# Every text by an independent reading

DIRECT = [
    "squared_length", "sum", "matrix_times_vector", "row_times_matrix", "quadratic_form_by_x",
    "quadratic_form_by_A", "quadratic_form_twice", "least_squares_twice", "weighted_least_squares",
    "ridge", "layer_by_W", "layer_by_X", "layer_turned_by_W", "layer_turned_by_X", "layer_whole",
    "relu_with_upstream", "relu_sum", "norm_of_Wx_by_W", "norm_of_Wx_by_x", "tanh_layer",
    "kronecker", "projected",
]  # fmt: skip


def free_letters(before):
    """The letters of the entry that stands on the left: those of the value, then the variable's."""
    parts = before.replace("∂", "").split("/")
    return "".join(part.partition("_")[2] for part in parts)


class Known:
    """The arrays and derivatives that the texts of one derivation speak of."""

    def __init__(self, found, sizes):
        lines = found.steps
        sides = [side for line in lines for side in (line.left, line.right)]
        self.point = point([*sides, found.problem.value], sizes)
        self.sizes = sizes
        self.arrays = {str(v.params["name"]): a for v, a in self.point.items()}
        self.arrays = {("θ" if n == "theta" else n): a for n, a in self.arrays.items()}
        self.x = "θ" if found.wrt == "theta" else found.wrt
        self.variable = next(v for v in self.point if v.params["name"] == found.wrt)
        self.derivatives = {}
        self.learn(self.x, self.variable)
        value = found.problem.value
        self.value = np.shape(self.at(value, self.point))
        if found.problem.upstream is not None:
            self.learn("Y" if len(self.value) == 2 else "y", value)

    def at(self, expression, values):
        return np.asarray(evaluate_all([expression], values, self.sizes)[0])

    def learn(self, name, expression):
        """An array of this name, and its derivative by differences in every entry."""
        self.arrays[name] = base = self.at(expression, self.point)
        x = self.point[self.variable]
        slope = np.zeros((*base.shape, *x.shape))
        for place in np.ndindex(*x.shape):
            step = np.zeros_like(x)
            step[place] = 1e-6
            up, down = (
                self.at(expression, {**self.point, self.variable: x + s}) for s in (step, -step)
            )
            slope[(..., *place)] = (up - down) / 2e-6
        self.derivatives[name, self.x] = slope


@pytest.mark.parametrize("name", DIRECT)
def test_the_index_notation_reads_as_what_it_stands_for(name):
    found = made(GOLDENS[name])
    known, letters, read = Known(found, SIZES), "", 0
    for line in found.steps:
        if not line.index or line.rule.startswith("sums as"):
            continue
        text, before = line.index.partition(" = ")[2], line.index.partition(" = ")[0]
        if ",   " in text:  # a named part, and its derivative
            text, slope = text.split(",   ")
            entry, _, body = slope.partition(" = ")
            known.learn(before.partition("_")[0], line.left)
            part = known.derivatives[before.partition("_")[0], known.x]
            got = entries(body, free_letters(entry), part.shape, known.arrays, known.derivatives)
            np.testing.assert_allclose(got, part, atol=1e-7)
        letters = free_letters(before) if before.strip() else letters
        right = known.at(line.right, known.point)
        got = entries(text, letters, right.shape, known.arrays, known.derivatives)
        np.testing.assert_allclose(got, right, rtol=1e-6, atol=1e-6, err_msg=line.index)
        if line.rule.startswith("g ="):
            known.arrays["g"] = right
        read += 1
    assert read >= 3


@pytest.mark.parametrize("name", ["network_by_W1", "network_by_W2", "network_unnamed", "inverse"])
def test_the_chain_in_index_notation_reads_as_what_it_stands_for(name):
    found = made(GOLDENS[name])
    known = Known(found, SIZES)
    given = {p.name: p for p in parts_of(found)}
    for p in given.values():
        known.arrays[p.name] = known.at(p.whole, known.point)
    for line in found.steps:
        before, _, text = line.index.partition(" = ")
        if not before:
            continue
        loss, part = before.replace("∂", "").split("/")
        right = known.at(line.right, known.point)
        letters = free_letters(before)
        got = entries(text, letters, right.shape, known.arrays, known.derivatives)
        np.testing.assert_allclose(got, right, rtol=1e-6, atol=1e-6, err_msg=line.index)
        known.derivatives[loss, part.partition("_")[0]] = right


class Whole:
    """A named part written in the variables alone."""

    def __init__(self, name, whole):
        self.name, self.whole = name, whole


def parts_of(found):
    work = steps.Working(found.problem)
    cut, _ = steps._worked(work, steps._final(work), compact=False)
    return [Whole(p.name, work.restored(cut.expanded(p.definition))) for p in cut.parts]


# What must be said


def test_the_kink_of_relu_is_proved_by_cases():
    for case in (GOLDENS["relu_with_upstream"], GOLDENS["network_by_W1"]):
        rules = [line.rule for line in made(case).steps]
        (said,) = [rule for rule in rules if "relu" in rule]
        for words in ("> 0: slope 1", "< 0: slope 0", "left 0, right 1, no derivative"):
            assert words in said
        assert "least norm takes 0" in said


def test_the_kink_of_abs_is_found_by_asking_the_row():
    rules = [line.rule for line in dv.derive("sum(abs(x))", wrt="x").steps]
    assert any("left -1, right 1, no derivative; least norm takes 0" in rule for rule in rules)
    smooth = [line.rule for line in dv.derive("sum(tanh(x))", wrt="x").steps]
    assert not any("no derivative" in rule for rule in smooth)


def test_conditions_stand_on_the_lines_that_need_them_and_are_printed_once():
    found = dv.derive("a'*inv(X)*b", wrt="X").derivation
    needs = ("X invertible",)
    assert [line.conditions for line in found.lines] == [(), needs, needs]
    assert str(found).count("X invertible") == 1
    assert found.lines[1].source == "Matrix Cookbook 59"
    assert "d inv(X) = -h dX h" in found.lines[1].rule


NEEDING = [
    ("log(det(X'*X))", "X", {"shapes": "X: m n"}),
    ("log(det(X*X'))", "X", {"shapes": "X: n m"}),
    ("tr(inv(X'*C*X)*A)", "X", {"shapes": "X: m n", "assume": "C: spd"}),
    ("tr(inv(X'*C*X)*(X'*B*X))", "X", {"shapes": "X: m n", "assume": "C: spd, B: symmetric"}),
    ("-logdet(X'*diag(x)*X)", "x", {"shapes": "X: m n", "assume": "x: positive"}),
    ("tr(inv(X'*diag(x)*X))", "x", {"shapes": "X: m n", "assume": "x: positive"}),
    ("logdet(X)", "X", {"shapes": "X: n n"}),
    ("det(X'*A*X)", "X", {"shapes": "X: m n"}),
    ("a'*adj(X)*b", "X", {"shapes": "X: n n"}),
]


@pytest.mark.parametrize("case", NEEDING, ids=names_of)
def test_what_must_hold_stands_on_every_line_that_needs_it(case):
    found = made(case)
    for m, n in ((2, 5), (5, 2), (3, 3)):
        sizes, lines = {"m": m, "n": n}, found.steps
        if m < n:  # what is inverted is n by n and may have rank m alone
            lines = [line for line in lines if not line.conditions]
        sides = [side for line in lines for side in (line.left, line.right)]
        values = iter(evaluate_all(sides, point([*sides, found.expr], sizes), sizes))
        for line in lines:
            left, right = next(values), next(values)
            scale = max(1.0, np.max(np.abs(left), initial=0))
            np.testing.assert_allclose(left / scale, right / scale, atol=1e-8, err_msg=line.rule)
    assert str(found.derivation).count("invertible]") == 1


def test_a_fact_has_a_line_of_its_own_and_waits():
    lines = dv.derive("x'*A*x", wrt="x", assume="A: symmetric").steps
    assert lines[-1].rule == "A = A' [fact]"
    assert (lines[-1].before, lines[-1].after) == ("(A + A') x", "2 A x")
    assert not any("fact" in line.rule for line in lines[:-1])


def test_the_users_names_are_kept():
    text = str(dv.derive(NETWORK, wrt="W1", shapes=LAYERS).derivation)
    for name in ("z1 = X W1 (N x H)", "h1 = relu(z1)", "∂L/∂h1 = ∂L/∂y W2'"):
        assert name in text
    assert "(N x M)(M x H) = N x H ✓" in text
    assert "never formed: ∂z1/∂W1, N H · D H numbers" in text


def test_names_that_are_taken_are_not_given_to_parts():
    text = "norm2(r*relu(z*h)*y)^2"
    shapes = "r: , z: m n, h: n, y: "
    lines = dv.derive(text, wrt="h", shapes=shapes).steps
    names = {line.before.split("/∂")[-1].partition("_")[0] for line in lines if line.index}
    assert not names & {"r", "z", "y"}


def test_lines_cannot_be_changed():
    line = dv.derive("x'*x", wrt="x").steps[0]
    with pytest.raises(AttributeError):
        line.rule = "other"


def test_a_derivation_is_made_when_it_is_asked_for_and_once():
    found = dv.derive("x'*x", wrt="x")
    assert found._made == []
    assert found.derivation is found.derivation


def test_where_no_style_fits_the_rewrites_are_the_lines(monkeypatch):
    def refuse(*_, **__):
        raise DerivantError("no style")

    monkeypatch.setattr(steps, "Direct", refuse)
    found = dv.derive("x'*A*x + x'*B*x", wrt="x", shapes="A: n n, B: n n")
    lines = found.steps
    assert any("common factor" in line.rule for line in lines)
    sides = [side for line in lines for side in (line.left, line.right)]
    values = evaluate_all(sides, point(sides, SIZES), SIZES)
    for k in range(len(lines)):
        np.testing.assert_allclose(values[2 * k], values[2 * k + 1], atol=1e-12)


def test_the_command_prints_the_derivation(capsys):
    assert main(["derive", "x'*A*x", "--wrt", "x", "--steps"]) == 0
    out = capsys.readouterr().out
    assert derivation("quadratic_form_by_x") in out
    assert out.splitlines()[-1].startswith("∂/∂x = (A + A') x")


# Entries


def test_an_entry_as_in_the_lecture():
    found = dv.derive("W*x", wrt="x")
    entry = found.entry(3, 7)
    assert str(entry) == "∂y_3/∂x_7 = W_37"
    W = np.arange(40.0).reshape(4, 10)
    assert entry(W=W, x=np.ones(10)) == W[2, 6]


def test_unit_tensors_in_an_entry_are_one_or_nothing():
    found = dv.derive("X*W", wrt="W", shapes="X: N D, W: D M")
    assert found.entry(3, 7, 2, 7).text == "∂Y_37/∂W_27 = X_32"
    assert found.entry(3, 7, 2, 6).text == "∂Y_37/∂W_26 = 0"
    assert found.entry(12, 7, 2, 7).text == "∂Y_12,7/∂W_27 = X_12,2"


@pytest.mark.parametrize(
    ("places", "error", "message"),
    [
        ((3,), dv.ArgumentError, "2 in all; here are 1"),
        ((1, 2, 3), dv.ArgumentError, "2 in all; here are 3"),
        ((0, 1), dv.BoundsError, "count from 1"),
        ((5, 1), dv.BoundsError, "outside its size 4"),
        ((1.5, 1), dv.ArgumentError, "a whole number"),
        ((True, 1), dv.ArgumentError, "a whole number"),
    ],
)
def test_wrong_places_are_refused(places, error, message):
    found = dv.derive("W*x", wrt="x", shapes="W: 4 n")
    with pytest.raises(error, match=message):
        found.entry(*places)


def test_a_place_outside_the_values_is_refused():
    entry = dv.derive("W*x", wrt="x").entry(3, 7)
    with pytest.raises(dv.BoundsError, match="place 7 of axis 2"):
        entry(W=np.ones((4, 5)), x=np.ones(5))


def test_written_out_as_in_the_lecture():
    assert dv.derive("x'*x", wrt="x").expand(n=3) == (
        "f = x_1² + x_2² + x_3²\n∂f/∂x_1 = 2 x_1\n∂f/∂x_2 = 2 x_2\n∂f/∂x_3 = 2 x_3"
    )
    layer = dv.derive("X*W", wrt="X", shapes="X: N D, W: D M", cotangent="G")
    assert layer.expand(N=1, D=2, M=3).splitlines() == [
        "Y_11 = X_11 W_11 + X_12 W_21",
        "Y_12 = X_11 W_12 + X_12 W_22",
        "Y_13 = X_11 W_13 + X_12 W_23",
        "∂L/∂X_11 = G_11 W_11 + G_12 W_12 + G_13 W_13",
        "∂L/∂X_12 = G_11 W_21 + G_12 W_22 + G_13 W_23",
    ]


@pytest.mark.parametrize("name", [n for n in DIRECT if n not in ("kronecker", "least_squares")])
def test_what_is_written_out_is_the_derivative(name):
    found = made(GOLDENS[name])
    sizes = {str(s): 2 for v in variables([found.problem.value]) for s in v.shape}
    rows = found.expand(**sizes).splitlines()
    values = point([found.problem.value, found.expr], sizes)
    whole = np.asarray(evaluate_all([found.expr], values, sizes)[0])
    arrays = {str(v.params["name"]).replace("theta", "θ"): a for v, a in values.items()}
    texts = [row.partition(" = ")[2] for row in rows if row.startswith("∂")]
    got = [float(entries(text, "", (), arrays, {})) for text in texts]
    np.testing.assert_allclose(got, whole.reshape(-1), atol=1e-12)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n": 2}, "m is missing"),
        ({"n": 2, "m": 2, "q": 1}, "q is no size"),
        ({"n": 0, "m": 2}, "positive whole number"),
        ({"n": 2.5, "m": 2}, "positive whole number"),
        ({"n": 100, "m": 100}, "take smaller sizes"),
    ],
)
def test_wrong_sizes_are_refused(sizes, message):
    with pytest.raises(dv.ArgumentError, match=message):
        dv.derive("W*x", wrt="x", shapes="W: m n").expand(**sizes)


def test_entries_are_of_the_tensor_layout():
    found = dv.derive("A*X*B", wrt="X", shapes="A: m n, X: n p, B: p q", layout="vec")
    with pytest.raises(dv.ArgumentError, match="layout"):
        found.entry(1, 1)
