// RUN: mm1-opt %s --mm1-merge-linears --split-input-file | FileCheck %s
// RUN: mm1-opt %s --mm1-merge-linears=max-weights=2 --split-input-file | FileCheck %s --check-prefix=TWO

mm1.weight @q : tensor<64x64xf32> = #mm1.recipe<sources = [#mm1.source<"q" : tensor<64x64xf32>>], steps = []>
mm1.weight @k : tensor<32x64xf32> = #mm1.recipe<sources = [#mm1.source<"k" : tensor<32x64xf32>>], steps = []>
mm1.weight @v : tensor<32x64xf32> = #mm1.recipe<sources = [#mm1.source<"v" : tensor<32x64xf32>>], steps = []>
// q, k and v become one op where q stood, whatever their widths; loads move up.
// CHECK-LABEL: func.func @q_k_and_v
//  CHECK-SAME:   (%[[U:[a-z0-9]*]]:
//   CHECK-DAG:   %[[WQ:.*]] = mm1.load_weight @q
//   CHECK-DAG:   %[[WK:.*]] = mm1.load_weight @k
//   CHECK-DAG:   %[[WV:.*]] = mm1.load_weight @v
//       CHECK:   %[[QKV:.*]]:3 = mm1.linear %[[U]] weights(%[[WQ]], %[[WK]], %[[WV]]) :
//   CHECK-NOT:   mm1.linear
//       CHECK:   return %[[QKV]]#0, %[[QKV]]#1, %[[QKV]]#2
func.func @q_k_and_v(%u: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  %wq = mm1.load_weight @q : tensor<64x64xf32>
  %q = mm1.linear %u weights(%wq) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %wk = mm1.load_weight @k : tensor<32x64xf32>
  %k = mm1.linear %u weights(%wk) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  %wv = mm1.load_weight @v : tensor<32x64xf32>
  %v = mm1.linear %u weights(%wv) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  return %q, %k, %v : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// -----

// int8: the scales come along, in order.
// CHECK-LABEL: func.func @int8_experts
//  CHECK-SAME:   %[[W1:[a-z0-9]*]]: tensor<4x96x64xi8>, %[[S1:.*]]: tensor<4x96xf32>, %[[W3:.*]]: tensor<4x96x64xi8>, %[[S3:.*]]: tensor<4x96xf32>)
//       CHECK:   %[[Y:.*]]:2 = mm1.expert_linear %{{.*}} weights(%[[W1]], %[[W3]]) scales(%[[S1]], %[[S3]])
//       CHECK:   return %[[Y]]#0, %[[Y]]#1
func.func @int8_experts(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w1: tensor<4x96x64xi8>,
    %s1: tensor<4x96xf32>, %w3: tensor<4x96x64xi8>, %s3: tensor<4x96xf32>) -> (tensor<?x2x96xf32>, tensor<?x2x96xf32>) {
  %g = mm1.expert_linear %x, %ids weights(%w1) scales(%s1)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xi8>, tensor<4x96xf32>) -> tensor<?x2x96xf32>
  %u = mm1.expert_linear %x, %ids weights(%w3) scales(%s3)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xi8>, tensor<4x96xf32>) -> tensor<?x2x96xf32>
  return %g, %u : tensor<?x2x96xf32>, tensor<?x2x96xf32>
}

// -----

// Other rows, another routing, another type of weights: left alone.
// CHECK-LABEL: func.func @other_rows
// CHECK-COUNT-2: mm1.linear %{{.*}} weights(%{{[a-z0-9]*}}) :
func.func @other_rows(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>, %w: tensor<32x64xf32>, %v: tensor<32x64xf32>)
    -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %a = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  %b = mm1.linear %y weights(%v) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  return %a, %b : tensor<?x32xf32>, tensor<?x32xf32>
}
// CHECK-LABEL: func.func @other_routing
// CHECK-COUNT-2: mm1.expert_linear %{{.*}} weights(%{{[a-z0-9]*}}) :
func.func @other_routing(%x: tensor<?x64xf32>, %o: tensor<?x2xi32>, %p: tensor<?x2xi32>,
                         %w: tensor<2x32x64xf32>) -> (tensor<?x2x32xf32>, tensor<?x2x32xf32>) {
  %a = mm1.expert_linear %x, %o weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x32x64xf32>) -> tensor<?x2x32xf32>
  %b = mm1.expert_linear %x, %p weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x32x64xf32>) -> tensor<?x2x32xf32>
  return %a, %b : tensor<?x2x32xf32>, tensor<?x2x32xf32>
}
// CHECK-LABEL: func.func @other_weights
// CHECK-COUNT-2: mm1.linear %{{.*}} weights(%{{[a-z0-9]*}}) :
func.func @other_weights(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16>, %v: tensor<32x64xf32>)
    -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %a = mm1.linear %x weights(%w) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  %b = mm1.linear %x weights(%v) : (tensor<?x64xbf16>, tensor<32x64xf32>) -> tensor<?x32xf32>
  return %a, %b : tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// Results of two types: the gate is stored in bf16, what silu reads stays f32.
// CHECK-LABEL: func.func @other_results
//       CHECK:   mm1.linear %{{.*}} weights(%{{.*}}, %{{.*}}) : {{.*}} -> (tensor<?x96xf32>, tensor<?x32xbf16>)
func.func @other_results(%x: tensor<?x64xbf16>, %w: tensor<96x64xbf16>, %v: tensor<32x64xbf16>)
    -> (tensor<?x96xf32>, tensor<?x32xbf16>) {
  %a = mm1.linear %x weights(%w) : (tensor<?x64xbf16>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  %b = mm1.linear %x weights(%v) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xbf16>
  return %a, %b : tensor<?x96xf32>, tensor<?x32xbf16>
}

// -----

// The second weight is computed from the first result: the second linear cannot move up.
// CHECK-LABEL: func.func @computed_later
// CHECK-COUNT-2: mm1.linear %{{.*}} weights(%{{[a-z0-9]*}}) :
func.func @computed_later(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64x64xf32>) {
  %a = mm1.linear %x weights(%w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = mm1.linear %x weights(%a) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %a, %b : tensor<64x64xf32>, tensor<64x64xf32>
}

// -----

// As many as max-weights in one op, the others in the next.
// CHECK-LABEL: func.func @four
//       CHECK:   %[[A:.*]]:3 = mm1.linear
//       CHECK:   %[[B:.*]] = mm1.linear
//       CHECK:   return %[[A]]#0, %[[A]]#1, %[[A]]#2, %[[B]] :
//   TWO-LABEL: func.func @four
//         TWO:   %[[A:.*]]:2 = mm1.linear
//         TWO:   %[[B:.*]]:2 = mm1.linear
//         TWO:   return %[[A]]#0, %[[A]]#1, %[[B]]#0, %[[B]]#1 :
func.func @four(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>)
    -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  %a = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  %b = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  %c = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  %d = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  return %a, %b, %c, %d : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}
