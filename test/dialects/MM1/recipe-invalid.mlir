// RUN: mm1-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{recipe sources are #mm1.source, found "w"}}
mm1.weight @source_kind : tensor<4xf32> = #mm1.recipe<sources = ["w"], steps = []>

// -----

// expected-error @below {{recipe expects one tensor at its end, found 0}}
mm1.weight @nothing : tensor<4xf32> = #mm1.recipe<sources = [], steps = []>

// -----

// expected-error @below {{recipe expects one tensor at its end, found 2 (join them with stack or concat)}}
mm1.weight @two_left : tensor<4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>, #mm1.source<"b" : tensor<4xf32>>], steps = []>

// -----

// expected-error @below {{recipe step '#mm1.cast<bf16>' expects one tensor, found 2 (join them with stack or concat)}}
mm1.weight @join_first : tensor<4xbf16> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>, #mm1.source<"b" : tensor<4xf32>>], steps = [#mm1.cast<bf16>]>

// -----

// expected-error @below {{recipe step 'stack' expects tensors, found none}}
mm1.weight @stack_nothing : tensor<4xf32> = #mm1.recipe<sources = [], steps = [#mm1.stack]>

// -----

// expected-error @below {{recipe step 'stack' expects equal tensors, found 'tensor<4xf32>' and 'tensor<5xf32>'}}
mm1.weight @stack_unequal : tensor<2x4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>, #mm1.source<"b" : tensor<5xf32>>], steps = [#mm1.stack]>

// -----

// expected-error @below {{recipe step 'concat' has axis 1, but the tensors have rank 1}}
mm1.weight @concat_axis : tensor<8xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>, #mm1.source<"b" : tensor<4xf32>>], steps = [#mm1.concat<axis = 1>]>

// -----

// expected-error @below {{recipe step 'concat' cannot join 'tensor<4xf32>' and 'tensor<4xbf16>'}}
mm1.weight @concat_types : tensor<8xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>, #mm1.source<"b" : tensor<4xbf16>>], steps = [#mm1.concat<axis = 0>]>

// -----

// expected-error @below {{recipe step 'concat' along 0 cannot join 'tensor<4x2xf32>' and 'tensor<4x3xf32>'}}
mm1.weight @concat_shapes : tensor<8x2xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4x2xf32>>, #mm1.source<"b" : tensor<4x3xf32>>], steps = [#mm1.concat<axis = 0>]>

// -----

