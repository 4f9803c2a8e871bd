// RUN: mm1-opt %s --mm1-form-clusters --split-input-file | FileCheck %s
// RUN: mm1-opt %s --mm1-form-clusters --split-input-file --mlir-print-debuginfo --mlir-print-local-scope \
// RUN:   | FileCheck %s --check-prefix=LOC

// An op that reads an anchor's result in place joins it as epilogue; the result itself is not stored.
// CHECK-LABEL: func.func @epilogue
//       CHECK:   %[[Y:.*]] = mm1.cluster matmul(%{{.*}}, %{{.*}}) :
//       CHECK:     %[[P:.*]] = mm1.linear
//       CHECK:     %[[S:.*]] = mm1.silu %[[P]]
//       CHECK:     mm1.yield %[[S]] :
//       CHECK:   return %[[Y]]
func.func @epilogue(%x: tensor<?x64xf32>, %w: tensor<192x64xf32>) -> tensor<?x192xf32> {
  %p = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<192x64xf32>) -> tensor<?x192xf32>
  %y = mm1.silu %p : tensor<?x192xf32>
  return %y : tensor<?x192xf32>
}

// -----

// A value that is needed elsewhere too is stored, not computed twice.
// CHECK-LABEL: func.func @epilogue_and_result
//       CHECK:   %[[Y:.*]]:2 = mm1.cluster matmul
//       CHECK:     %[[P:.*]] = mm1.linear
//       CHECK:     %[[S:.*]] = mm1.silu
//       CHECK:     mm1.yield %[[P]], %[[S]]
//   CHECK-NOT:   mm1.linear
//       CHECK:   return %[[Y]]#0, %[[Y]]#1
func.func @epilogue_and_result(%x: tensor<?x64xf32>, %w: tensor<192x64xf32>) -> (tensor<?x192xf32>, tensor<?x192xf32>) {
  %p = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<192x64xf32>) -> tensor<?x192xf32>
  %y = mm1.silu %p : tensor<?x192xf32>
  return %p, %y : tensor<?x192xf32>, tensor<?x192xf32>
}

// -----

// silu(g) * u: both results of one linear are in registers at the same place.
// CHECK-LABEL: func.func @gated
//       CHECK:   mm1.cluster grouped_matmul
//       CHECK:     %[[GU:.*]]:2 = mm1.expert_linear
//       CHECK:     %[[S:.*]] = mm1.silu %[[GU]]#0
//       CHECK:     %[[H:.*]] = mm1.mul %[[S]], %[[GU]]#1
//       CHECK:     mm1.yield %[[H]] :
//   CHECK-NOT:   mm1.cluster
func.func @gated(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w1: tensor<4x96x64xf32>,
                 %w3: tensor<4x96x64xf32>) -> tensor<?x2x96xf32> {
  %g, %u = mm1.expert_linear %x, %ids weights(%w1, %w3)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>, tensor<4x96x64xf32>)
        -> (tensor<?x2x96xf32>, tensor<?x2x96xf32>)
  %s = mm1.silu %g : tensor<?x2x96xf32>
  %h = mm1.mul %s, %u : tensor<?x2x96xf32>
  return %h : tensor<?x2x96xf32>
}

// -----

// combine sums over the choices of a token: its operand is not in a register at its place, so it stays out of the experts'
// cluster. It feeds the norm through the residual.
// CHECK-LABEL: func.func @combine_is_prologue_of_the_next_norm
//       CHECK:   mm1.cluster grouped_matmul
//       CHECK:     mm1.expert_linear
//  CHECK-NEXT:     mm1.yield
//       CHECK:   mm1.cluster row_reduction
//       CHECK:     %[[F:.*]] = mm1.combine
//       CHECK:     %[[X:.*]] = mm1.residual %{{.*}}, %[[F]]
//       CHECK:     %[[N:.*]] = mm1.rms_norm %[[X]]
//       CHECK:     mm1.yield %[[N]] :
func.func @combine_is_prologue_of_the_next_norm(
    %h: tensor<?x2x96xf32>, %ids: tensor<?x2xi32>, %w2: tensor<4x64x96xf32>,
    %w: tensor<?x2xf32>, %m: tensor<?x64xf32>, %wn: tensor<64xf32>) -> tensor<?x64xf32> {
  %d = mm1.expert_linear %h, %ids weights(%w2)
      : (tensor<?x2x96xf32>, tensor<?x2xi32>, tensor<4x64x96xf32>) -> tensor<?x2x64xf32>
  %f = mm1.combine %d, %w : (tensor<?x2x64xf32>, tensor<?x2xf32>) -> tensor<?x64xf32>
  %x = mm1.residual %m, %f alpha = 3.5 beta = 1.0 : tensor<?x64xf32>
  %n = mm1.rms_norm %x, %wn eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}

