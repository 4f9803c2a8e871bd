// RUN: mm1-opt %s --mm1-inline-head --split-input-file --verify-diagnostics
// RUN: not mm1-opt %S/inline-head.mlir --mm1-inline-head=candidates=0 --split-input-file 2>&1 | FileCheck %s
// RUN: not mm1-opt %S/inline-head.mlir --mm1-inline-head=candidates=1025 --split-input-file 2>&1 | FileCheck %s
// CHECK: error: 'func.func' op expects from 1 to 1024 candidates, found {{0|1025}}

// expected-error @below {{expects the arguments 'hidden' and 'rows'}}
func.func @head(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}) -> tensor<?x32xf32> attributes {mm1.entry = "head"} {
  return %hidden : tensor<?x32xf32>
}

// -----

// expected-error @below {{expects one result, the logits in f32}}
func.func @head(%hidden: tensor<?x32xbf16> {mm1.name = "hidden"}, %rows: tensor<?xi32> {mm1.name = "rows"})
    -> tensor<?x32xbf16> attributes {mm1.entry = "head"} {
  return %hidden : tensor<?x32xbf16>
}

// -----

func.func @head(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}, %rows: tensor<?xi32> {mm1.name = "rows"})
    -> tensor<?x32xf32> attributes {mm1.entry = "head"} {
  // expected-error @below {{reads the rows that get logits; only an 'mm1.gather_rows' of the hidden rows may}}
  %x = mm1.embedding %rows, %hidden : (tensor<?xi32>, tensor<?x32xf32>) -> tensor<?x32xf32>
  return %x : tensor<?x32xf32>
}

// -----

// expected-error @below {{expects to return the hidden rows, 'tensor<?x32xf32>'}}
func.func @decode(%x: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {mm1.entry = "decode"} {
  return %x : tensor<?x64xf32>
}
func.func @head(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}, %rows: tensor<?xi32> {mm1.name = "rows"})
    -> tensor<?x32xf32> attributes {mm1.entry = "head"} {
  %g = mm1.gather_rows %hidden, %rows : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  return %g : tensor<?x32xf32>
}
