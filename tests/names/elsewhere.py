"""Public names that are no functions of arrays: by namespace, the file of their tests, and their names."""

from __future__ import annotations

__all__ = ["ELSEWHERE"]

_HERE = "tests/names/test_surface.py"
_HOST = "tests/test_host.py"
_CONFIG = "tests/test_config.py"
_TRANSFORMS = "tests/test_transforms.py"
_LOW = "tests/low_precision/test_dtypes.py"
_PIECES = "tests/numpy/test_pieces.py"
_TREE = "tests/test_tree.py"
_UTIL = "tests/test_util.py"

ELSEWHERE: dict[str, dict[str, str]] = {
    "": {
        _TRANSFORMS: "elementwise_grad eval_shape grad hessian hvp jacfwd jacobian jacrev jvp linear_transpose linearize stop_gradient "
                     "value_and_grad vjp vmap",
        _HOST: "Array block_until_ready device_get device_put ensure_compile_time_eval named_call named_scope print_environment_info",
        _CONFIG: "config debug_infs debug_nans default_float disable_jit enable_checks enable_x64 explain_cache_misses log_compiles",
        _HERE: "clear_caches fwd_and_bwd typeof float0",
        "tests/calls/test_guards.py": "jit make_jaxpr",
        "tests/calls/test_callbacks.py": "ShapeDtypeStruct effects_barrier pure_callback",
        "tests/calls/test_checkpoint.py": "checkpoint remat",
        "tests/calls/test_custom_jvp.py": "custom_jvp",
        "tests/calls/test_custom_vjp.py": "closure_convert custom_gradient custom_vjp",
        "tests/test_ref.py": "Ref empty_ref free_ref freeze new_ref",
        "tests/numpy/test_slices.py": "ds",
        "tests/test_leaks.py": "check_tracer_leaks checking_leaks live_arrays no_tracing",
        "tests/random/test_reuse.py": "debug_key_reuse",
    },
    "ad": {"tests/test_ad.py": "VJP DidntWant DontWant GradRef GradValue"},
    "ref": {"tests/test_ref.py": "Ref addupdate empty_ref free_ref freeze get new_ref set swap"},
    "nn": {"tests/nn/test_scaled_dot.py": "get_scaled_dot_general_config"},
    "numpy": {
        _HERE: "bool bool_ cdouble character complex128 complex64 complex_ complexfloating csingle double e euler_gamma flexible float16 "
               "float32 float64 float_ floating generic inexact inf int16 int32 int64 int8 int_ integer nan ndarray newaxis number "
               "object_ "
               "pi signedinteger single uint uint16 uint32 uint64 uint8 unsignedinteger broadcast_shapes can_cast default_types dtype "
               "finfo "
               "iinfo iscomplexobj isdtype isrealobj isscalar issubdtype ndim promote_types result_type shape size",
        _LOW: "bfloat16 float4_e2m1fn float6_e2m3fn float6_e3m2fn float8_e3m4 float8_e4m3 float8_e4m3b11fnuz float8_e4m3fn "
              "float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu int1 int2 int4 uint1 uint2 uint4",
        _PIECES: "ComplexWarning array_repr array_str from_dlpack frombuffer fromfile fromiter fromstring get_printoptions iterable load "
                 "printoptions save savez set_printoptions",
        "tests/numpy/test_einsum.py": "einsum_path",
        "tests/calls/test_ufunc.py": "frompyfunc ufunc vectorize",
    },
    "numpy.linalg": {_HERE: "EigResult EighResult QRResult SVDResult SlogdetResult"},
    "lax": {
        _HERE: "ConvDimensionNumbers ConvGeneralDilatedDimensionNumbers Precision PrecisionLike DotDimensionNumbers broadcast_shapes "
               "conv_dimension_numbers conv_general_permutations conv_general_shape_tuple conv_shape_tuple conv_transpose_shape_tuple "
               "dtype reduce_window_shape_tuple",
        "tests/primitives/test_convolution.py": "padtype_to_pads",
        "tests/primitives/test_random_words.py": "RandomAlgorithm rng_bit_generator",
        "tests/properties/fft_rows.py": "FftType",
        "tests/primitives/test_indexing.py": "GatherDimensionNumbers GatherScatterMode ScatterDimensionNumbers",
        "tests/primitives/test_elementwise.py": "RoundingMethod stop_gradient",
    },
    "nn.initializers": {_HERE: "Initializer"},
    "random": {"tests/random/test_keys.py": "key_dtype key_impl"},
    "typing": {_HERE: "ArrayLike DTypeLike"},
    "image": {_HERE: "ResizeMethod"},
    "Array": {
        _HERE: "aval dtype flags flat format is_ready item itemsize nbytes ndim shape size tobytes tolist weak_type",
        _HOST: "block_until_ready",
        "tests/numpy/test_bits.py": "device devices to_device",
    },
    "tree": {
        _HERE: "all broadcast flatten flatten_with_path leaves leaves_with_path map map_with_path reduce reduce_associative structure "
               "transpose unflatten",
        _TREE: "static",
    },
    "tree_util": {
        _TREE: "DictKey FlattenedIndexKey GetAttrKey Partial PyTreeDef SequenceKey all_leaves broadcast_prefix default_registry "
               "is_tree_node "
               "keystr prefix_errors register_dataclass register_pytree_node register_pytree_node_class register_pytree_with_keys "
               "register_static tree_flatten tree_flatten_with_path tree_leaves tree_leaves_with_path tree_map tree_map_with_path "
               "tree_structure tree_unflatten treedef_is_leaf treedef_tuple",
        _HERE: "KeyEntry KeyPath PyTreeRegistry equality_errors flatten_one_level flatten_one_level_with_keys "
               "register_pytree_with_keys_class tree_all tree_broadcast tree_reduce tree_reduce_associative tree_transpose "
               "treedef_children",
    },
    "flatten_util": {"tests/test_flatten_util.py": "ravel_pytree"},
    "custom_derivatives": {
        "tests/calls/test_custom_jvp.py": "SymbolicZero custom_jvp zero_from_primal",
        "tests/calls/test_custom_vjp.py": "CustomVJPPrimal closure_convert custom_gradient custom_vjp custom_vjp_primal_tree_values "
                                          "linear_call",
    },
    "custom_batching": {"tests/calls/test_custom_vmap.py": "custom_vmap sequential_vmap"},
    "ad_checkpoint": {
        "tests/calls/test_checkpoint.py": "Offloadable Recompute Saveable checkpoint checkpoint_name print_saved_residuals remat "
                                          "saved_residuals",
    },
    "debug": {
        "tests/test_debug.py": "DebugEffect OrderedDebugEffect SingleDeviceSharding breakpoint callback inspect_array_sharding log print "
                               "visualize_array_sharding",
        _HERE: "visualize_sharding",
    },
    "scipy.optimize": {_HERE: "OptimizeResults"},
    "dtypes": {
        _HOST: "TypePromotionError canonicalize_dtype extended issubdtype itemsize_bits prng_key result_type scalar_type_of",
        _HERE: "finfo iinfo float0",
        _LOW: "bfloat16",
    },
    "errors": {
        _UTIL: "ConcretizationTypeError FunctransError InconclusiveDimensionOperation JAXIndexError JAXTypeError JaxRuntimeError "
               "JaxprTypeError KeyReuseError NonConcreteBooleanIndexError TracerIntegerConversionError boolean_index_error",
        "tests/calls/test_guards.py": "FunctransRuntimeError TracerArrayConversionError TracerBoolConversionError",
        "tests/test_bad_input.py": "UnexpectedTracerError",
        _HOST: "TypePromotionError",
    },
    "experimental": {"tests/calls/test_callbacks.py": "io_callback"},
    "experimental.jet": {"tests/experimental/test_jet.py": "jet"},
    "experimental.checkify": {
        "tests/experimental/test_checkify.py": "Error FailedCheckError JaxRuntimeError all_checks automatic_checks check "
                                               "check_error checkify debug_check div_checks float_checks index_checks init_error "
                                               "nan_checks user_checks",
        _HERE: "DivisionByZeroError ErrorCategory NaNError OOBError",
    },
    "test_util": {"tests/test_test_util.py": "check_grads check_jit check_jvp check_vjp check_vmap"},
    "optim": {
        _HERE: "scale_by_adadelta scale_by_adam scale_by_adamax scale_by_amsgrad scale_by_belief scale_by_learning_rate scale_by_lion "
               "scale_by_radam scale_by_rms scale_by_rss scale_by_schedule scale_by_sign scale_by_yogi clip identity stateless "
               "with_extra_args_support "
               "BacktrackingLinesearchInfo EmaState EmptyState GradientTransformation GradientTransformationExtraArgs "
               "InjectHyperparamsState MaskedNode MaskedState MultiTransformState PartitionState ScaleByAdaDeltaState ScaleByAdamState "
               "ScaleByAmsgradState ScaleByBacktrackingLinesearchState ScaleByBeliefState ScaleByLBFGSState ScaleByLionState "
               "ScaleByRStdDevState ScaleByRStdDevWithCountState ScaleByRmsState ScaleByRmsWithCountState ScaleByRssState "
               "ScaleByScheduleState ScaleByZoomLinesearchState Schedule TraceState ZoomLinesearchInfo",
        "tests/optim/problems.py": "adabelief adadelta adagrad adam adamax adamaxw adamw amsgrad centralize chain clip_by_block_rms "
                                   "clip_by_global_norm constant_schedule cosine_decay_schedule cosine_onecycle_schedule ema "
                                   "exponential_decay inject_hyperparams join_schedules lamb lars linear_onecycle_schedule "
                                   "linear_schedule "
                                   "lion multi_transform nadam nadamw piecewise_constant_schedule piecewise_interpolate_schedule "
                                   "polynomial_schedule radam rmsprop scale scale_by_stddev scale_by_trust_ratio sgd sgdr_schedule "
                                   "sign_sgd "
                                   "warmup_constant_schedule warmup_cosine_decay_schedule warmup_exponential_decay_schedule yogi",
        "tests/optim/test_transformations.py": "add_decayed_weights apply_updates global_norm incremental_update masked "
                                               "named_chain partition set_to_zero trace",
        "tests/optim/test_lbfgs.py": "lbfgs scale_by_backtracking_linesearch scale_by_lbfgs scale_by_zoom_linesearch "
                                     "value_and_grad_from_state",
    },
}
