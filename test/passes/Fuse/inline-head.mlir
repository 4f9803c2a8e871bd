// RUN: mm1-opt %s --mm1-inline-head=candidates=8 --split-input-file | FileCheck %s

mm1.weight @table : tensor<100x32xf32> = #mm1.recipe<sources = [#mm1.source<"e" : tensor<100x32xf32>>], steps = []>
mm1.weight @norm : tensor<32xf32> = #mm1.recipe<sources = [#mm1.source<"n" : tensor<32xf32>>], steps = []>

// CHECK-LABEL: func.func @decode
//  CHECK-SAME:   %[[TOKENS:[a-z0-9]*]]: tensor<?xi32> {mm1.name = "tokens"}
//  CHECK-SAME:   %[[MASK:[a-z0-9]*]]: tensor<4xi32> {mm1.name = "vocabulary_mask"}
//  CHECK-SAME:   %[[COUNTS:[a-z0-9]*]]: tensor<?xi32> {mm1.name = "candidate_counts"}
//  CHECK-SAME:   %[[SCALES:[a-z0-9]*]]: tensor<?xf32> {mm1.name = "inverse_temperatures"})
//  CHECK-SAME:   -> (tensor<?x100xf32> {mm1.name = "logits"}, tensor<?x8xf32> {mm1.name = "candidate_values"},
//  CHECK-SAME:       tensor<?x8xi32> {mm1.name = "candidate_ids"}, tensor<?x2xf32> {mm1.name = "candidate_sums"})
//  CHECK-SAME:   attributes {mm1.entry = "decode"}
//       CHECK:   %[[X:.*]] = mm1.embedding %[[TOKENS]]
//   CHECK-NOT:   mm1.gather_rows
//       CHECK:   %[[N:.*]] = mm1.rms_norm %[[X]],
//       CHECK:   %[[LOGITS:.*]] = mm1.linear %[[N]]
//       CHECK:   %[[V:.*]], %[[I:.*]], %[[S:.*]] = mm1.top_candidates %[[LOGITS]], %[[MASK]], %[[COUNTS]], %[[SCALES]] k = 8
//       CHECK:   return %[[LOGITS]], %[[V]], %[[I]], %[[S]] :
func.func @decode(%tokens: tensor<?xi32> {mm1.name = "tokens"}) -> (tensor<?x32xf32> {mm1.name = "hidden"})
    attributes {mm1.entry = "decode"} {
  %t = mm1.load_weight @table : tensor<100x32xf32>
  %x = mm1.embedding %tokens, %t : (tensor<?xi32>, tensor<100x32xf32>) -> tensor<?x32xf32>
  return %x : tensor<?x32xf32>
}

// Prefill keeps its hidden rows.
// CHECK-LABEL: func.func @prefill
//  CHECK-SAME:   ({{[^,]*}}) -> (tensor<?x32xf32> {mm1.name = "hidden"})
func.func @prefill(%tokens: tensor<?xi32> {mm1.name = "tokens"}) -> (tensor<?x32xf32> {mm1.name = "hidden"})
    attributes {mm1.entry = "prefill"} {
  %t = mm1.load_weight @table : tensor<100x32xf32>
  %x = mm1.embedding %tokens, %t : (tensor<?xi32>, tensor<100x32xf32>) -> tensor<?x32xf32>
  return %x : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @head
//  CHECK-SAME:   %[[HIDDEN:[a-z0-9]*]]: tensor<?x32xf32> {mm1.name = "hidden"}, %[[ROWS:[a-z0-9]*]]: tensor<?xi32> {mm1.name = "rows"}
//  CHECK-SAME:   %[[MASK:[a-z0-9]*]]: tensor<4xi32> {mm1.name = "vocabulary_mask"}
//  CHECK-SAME:   -> (tensor<?x100xf32> {mm1.name = "logits"}, tensor<?x8xf32> {mm1.name = "candidate_values"},
//       CHECK:   %[[G:.*]] = mm1.gather_rows %[[HIDDEN]], %[[ROWS]]
//       CHECK:   mm1.rms_norm %[[G]],
//       CHECK:   %[[LOGITS:.*]] = mm1.linear
//       CHECK:   mm1.top_candidates %[[LOGITS]], %[[MASK]],
func.func @head(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}, %rows: tensor<?xi32> {mm1.name = "rows"})
    -> (tensor<?x100xf32> {mm1.name = "logits"}) attributes {mm1.entry = "head"} {
  %g = mm1.gather_rows %hidden, %rows : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  %w = mm1.load_weight @norm : tensor<32xf32>
  %n = mm1.rms_norm %g, %w eps = 1.0e-5 : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %t = mm1.load_weight @table : tensor<100x32xf32>
  %l = mm1.linear %n weights(%t) : (tensor<?x32xf32>, tensor<100x32xf32>) -> tensor<?x100xf32>
  return %l : tensor<?x100xf32>
}

// -----

// A vocabulary smaller than the list: all of it.
mm1.weight @w : tensor<5x32xf32> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<5x32xf32>>], steps = []>
// CHECK-LABEL: func.func @head
//  CHECK-SAME:   tensor<1xi32> {mm1.name = "vocabulary_mask"}
//       CHECK:   mm1.top_candidates {{.*}} k = 5
func.func @head(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}, %rows: tensor<?xi32> {mm1.name = "rows"})
    -> (tensor<?x5xf32> {mm1.name = "logits"}) attributes {mm1.entry = "head"} {
  %g = mm1.gather_rows %hidden, %rows : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  %t = mm1.load_weight @w : tensor<5x32xf32>
  %l = mm1.linear %g weights(%t) : (tensor<?x32xf32>, tensor<5x32xf32>) -> tensor<?x5xf32>
  return %l : tensor<?x5xf32>
}

// -----

// No head: nothing to do.
// CHECK-LABEL: func.func @decode
//  CHECK-SAME:   -> (tensor<?x32xf32> {mm1.name = "hidden"})
func.func @decode(%x: tensor<?x32xf32>) -> (tensor<?x32xf32> {mm1.name = "hidden"}) attributes {mm1.entry = "decode"} {
  return %x : tensor<?x32xf32>
}
