"""The house's order: imports point down only, none stands inside a function, no file outgrows a screenful of screens."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import functrans

ROOT = Path(functrans.__file__).parent
LAYERS = [
    ["source", "util", "errors", "config", "pytree", "tree_util", "tree"],
    ["core"],
    ["lapack", "kernel", "kernel_verify", "scalar_ops", "kernel_interpret"],
    ["primitives"],
    ["numpy"],
    ["transforms"],
    ["compiler"],
    ["calls"],
    [
        "lax", "ad", "ad_checkpoint", "custom_derivatives", "custom_batching", "debug", "experimental", "dtypes", "flatten_util", "random",
        "nn", "optim", "ops", "image", "test_util", "host", "scipy", "ref", "example_libraries",
        "typing",
    ],
]
LAYER_OF = {name: i for i, names in enumerate(LAYERS) for name in names}
FILES = sorted(p for p in ROOT.rglob("*.py"))
COMPILER_IMPORT = ("functrans/calls/jit.py", "functrans.compiler.driver")


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def _module_behind(package, name):
    """The module that ``from package import name`` imports: a file of the package, or the package itself."""
    inner = ROOT.parent.joinpath(*package.split("."), name)
    is_module = package == "functrans" or inner.with_suffix(".py").exists() or (inner / "__init__.py").exists()
    return f"{package}.{name}" if package.startswith("functrans") and is_module else package


def imports(tree):
    """(node, imported module, inside a function) for every import of our own modules."""
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = dict.fromkeys(_module_behind(node.module, a.name) for a in node.names)
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        else:
            continue
        for name in names:
            yield node, name, id(node) in inside


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    module = module_of(path)
    if not module:
        return  # the package itself re-exports everything
    layer = LAYER_OF[module[0]]
    tree = ast.parse(path.read_text())
    relative = f"functrans/{path.relative_to(ROOT).as_posix()}"
    for node, name, inside in imports(tree):
        where = f"{relative}:{node.lineno} imports {name}"
        if inside:
            assert (relative, name) == COMPILER_IMPORT, f"{where} inside a function"
        if name.split(".")[0] == "functrans":
            assert LAYER_OF[name.split(".")[1]] <= layer, f"{where} from a higher layer"


def test_no_import_cycles():
    edges = {}
    for path in FILES:
        module = ".".join(("functrans", *module_of(path)))
        edges[module] = {n for _, n, inside in imports(ast.parse(path.read_text())) if n.startswith("functrans") and not inside}
    state = {}

    def visit(module, trail):
        if state.get(module) == "done" or module not in edges:
            return
        assert state.get(module) != "open", " -> ".join([*trail, module])
        state[module] = "open"
        for target in edges[module]:
            if target != module:
                visit(target, [*trail, module])
        state[module] = "done"

    for module in edges:
        if module not in ("functrans", "functrans.numpy"):
            visit(module, [])


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_small(path):
    assert len(path.read_text().splitlines()) <= 600


def test_import_does_not_load_the_compiler():
    code = "import functrans, sys; assert not any(m.startswith('llvmlite') for m in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT.parent)
