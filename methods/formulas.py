"""Formulas of how many numbers a method stores: arithmetic on names, and nothing else."""

import ast
import math
import operator
from collections.abc import Callable, Mapping

from methods.errors import MethodError

_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,  # which refuses a power too large to compute
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def value(formula: str, names: Mapping[str, float]) -> float:
    """Return what a formula gives for these values of its names; ``a if b <= c else d`` chooses between two.

    Raises MethodError for anything but numbers, the names and arithmetic.
    """
    try:
        return _value(ast.parse(formula, mode="eval").body, names)
    except (SyntaxError, TypeError, ValueError, ArithmeticError) as error:
        raise MethodError(f"the formula {formula} has no value: {error}") from error


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name() if node.id in names:
            return names[node.id]
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand, names)
        case ast.BinOp() if type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](_value(node.left, names), _value(node.right, names))
        case ast.Compare(ops=[comparison], comparators=[other]) if type(comparison) in _OPERATORS:
            return _OPERATORS[type(comparison)](_value(node.left, names), _value(other, names))
        case ast.IfExp():
            return _value(node.body if _value(node.test, names) else node.orelse, names)
    raise ValueError(f"{ast.unparse(node)} is neither arithmetic nor one of {', '.join(names)}")
