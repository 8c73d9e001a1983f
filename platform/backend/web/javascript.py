"""Templates as JavaScript: what Jinja renders here, the browser renders from the same source.

A small part of Jinja, enough for cards: macros, `if`, `for`, `set`, output, filters, calls of other
macros. Every macro becomes a function that returns HTML. As in Jinja with autoescape, every value
is escaped, and only what a macro returns is HTML already: so a macro is called to be output, and
nowhere else. Anything else in a template is an error when the server starts.
"""

import json
from collections.abc import Iterator

from jinja2 import Environment, nodes
from jinja2.meta import find_undeclared_variables

from web.words import FILTERS

_FILTERS = {*FILTERS, "length"}
_TAKEN = """
    arguments await break case catch class const continue debugger default delete do else enum eval
    export extends false filters finally for function html if implements import in instanceof
    interface let loop new null package private protected public return static super switch this
    throw true try typeof undefined var void while with yield
"""
"""Names that mean something else in JavaScript, in Jinja's loops, or in what is made here."""
_COMPARE = {"eq": "===", "ne": "!==", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<="}


def translate(environment: Environment, source: str) -> str:
    """The macros of a template as function declarations. Raises ValueError for what it cannot say.

    The functions expect an object `filters` with the filters of the template and `escape`.
    """
    template = environment.parse(source)
    if unknown := find_undeclared_variables(template):
        raise ValueError(f"no translation of what is not there: {', '.join(sorted(unknown))}")
    macros = [node for node in template.body if isinstance(node, nodes.Macro)]
    return "\n".join(map(_macro, macros)) + "\n"


def _macro(macro: nodes.Macro) -> str:
    if macro.defaults:
        raise ValueError(f"{macro.name}: defaults of macros have no translation")
    parameters = ", ".join(_name(argument.name) for argument in macro.args)
    body = "".join(_statements(macro.body))
    return f'function {_name(macro.name)}({parameters}) {{\nlet html = "";\n{body}return html;\n}}'


def _statements(body: list[nodes.Node]) -> Iterator[str]:
    for node in body:
        match node:
            case nodes.Output():
                yield from (f"html += {_output(part)};\n" for part in node.nodes)
            case nodes.If():
                yield _if(node)
            case nodes.For(target=nodes.Name(name=name), else_=[], test=None):
                inner = "".join(_statements(node.body))
                yield f"for (const {_name(name)} of {_value(node.iter)}) {{\n{inner}}}\n"
            case nodes.Assign(target=nodes.Name(name=name)):
                yield f"const {_name(name)} = {_value(node.node)};\n"
            case _:
                raise ValueError(f"line {node.lineno}: {type(node).__name__} has no translation")


def _if(node: nodes.If) -> str:
    text = f"if ({_value(node.test)}) {{\n{''.join(_statements(node.body))}}}"
    for other in node.elif_:
        text += f" else if ({_value(other.test)}) {{\n{''.join(_statements(other.body))}}}"
    if node.else_:
        text += f" else {{\n{''.join(_statements(node.else_))}}}"
    return text + "\n"


def _output(node: nodes.Expr) -> str:
    if isinstance(node, nodes.TemplateData):
        return json.dumps(node.data)
    match node:
        case nodes.Call(node=nodes.Name(name=name), args=args, kwargs=[]):
            return f"{_name(name)}({', '.join(map(_value, args))})"
    return f"filters.escape({_value(node)})"


def _value(node: nodes.Node | None) -> str:  # noqa: PLR0911 - one for each kind of expression
    match node:
        case nodes.Name(name=name):
            return _name(name)
        case nodes.Const(value=value):
            return json.dumps(value)
        case nodes.Getattr(node=inner, attr=attr):
            return f"{_value(inner)}.{attr}"
        case nodes.Filter(node=inner, name=name, args=args, kwargs=[]) if name in _FILTERS:
            return f"filters.{name}({', '.join(map(_value, [inner, *args]))})"
        case nodes.Compare(expr=left, ops=[nodes.Operand(op=op, expr=right)]) if op in _COMPARE:
            return f"({_value(left)} {_COMPARE[op]} {_value(right)})"
        case nodes.And(left=left, right=right):
            return f"({_value(left)} && {_value(right)})"
        case nodes.Or(left=left, right=right):
            return f"({_value(left)} || {_value(right)})"
        case nodes.Neg(node=inner):
            return f"-{_value(inner)}"
        case nodes.Not(node=inner):
            return f"!{_value(inner)}"
        case nodes.CondExpr(test=test, expr1=yes, expr2=no) if no is not None:
            return f"({_value(test)} ? {_value(yes)} : {_value(no)})"
        case nodes.Concat(nodes=parts):
            return f"[{', '.join(map(_value, parts))}].join('')"
    raise ValueError(f"line {getattr(node, 'lineno', 0)}: no translation of {node!r}")


def _name(name: str) -> str:
    if name in _TAKEN.split():
        raise ValueError(f"no translation of the name {name}")
    return name
