// RUN: mm1-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{a swizzled tile expects a multiple of 8 rows from 8 to 256, found rows = 60}}
func.func private @rows_c1(tensor<192x64xbf16, #mm1.swizzled<rows = 60, order = natural>>)

// -----

// expected-error @below {{a swizzled tile expects a multiple of 8 rows from 8 to 256, found rows = 0}}
func.func private @no_rows_c1(tensor<192x64xbf16, #mm1.swizzled<rows = 0, order = natural>>)

// -----

// expected-error @below {{a swizzled tile expects a multiple of 8 rows from 8 to 256, found rows = 264}}
func.func private @many_rows_c1(tensor<192x64xbf16, #mm1.swizzled<rows = 264, order = natural>>)

// -----

// The step has the same rule.
// expected-error @below {{a swizzled tile expects a multiple of 8 rows from 8 to 256, found rows = -8}}
func.func private @step_c1() attributes {mm1.step = #mm1.swizzle<rows = -8, order = natural>}

// -----

// expected-error @below {{#mm1.swizzled expects matrices [..., N, K] of f32, bf16 or i8, found 'tensor<64xbf16>'}}
func.func private @vector_c2(tensor<64xbf16, #mm1.swizzled<rows = 64, order = natural>>)

// -----

// expected-error @below {{#mm1.swizzled expects matrices [..., N, K] of f32, bf16 or i8, found 'tensor<64x64xi32>'}}
func.func private @element_c2(tensor<64x64xi32, #mm1.swizzled<rows = 64, order = natural>>)

// -----

// expected-error @below {{#mm1.swizzled expects order = natural for 'f32'; fragment order is of i8}}
func.func private @order_c3(tensor<64x64xf32, #mm1.swizzled<rows = 64, order = fragment>>)
