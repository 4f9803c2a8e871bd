// RUN: mm1-opt %s --mm1-widen-intermediates | FileCheck %s

// Of silu(g) * u only the product is rounded.
// CHECK-LABEL: func.func @gated
//       CHECK:   mm1.linear %{{.*}} -> (tensor<?x96xf32>, tensor<?x96xf32>)
//       CHECK:   mm1.silu %{{.*}} : tensor<?x96xf32>
//       CHECK:   mm1.mul %{{.*}} : (tensor<?x96xf32>, tensor<?x96xf32>) -> tensor<?x96xbf16>
func.func @gated(%x: tensor<?x64xbf16>, %w: tensor<96x64xbf16>) -> tensor<?x96xbf16> {
  %g, %u = mm1.linear %x weights(%w, %w)
      : (tensor<?x64xbf16>, tensor<96x64xbf16>, tensor<96x64xbf16>) -> (tensor<?x96xbf16>, tensor<?x96xbf16>)
  %s = mm1.silu %g : tensor<?x96xbf16>
  %y = mm1.mul %s, %u : tensor<?x96xbf16>
  return %y : tensor<?x96xbf16>
}

// A norm's kernel makes its operand itself, from what no other anchor has made.
// CHECK-LABEL: func.func @combine_residual_norm
//       CHECK:   mm1.combine %{{.*}} -> tensor<?x64xf32>
//       CHECK:   mm1.residual %{{.*}} : (tensor<?x64xbf16>, tensor<?x64xf32>) -> tensor<?x64xf32>
//       CHECK:   mm1.rms_norm %{{.*}} -> tensor<?x64xf32>
//       CHECK:   mm1.sigmoid_gate %{{.*}} : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
func.func @combine_residual_norm(%x: tensor<?x64xbf16>, %e: tensor<?x2x64xbf16>, %c: tensor<?x2xf32>, %w: tensor<64xbf16>)
    -> tensor<?x64xbf16> {
  %f = mm1.combine %e, %c : (tensor<?x2x64xbf16>, tensor<?x2xf32>) -> tensor<?x64xbf16>
  %r = mm1.residual %x, %f alpha = 3.5 beta = 1.0 : tensor<?x64xbf16>
  %n = mm1.rms_norm %r, %w eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
  %y = mm1.sigmoid_gate %n, %x : tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// The sum is also kept, for the next block.
// CHECK-LABEL: func.func @kept_sum
//       CHECK:   mm1.residual %{{.*}} -> tensor<?x64xbf16>
//       CHECK:   mm1.rms_norm %{{.*}} : (tensor<?x64xbf16>,
func.func @kept_sum(%x: tensor<?x64xbf16>, %e: tensor<?x2x64xbf16>, %c: tensor<?x2xf32>, %w: tensor<64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %f = mm1.combine %e, %c : (tensor<?x2x64xbf16>, tensor<?x2xf32>) -> tensor<?x64xbf16>
  %r = mm1.residual %x, %f alpha = 3.5 beta = 1.0 : tensor<?x64xbf16>
  %n = mm1.rms_norm %r, %w eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
  return %r, %n : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// The linear's kernel makes the sum; the norm's reads it from memory.
// CHECK-LABEL: func.func @linear_residual_norm
//       CHECK:   mm1.linear %{{.*}} -> tensor<?x64xf32>
//       CHECK:   mm1.residual %{{.*}} : (tensor<?x64xbf16>, tensor<?x64xf32>) -> tensor<?x64xbf16>
//       CHECK:   mm1.rms_norm %{{.*}} : (tensor<?x64xbf16>,
func.func @linear_residual_norm(%x: tensor<?x64xbf16>, %m: tensor<64x64xbf16>, %w: tensor<64xbf16>) -> tensor<?x64xbf16> {
  %a = mm1.linear %x weights(%m) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
  %r = mm1.residual %x, %a alpha = 3.5 beta = 1.0 : tensor<?x64xbf16>
  %n = mm1.rms_norm %r, %w eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// The gate's linear reads other rows than the norm and comes before it, so what it makes waits in memory.
// CHECK-LABEL: func.func @gate_waits
//       CHECK:   mm1.linear %{{.*}} -> tensor<?x64xf32>
//       CHECK:   mm1.silu %{{.*}} : (tensor<?x64xf32>) -> tensor<?x64xbf16>
//       CHECK:   mm1.rms_norm %{{.*}} -> tensor<?x64xf32>
//       CHECK:   mm1.sigmoid_gate %{{.*}} : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
func.func @gate_waits(%x: tensor<?x64xbf16>, %o: tensor<?x64xbf16>, %m: tensor<64x64xbf16>, %w: tensor<64xbf16>)
    -> tensor<?x64xbf16> {
  %g = mm1.linear %x weights(%m) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
  %s = mm1.silu %g : tensor<?x64xbf16>
  %n = mm1.rms_norm %o, %w eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
  %y = mm1.sigmoid_gate %n, %s : tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// Nothing but the weight of its norm is behind the recurrence, yet the gate's linear comes before it.
// CHECK-LABEL: func.func @gate_waits_for_recurrence
//       CHECK:   mm1.linear %{{.*}} -> tensor<?x64xbf16>
//       CHECK:   mm1.scale_columns %{{.*}} -> tensor<?x64xf32>
//       CHECK:   mm1.sigmoid_gate %{{.*}} : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
func.func @gate_waits_for_recurrence(%x: tensor<?x64xbf16>, %q: tensor<?x64xbf16>, %cache: tensor<?x2x2x64x16xbf16>,
    %i: tensor<?xi32>, %p: tensor<?x?xi32>, %m: tensor<64x64xbf16>, %w: tensor<64xbf16>) -> tensor<?x64xbf16> {
  %g = mm1.linear %x weights(%m) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
  %o = mm1.softmax_attention %q, %cache batch(%i, %i, %i, %p) scale = 0.25
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  %v = mm1.scale_columns %o, %w : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
  %y = mm1.sigmoid_gate %v, %g : tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// Two linears of the same rows may become one.
// CHECK-LABEL: func.func @gated_by_two
//       CHECK:   mm1.linear %{{.*}} -> tensor<?x96xf32>
//       CHECK:   mm1.linear %{{.*}} -> tensor<?x96xf32>
//       CHECK:   mm1.silu %{{.*}} : tensor<?x96xf32>
//       CHECK:   mm1.mul %{{.*}} : (tensor<?x96xf32>, tensor<?x96xf32>) -> tensor<?x96xbf16>
func.func @gated_by_two(%x: tensor<?x64xbf16>, %w: tensor<96x64xbf16>) -> tensor<?x96xbf16> {
  %g = mm1.linear %x weights(%w) : (tensor<?x64xbf16>, tensor<96x64xbf16>) -> tensor<?x96xbf16>
  %u = mm1.linear %x weights(%w) : (tensor<?x64xbf16>, tensor<96x64xbf16>) -> tensor<?x96xbf16>
  %s = mm1.silu %g : tensor<?x96xbf16>
  %y = mm1.mul %s, %u : tensor<?x96xbf16>
  return %y : tensor<?x96xbf16>
}

// Somebody else reads it from memory: the caller, or an op that reads other places too.
// CHECK-LABEL: func.func @stored
//       CHECK:   mm1.linear %{{.*}} -> tensor<?x64xbf16>
//       CHECK:   mm1.silu %{{.*}} : (tensor<?x64xbf16>) -> tensor<?x64xf32>
//       CHECK:   mm1.mul %{{.*}} : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
//       CHECK:   mm1.rope
func.func @stored(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>, %cos: tensor<?x4xf32>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %a = mm1.linear %x weights(%w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
  %s = mm1.silu %a : tensor<?x64xbf16>
  %m = mm1.mul %s, %a : tensor<?x64xbf16>
  %r = mm1.rope %m, %cos, %cos head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
  return %r, %a : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// Each result of a linear for itself.
// CHECK-LABEL: func.func @one_of_two
//       CHECK:   mm1.linear %{{.*}} -> (tensor<?x64xf32>, tensor<?x64xbf16>)
//       CHECK:   mm1.silu %{{.*}} : (tensor<?x64xf32>) -> tensor<?x64xbf16>
func.func @one_of_two(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %k, %v = mm1.linear %x weights(%w, %w)
      : (tensor<?x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>)
  %s = mm1.silu %k : tensor<?x64xbf16>
  return %s, %v : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// Copies have nothing to round.
// CHECK-LABEL: func.func @copies
//       CHECK:   mm1.embedding %{{.*}} -> tensor<?x64xbf16>
//       CHECK:   mm1.gather_rows %{{.*}} -> tensor<?x64xbf16>
func.func @copies(%t: tensor<?xi32>, %table: tensor<512x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %x = mm1.embedding %t, %table : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xbf16>
  %a = mm1.silu %x : tensor<?x64xbf16>
  %g = mm1.gather_rows %a, %t : (tensor<?x64xbf16>, tensor<?xi32>) -> tensor<?x64xbf16>
  %b = mm1.silu %g : tensor<?x64xbf16>
  return %a, %b : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// Attention's kernel takes no epilogue: its result always goes through memory.
// CHECK-LABEL: func.func @no_epilogue
//       CHECK:   mm1.softmax_attention %{{.*}} -> tensor<?x64xbf16>
func.func @no_epilogue(%q: tensor<?x64xbf16>, %cache: tensor<?x2x2x64x16xbf16>, %i: tensor<?xi32>, %p: tensor<?x?xi32>)
    -> tensor<?x64xbf16> {
  %o = mm1.softmax_attention %q, %cache batch(%i, %i, %i, %p) scale = 0.25
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  %y = mm1.sigmoid_gate %o, %q : tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