// -----

// Without postnorm the stream is the residual itself: the norm's cluster stores it as well.
// CHECK-LABEL: func.func @prologue_needed_later_is_yielded
//       CHECK:   %[[C:.*]]:2 = mm1.cluster row_reduction
//       CHECK:     %[[X:.*]] = mm1.residual
//       CHECK:     %[[N:.*]] = mm1.rms_norm %[[X]]
//       CHECK:     mm1.yield %[[X]], %[[N]]
//       CHECK:   mm1.cluster matmul(%[[C]]#1, %{{.*}}, %[[C]]#0)
//       CHECK:     mm1.linear
//       CHECK:     mm1.residual
func.func @prologue_needed_later_is_yielded(%x0: tensor<?x64xf32>, %f: tensor<?x64xf32>, %wn: tensor<64xf32>,
                                            %w: tensor<64x64xf32>) -> tensor<?x64xf32> {
  %x = mm1.residual %x0, %f alpha = 1.0 beta = 1.0 : tensor<?x64xf32>
  %n = mm1.rms_norm %x, %wn eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %a = mm1.linear %n weights(%w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %y = mm1.residual %x, %a alpha = 1.0 beta = 1.0 : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// The linear reads the residual before the norm exists: as the norm's prologue it would come too late.
// CHECK-LABEL: func.func @prologue_needed_earlier_stays_alone
//       CHECK:   %[[X:.*]] = mm1.cluster elementwise
//       CHECK:     mm1.residual
//       CHECK:   %[[B:.*]] = mm1.cluster matmul(%[[X]],
//       CHECK:   mm1.cluster row_reduction(%[[X]],
//  CHECK-NEXT:   ^bb0
//  CHECK-NEXT:     mm1.rms_norm
func.func @prologue_needed_earlier_stays_alone(%x0: tensor<?x64xf32>, %f: tensor<?x64xf32>, %wn: tensor<64xf32>,
    %w: tensor<64x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %x = mm1.residual %x0, %f alpha = 1.0 beta = 1.0 : tensor<?x64xf32>
  %b = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %n = mm1.rms_norm %x, %wn eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return %b, %n : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// The gate is ready long before the norm, so the last maker takes the op: the linear is left alone.
// CHECK-LABEL: func.func @latest_maker_takes_the_epilogue
//       CHECK:   %[[G:.*]] = mm1.cluster matmul
//       CHECK:     mm1.linear
//  CHECK-NEXT:     mm1.yield
//       CHECK:   mm1.cluster row_reduction(%{{.*}}, %{{.*}}, %[[G]])
//       CHECK:     mm1.rms_norm
//  CHECK-NEXT:     mm1.sigmoid_gate
func.func @latest_maker_takes_the_epilogue(%u: tensor<?x64xf32>, %o: tensor<?x64xf32>, %wn: tensor<64xf32>,
                                           %w: tensor<64x64xf32>) -> tensor<?x64xf32> {
  %g = mm1.linear %u weights(%w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %n = mm1.rms_norm %o, %wn eps = 1.0e-6 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %y = mm1.sigmoid_gate %n, %g : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// Each waits for the other's result in its epilogue: no order of two clusters would do, so one product stands alone.
// CHECK-LABEL: func.func @no_cycle
//       CHECK:   mm1.cluster matmul
//       CHECK:     mm1.linear
//  CHECK-NEXT:     mm1.yield
//       CHECK:   mm1.cluster matmul
//       CHECK:     mm1.linear
//  CHECK-NEXT:     mm1.mul
//  CHECK-NEXT:     mm1.residual
func.func @no_cycle(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>, %v: tensor<64x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %a = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %b = mm1.linear %x weights(%v) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %p = mm1.mul %a, %b : tensor<?x64xf32>
  %q = mm1.residual %a, %b alpha = 1.0 beta = 2.0 : tensor<?x64xf32>
  return %p, %q : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// Rotation reads another column of q, so it is no epilogue of the linear; attention rotates what it reads. The angles are
// needed by many and read at other columns: they are made once, for themselves.
// CHECK-LABEL: func.func @rope_feeds_attention
//       CHECK:   %[[A:.*]]:2 = mm1.cluster elementwise(%{{.*}}, %{{.*}}) :
//       CHECK:     mm1.rope_angles
//       CHECK:   %[[Q:.*]] = mm1.cluster matmul
//       CHECK:     mm1.linear
//  CHECK-NEXT:     mm1.yield
//       CHECK:   %[[C:.*]] = mm1.cluster cache_append(%{{.*}}, %[[A]]#0, %[[A]]#1,
//       CHECK:     %[[RK:.*]] = mm1.rope
//       CHECK:     mm1.cache_append %[[RK]],
//       CHECK:   mm1.cluster attention(%[[Q]], %[[A]]#0, %[[A]]#1, %[[C]],
//       CHECK:     %[[RQ:.*]] = mm1.rope
//       CHECK:     mm1.softmax_attention %[[RQ]],
func.func @rope_feeds_attention(
    %u: tensor<?x64xf32>, %w: tensor<64x64xf32>, %k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %freq: tensor<4xf32>,
    %cache: tensor<?x2x2x64x16xf32>, %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
    %pages: tensor<?x?xi32>) -> (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>) {
  %cos, %sin = mm1.rope_angles %positions, %freq : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  %q = mm1.linear %u weights(%w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %rq = mm1.rope %q, %cos, %sin head_dim = 16 : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
  %rk = mm1.rope %k, %cos, %sin head_dim = 16 : (tensor<?x32xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x32xf32>
  %c = mm1.cache_append %rk, %v, %cache batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> tensor<?x2x2x64x16xf32>
  %o = mm1.softmax_attention %rq, %c batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return %o, %c : tensor<?x64xf32>, tensor<?x2x2x64x16xf32>
}

// -----

// Attention cannot store its prologue: rotated queries that someone else reads get a cluster of their own.
// CHECK-LABEL: func.func @attention_stores_no_prologue
//       CHECK:   %[[R:.*]] = mm1.cluster elementwise
//       CHECK:     mm1.rope
//       CHECK:   mm1.cluster attention(%[[R]],
func.func @attention_stores_no_prologue(
    %q: tensor<?x64xf32>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>, %cache: tensor<?x2x2x64x16xf32>,
    %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %r = mm1.rope %q, %cos, %sin head_dim = 16 : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
  %o = mm1.softmax_attention %r, %cache batch(%slots, %starts, %positions, %pages) scale = 0.25
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  return %r, %o : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// What no anchor takes becomes an elementwise cluster: the whole chain, with a stop where the shape changes.
// CHECK-LABEL: func.func @elementwise_chain
//       CHECK:   %[[H:.*]] = mm1.cluster elementwise
//       CHECK:     mm1.silu
//  CHECK-NEXT:     mm1.mul
//  CHECK-NEXT:     mm1.yield
//       CHECK:   mm1.cluster elementwise(%[[H]],
//       CHECK:     mm1.combine
//  CHECK-NEXT:     mm1.residual
func.func @elementwise_chain(%g: tensor<?x2x64xf32>, %u: tensor<?x2x64xf32>, %w: tensor<?x2xf32>, %x: tensor<?x64xf32>)
    -> tensor<?x64xf32> {
  %s = mm1.silu %g : tensor<?x2x64xf32>
  %h = mm1.mul %s, %u : tensor<?x2x64xf32>
  %f = mm1.combine %h, %w : (tensor<?x2x64xf32>, tensor<?x2xf32>) -> tensor<?x64xf32>
  %y = mm1.residual %x, %f alpha = 2.0 beta = 1.0 : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// Rows of the table go straight into the norm. Loads stay outside.
mm1.weight @table : tensor<32x64xf32> = #mm1.recipe<sources = [#mm1.source<"table" : tensor<32x64xf32>>], steps = []>
mm1.weight @norm : tensor<64xf32> = #mm1.recipe<sources = [#mm1.source<"norm" : tensor<64xf32>>], steps = []>
// CHECK-LABEL: func.func @first_layer
//       CHECK:   %[[T:.*]] = mm1.load_weight @table
//       CHECK:   %[[W:.*]] = mm1.load_weight @norm
//       CHECK:   mm1.cluster row_reduction(%{{.*}}, %[[T]], %[[W]])
//       CHECK:     mm1.embedding
//  CHECK-NEXT:     mm1.rms_norm
func.func @first_layer(%tokens: tensor<?xi32>) -> tensor<?x64xf32> {
  %t = mm1.load_weight @table : tensor<32x64xf32>
  %x = mm1.embedding %tokens, %t : (tensor<?xi32>, tensor<32x64xf32>) -> tensor<?x64xf32>
  %w = mm1.load_weight @norm : tensor<64xf32>
  %n = mm1.rms_norm %x, %w eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}

// -----

// A cluster has the location of its anchor.
// CHECK-LABEL: func.func @location
//       CHECK:   mm1.cluster row_reduction
//   LOC-LABEL: func.func @location
//         LOC:   mm1.cluster row_reduction
//         LOC:   } loc("model.layers.3")
//    LOC-NEXT:   return
func.func @location(%x: tensor<?x64xf32>, %w: tensor<64xf32>) -> tensor<?x64xf32> {
  %n = mm1.rms_norm %x, %w eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32> loc("model.layers.3")
  %y = mm1.silu %n : tensor<?x64xf32> loc("elsewhere")
  return %y : tensor<?x64xf32>
}

// -----

// The kernel of a recurrence takes no epilogue: what follows stands alone.
// CHECK-LABEL: func.func @anchor_takes_no_epilogue
//       CHECK:   mm1.cluster recurrence
//       CHECK:     mm1.lightning_attention
//  CHECK-NEXT:     mm1.yield
//       CHECK:   mm1.cluster elementwise
//       CHECK:     mm1.silu
func.func @anchor_takes_no_epilogue(
    %qkv: tensor<?x192xf32>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %v: tensor<?xi32>)
    -> (tensor<?x64xf32>, tensor<?x4x16x16xf32>) {
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%v, %v, %v)
      : (tensor<?x192xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
        -> (tensor<?x64xf32>, tensor<?x4x16x16xf32>)
  %y = mm1.silu %o : tensor<?x64xf32>
  return %y, %s1 : tensor<?x64xf32>, tensor<?x4x16x16xf32>
}

// -----

// The norm and what follows it both read silu(x): in the epilogue it would be gone, so it is stored first.
// CHECK-LABEL: func.func @prologue_and_epilogue_read_it
//       CHECK:   %[[S:.*]] = mm1.cluster elementwise
//       CHECK:     mm1.silu
//       CHECK:   mm1.cluster row_reduction(%[[S]],
//  CHECK-NEXT:   ^bb0
//  CHECK-NEXT:     mm1.rms_norm
//  CHECK-NEXT:     mm1.mul
func.func @prologue_and_epilogue_read_it(%x: tensor<?x64xf32>, %w: tensor<64xf32>) -> tensor<?x64xf32> {
  %s = mm1.silu %x : tensor<?x64xf32>
  %n = mm1.rms_norm %s, %w eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %y = mm1.mul %s, %n : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// The gate of the second product is made by a cluster behind the first: joining the first would be a circle.
// CHECK-LABEL: func.func @waits_for_a_later_cluster
//       CHECK:   %[[A:.*]] = mm1.cluster matmul
//       CHECK:     mm1.linear
//  CHECK-NEXT:     mm1.yield
//       CHECK:   %[[R:.*]] = mm1.cluster attention(%[[A]],
//       CHECK:   mm1.cluster elementwise(%[[A]], %[[R]])
//       CHECK:     mm1.mul
func.func @waits_for_a_later_cluster(
    %x: tensor<?x64xf32>, %w: tensor<64x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %pages: tensor<?x?xi32>)
    -> tensor<?x64xf32> {
  %a = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %r = mm1.softmax_attention %a, %cache batch(%v, %v, %v, %pages) scale = 0.25
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
  %y = mm1.mul %a, %r : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
