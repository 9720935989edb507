"""Floor 4: expressions rewritten, each rewrite named and logged; the contraction normal form."""

from derivant.rewriting.canonical import components
from derivant.rewriting.context import Condition, Step
from derivant.rewriting.derivative import derivative_form, pulled_back
from derivant.rewriting.high_order import successive_forms
from derivant.rewriting.indexed import Atom, Sum, Term, as_number
from derivant.rewriting.laws import RULES, Rule
from derivant.rewriting.lowering import lowered
from derivant.rewriting.normal_form import Form, form_of, normal_form
from derivant.rewriting.settling import size_of_number

__all__ = [
    "RULES",
    "Atom",
    "Condition",
    "Form",
    "Rule",
    "Step",
    "Sum",
    "Term",
    "as_number",
    "components",
    "derivative_form",
    "form_of",
    "lowered",
    "normal_form",
    "pulled_back",
    "size_of_number",
    "successive_forms",
]
