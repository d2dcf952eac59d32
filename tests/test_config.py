"""Options: reading, process-wide updates, overrides in contexts, threads and tasks."""

from __future__ import annotations

import asyncio
import dataclasses
import doctest
import importlib
import threading

import numpy as np
import pytest

from functrans.config import (
    Options,
    config,
    debug_infs,
    debug_nans,
    default_float,
    disable_jit,
    enable_checks,
    enable_x64,
    explain_cache_misses,
    log_compiles,
    options,
    trace_key,
)


@pytest.fixture(autouse=True)
def restore():
    before = options()
    yield
    for field in dataclasses.fields(Options):
        config.update(field.name, getattr(before, field.name))


def test_doctests():
    result = doctest.testmod(importlib.import_module("functrans.config"))
    assert result.attempted > 0 and result.failed == 0


def test_defaults():
    assert options() == Options()
    assert config.default_float == np.dtype("float64") and config.jax_enable_x64 is True
    assert (config.max_paths, config.check, config.traceback_filtering) == (16, False, True)


@pytest.mark.parametrize("name, value, target, expected", [
    ("jax_enable_x64", False, "default_float", np.dtype("float32")), ("max_paths", 3, "max_paths", 3),
    ("jax_debug_nans", True, "debug_nans", True), ("jax_enable_checks", True, "check", True),
    ("default_float", np.float32, "default_float", np.dtype("float32")), ("check", np.True_, "check", True),
    ("jax_traceback_filtering", "off", "traceback_filtering", False),
])  # fmt: skip
def test_update(name, value, target, expected):
    config.update(name, value)
    assert getattr(config, target) == expected and type(getattr(config, target)) is type(expected)
    assert getattr(options(), target) == expected


@pytest.mark.parametrize("name, value, error, text", [
    ("jax_enabel_x64", True, AttributeError, "unknown option 'jax_enabel_x64'; the options are check, check_tracer_leaks"),
    ("default_float", "float16", ValueError, "must be float32 or float64, got 'float16'"),
    ("default_float", None, ValueError, "must be float32 or float64, got None"),
    ("default_float", "flot", ValueError, "got 'flot'"), ("debug_nans", 1, TypeError, "True or False, got 1"),
    ("max_paths", 0, ValueError, "at least 1, got 0"), ("max_paths", True, TypeError, "must be an integer"),
    ("jax_traceback_filtering", "of", ValueError, "got 'of'"),
])  # fmt: skip
def test_bad_updates_change_nothing(name, value, error, text):
    with pytest.raises(error, match=text):
        config.update(name, value)
    with pytest.raises(error, match=text):
        config(**{name: value})
    assert options() == Options()


def test_options_are_read_only():
    with pytest.raises(AttributeError, match=r"use config\.update"):
        config.check = True
    with pytest.raises(AttributeError, match="unknown option 'nothing'"):
        config.nothing  # noqa: B018
    with pytest.raises(ValueError, match="at least 1"):
        Options(max_paths=-1)


def test_contexts_nest_and_end_on_errors():
    with config(default_float="float32", max_paths=2) as outer:
        assert outer is options() and config.max_paths == 2
        with pytest.raises(KeyError), config(max_paths=5):
            assert (config.max_paths, config.default_float) == (5, np.dtype("float32"))
            raise KeyError
        assert options() is outer
    assert options() == Options()


CONTEXTS = [(disable_jit, "disable_jit"), (debug_nans, "debug_nans"), (debug_infs, "debug_infs"),
            (log_compiles, "log_compiles"), (explain_cache_misses, "explain_cache_misses"),
            (enable_checks, "check")]  # fmt: skip


@pytest.mark.parametrize("context, name", CONTEXTS)
def test_named_contexts(context, name):
    with context():
        assert options() == dataclasses.replace(Options(), **{name: True})
        with context(False):
            assert options() == Options()
    assert options() == Options()


def test_float_contexts():
    with enable_x64(False):
        assert config.default_float == np.dtype("float32") and not config.jax_enable_x64
        with default_float(np.float64):
            assert config.default_float == np.dtype("float64")
    with enable_x64():
        assert config.default_float == np.dtype("float64")


def test_update_inside_a_context_leaves_the_overridden_option():
    with config(max_paths=2):
        config.update("max_paths", 7)
        config.update("check", True)
        assert (config.max_paths, config.check) == (2, True)
        with config(debug_nans=True):
            assert (config.max_paths, config.check, config.debug_nans) == (2, True, True)
    assert (config.max_paths, config.check) == (7, True)


def test_updates_reach_other_threads_and_contexts_do_not():
    seen = []
    config.update("max_paths", 9)
    with config(check=True):
        thread = threading.Thread(target=lambda: seen.append((config.max_paths, config.check)))
        thread.start()
        thread.join()
    assert seen == [(9, False)]


def test_async_tasks_keep_their_own_contexts():
    async def task(paths):
        with config(max_paths=paths):
            await asyncio.sleep(0)
            return config.max_paths

    async def run():
        return await asyncio.gather(task(2), task(3), task(4))

    assert asyncio.run(run()) == [2, 3, 4]


def test_trace_key():
    base = trace_key(Options())
    assert hash(base) == hash(trace_key(Options()))
    assert trace_key(Options(default_float=np.dtype("float32"))) != base
    assert trace_key(Options(debug_nans=True)) != base
    assert trace_key(Options(log_compiles=True, disable_jit=True, traceback_filtering=False)) == base