// expected-error @below {{recipe step '#mm1.slice<axis = 0, offset = 3, size = 2>' does not fit 'tensor<4xf32>'}}
mm1.weight @slice_past_end : tensor<2xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = [#mm1.slice<axis = 0, offset = 3, size = 2>]>

// -----

// expected-error @below {{recipe step '#mm1.slice<axis = 2, offset = 0, size = 2>' does not fit 'tensor<4xf32>'}}
mm1.weight @slice_axis : tensor<2xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = [#mm1.slice<axis = 2, offset = 0, size = 2>]>

// -----

// An offset whose sum with the size would overflow.
// expected-error @below {{does not fit 'tensor<4xf32>'}}
mm1.weight @slice_overflow : tensor<2xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>],
    steps = [#mm1.slice<axis = 0, offset = 9223372036854775807, size = 2>]>

// -----

// expected-error @below {{recipe step '#mm1.slice<axis = 0, offset = 0, size = 0>' does not fit 'tensor<4xf32>'}}
mm1.weight @slice_empty : tensor<4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = [#mm1.slice<axis = 0, offset = 0, size = 0>]>

// -----

// expected-error @below {{recipe step 'quantize' expects a float matrix, found 'tensor<4xf32>'}}
mm1.weight @quantize_vector : tensor<4xi8> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = [#mm1.quantize<int8_rows>]>

// -----

// expected-error @below {{recipe step 'quantize' expects a float matrix, found 'tensor<4x4xi8>'}}
mm1.weight @quantize_twice : tensor<4x4xi8> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4x4xf32>>], steps = [#mm1.quantize<int8_rows>, #mm1.quantize<int8_rows>]>

// -----

// expected-error @below {{recipe step 'quantize_scales' expects a float matrix, found 'tensor<4xf32>'}}
mm1.weight @scales_of_vector : tensor<4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = [#mm1.quantize_scales<int8_rows>]>

// -----

// expected-error @below {{recipe step '#mm1.cast<none>' expects a float type}}
mm1.weight @cast_to_what : tensor<4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = [#mm1.cast<none>]>

// -----

// expected-error @below {{recipe step '#mm1.tile<panel = 32, depth = 2>' does not fit 'tensor<4xf32>'}}
mm1.weight @tile_vector : tensor<4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = [#mm1.tile<panel = 32, depth = 2>]>

// -----

// expected-error @below {{recipe step '#mm1.tile<panel = 0, depth = 2>' does not fit 'tensor<4x4xf32>'}}
mm1.weight @tile_of_zero : tensor<4x4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4x4xf32>>], steps = [#mm1.tile<panel = 0, depth = 2>]>

// -----

// expected-error @below {{recipe step '#mm1.swizzle<rows = 64, order = natural>': #mm1.swizzled expects matrices [..., N, K] of f32, bf16 or i8, found 'tensor<4xf32>'}}
mm1.weight @swizzle_vector : tensor<4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = [#mm1.swizzle<rows = 64, order = natural>]>

// -----

// expected-error @below {{recipe step '#mm1.swizzle<rows = 64, order = fragment>': #mm1.swizzled expects order = natural for 'bf16'; fragment order is of i8}}
mm1.weight @fragments_of_floats : tensor<4x4xbf16> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4x4xbf16>>], steps = [#mm1.swizzle<rows = 64, order = fragment>]>

// -----

// Tiles come after slices.
// expected-error @below {{recipe step '#mm1.slice<axis = 0, offset = 0, size = 64>' follows one that fixed the layout; layout comes last}}
mm1.weight @slice_tiles : tensor<64x64xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<128x64xf32>>],
    steps = [#mm1.swizzle<rows = 64, order = natural>, #mm1.slice<axis = 0, offset = 0, size = 64>]>

// -----

// expected-error @below {{recipe step '#mm1.pad<multiple = -1>' does not fit 'tensor<4xf32>'}}
mm1.weight @pad_negative : tensor<4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = [#mm1.pad<multiple = -1>]>

// -----

// expected-error @below {{recipe step '#mm1.pad<multiple = 32>' follows one that fixed the layout; layout comes last}}
mm1.weight @layout_last : tensor<4x4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4x4xf32>>], steps = [#mm1.tile<panel = 32, depth = 1>, #mm1.pad<multiple = 32>]>

// -----

// expected-error @below {{recipe step '#mm1.rope_frequencies<theta = 1.000000e+04 : f64, width = 8>' makes its own tensor, but others are at hand}}
mm1.weight @made_and_read : tensor<4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = [#mm1.rope_frequencies<theta = 1.0e4 : f64, width = 8>]>

// -----

// expected-error @below {{recipe step '#mm1.rope_frequencies<theta = 1.000000e+04 : f64, width = 1>' makes nothing}}
mm1.weight @no_frequencies : tensor<4xf32> = #mm1.recipe<
    sources = [], steps = [#mm1.rope_frequencies<theta = 1.0e4 : f64, width = 1>]>

// -----

// expected-error @below {{makes nothing}}
mm1.weight @no_heads : tensor<4xf32> = #mm1.recipe<sources = [], steps = [
    #mm1.lightning_slopes<heads = 0, layer = 0, layers = 8, rule = geometric, factor = native>]>

// -----

// expected-error @below {{recipe step '"shuffle"' is none that recipes have}}
mm1.weight @unknown_step : tensor<4xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4xf32>>], steps = ["shuffle"]>

// -----

// expected-error @below {{recipe source 'a' has a dimension of unknown size, 'tensor<?x4xf32>'}}
mm1.weight @unknown_size : tensor<?x4xf32> = #mm1.recipe<sources = [#mm1.source<"a" : tensor<?x4xf32>>], steps = []>
