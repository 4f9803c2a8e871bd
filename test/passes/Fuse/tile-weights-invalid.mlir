// RUN: mm1-opt %s --mm1-tile-weights --split-input-file --verify-diagnostics
// RUN: not mm1-opt %s --mm1-tile-weights=target=abacus --split-input-file 2>&1 | FileCheck %s

// CHECK: error: unknown target 'abacus'; known are cpu
// expected-error @below {{'mm1.weight' op is read as a matrix and as a table, which lie differently in memory; give each reader a weight of its own}}
mm1.weight @embed : tensor<512x64xf32> = #mm1.recipe<sources = [#mm1.source<"e" : tensor<512x64xf32>>], steps = []>
func.func @tied(%tokens: tensor<?xi32>) -> tensor<?x512xf32> {
  %t = mm1.load_weight @embed : tensor<512x64xf32>
  // expected-note @below {{read by 'mm1.embedding'}}
  %x = mm1.embedding %tokens, %t : (tensor<?xi32>, tensor<512x64xf32>) -> tensor<?x64xf32>
  // expected-note @below {{matrix of 'mm1.linear'}}
  %y = mm1.linear %x weights(%t) : (tensor<?x64xf32>, tensor<512x64xf32>) -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

// -----

// A single number has no rows to pad.
// expected-error @below {{'mm1.weight' op cannot be laid out: recipe step '#mm1.pad<multiple = 32>' does not fit 'tensor<f32>'}}
mm1.weight @number : tensor<f32> = #mm1.recipe<sources = [#mm1.source<"n" : tensor<f32>>], steps = []>
func.func @no_rows() -> tensor<f32> {
  %n = mm1.load_weight @number : tensor<f32>
  return %n : tensor<f32>
}
