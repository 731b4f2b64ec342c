"""From syntax tree to closures: every node becomes a function of (collection of $this, scope)."""

from polyclinic.fhir import definitions
from polyclinic.fhir.path import closures, tree
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.functions import FUNCTIONS
from polyclinic.fhir.path.functions.filtering import sort
from polyclinic.fhir.path.scope import EMPTY, Evaluator
from polyclinic.fhir.path.specifiers import matcher
from polyclinic.fhir.path.tree import Expression
from polyclinic.fhir.path.variables import variable


class Compiler:
    """Compiles the trees of one expression. ``strict``: ``as`` on several items is an error, as N1 has it."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict

    def compile(self, node: Expression) -> Evaluator:
        """Return the closure of ``node``. Raises: ``PathError`` for unknown functions and types."""
        match node:
            case tree.Member(source, name):
                return self._member(source, name)
            case tree.Call():
                return self._call(node)
            case tree.Binary():
                return self._binary(node)
            case tree.Literal(value):
                return closures.constant([value])
            case tree.TypeOperation():
                return closures.located(self._type_operation(node), node.at)
            case tree.Indexer(source, index):
                return closures.located(closures.indexer(self.compile(source), self.compile(index)), node.at)
            case tree.Sign(operator, operand):
                return closures.located(closures.sign(operator, self.compile(operand)), node.at)
            case tree.Variable(name):
                return closures.located(variable(name), node.at)
            case _:
                return _CONSTANT[type(node)]

    def _member(self, source: Expression | None, name: str) -> Evaluator:
        if source is not None:
            return closures.member(self.compile(source), name)
        if name in definitions.EVERY_TYPE and name[0].isupper():
            return closures.root(name)
        return closures.member(closures.this_itself, name)

    def _call(self, node: tree.Call) -> Evaluator:
        source = closures.this_itself if node.source is None else self.compile(node.source)
        if node.name == "sort":
            return closures.located(self._sort(source, node.arguments), node.at)
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise PathError(f"there is no function {node.name}()", position=node.at, fault="semantic")
        if not function.least <= len(node.arguments) <= function.most:
            wanted = f"{function.least} to {function.most}" if function.least < function.most else function.least
            sentence = f"{node.name}() takes {wanted} arguments, not {len(node.arguments)}"
            raise PathError(sentence, position=node.at, fault="semantic")
        arguments = [self.compile(argument) for argument in node.arguments]
        return closures.call(function, source, arguments, node.at)

    def _sort(self, source: Evaluator, arguments: tuple[Expression, ...]) -> Evaluator:
        """Compile ``sort``, the one function whose arguments may bear a sign that is not arithmetic."""
        keys = [
            (self.compile(key.operand), key.operator == "-")
            if isinstance(key, tree.Sign)
            else (self.compile(key), False)
            for key in arguments or (tree.This(),)
        ]
        return lambda this, scope: sort(source(this, scope), scope, keys)

    def _binary(self, node: tree.Binary) -> Evaluator:
        left, right = self.compile(node.left), self.compile(node.right)
        if node.operator in closures.LOGICAL:
            return closures.located(closures.logical(node.operator, left, right), node.at)
        if node.operator in closures.ARITHMETIC:
            return closures.located(closures.arithmetic(node.operator, left, right), node.at)
        if node.operator in closures.ORDERS:
            return closures.located(closures.order(closures.ORDERS[node.operator], left, right), node.at)
        if node.operator in ("=", "!="):
            return self._equality(node)
        return closures.located(closures.OTHERS[node.operator](left, right), node.at)

    def _equality(self, node: tree.Binary) -> Evaluator:
        left, wanted = self.compile(node.left), node.operator == "="
        match node.right:
            case tree.Literal(str() as text):
                return closures.equality_to_text(left, text, wanted=wanted)
            case other:
                return closures.equality(left, self.compile(other), wanted=wanted)

    def _type_operation(self, node: tree.TypeOperation) -> Evaluator:
        operand = self.compile(node.operand)
        matches = matcher(node, strict=self.strict)
        if node.operator == "is":
            return closures.is_of(operand, matches)
        if node.operator == "as" and self.strict:
            return closures.as_single(operand, matches)
        return closures.of_type(operand, matches)


_CONSTANT: dict[type, Evaluator] = {
    tree.This: closures.this_itself,
    tree.Index: lambda _this, scope: [scope.index],
    tree.Total: lambda _this, scope: scope.total,
    tree.Empty: closures.constant(EMPTY),
}
