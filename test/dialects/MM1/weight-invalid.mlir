// RUN: mm1-opt %s --split-input-file --verify-diagnostics

// Recipes have errors of their own: recipe-invalid.mlir.

// expected-error @below {{'mm1.weight' op has type 'tensor<64x64xbf16>', but its recipe makes 'tensor<64x128xbf16>'}}
mm1.weight @type_of_recipe_c1 : tensor<64x64xbf16> = #mm1.recipe<
    sources = [#mm1.source<"w" : tensor<64x128xbf16>>], steps = []>

// -----

// The layout is part of the type.
// expected-error @below {{has type 'tensor<64x64xbf16>', but its recipe makes 'tensor<64x64xbf16, #mm1.tiled<panel = 32, depth = 2>>'}}
mm1.weight @layout_of_recipe_c1 : tensor<64x64xbf16> = #mm1.recipe<
    sources = [#mm1.source<"w" : tensor<64x64xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]>
